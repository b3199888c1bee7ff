"""hft.host.pages: the pool holds two of everything that the daemons really make."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hft.config import parse
from hft.host.pages import PAGE_BYTES, SMALL_REGIONS, pool_pages, region_pages

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "feedd" / "daemon"))
from feedd_harness import Feed, Feedd

FEED = '[feedd.feed]\nline_a = "127.0.0.1:26477"\n'
BRAIND = '[braind]\nmodel = "/m"\nsymbols = ["A"]\n'


def pages_of(directory: Path) -> dict[str, int]:
    files = [path for path in directory.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(directory)): -(-path.stat().st_size // PAGE_BYTES) for path in files}


def test_feedds_own_regions_take_what_was_counted(shm_directory: Path) -> None:
    feed = Feed()
    feedd = Feedd(
        shm_directory, feed.keys(), {"market_ring_records": 1 << 16, "instruments": 8192}, "backoff"
    ).start()
    try:
        made = pages_of(feedd.run_directory)
        config = parse(FEED + "[feedd.capacity]\nmarket_ring_records = 65536\ninstruments = 8192\n")
    finally:
        feedd.kill()
        feed.close()
    small = [name for name, pages in made.items() if pages == 1]
    assert sum(made.values()) <= region_pages(config)
    assert region_pages(config) - sum(made.values()) <= SMALL_REGIONS
    assert len(small) <= SMALL_REGIONS


@pytest.mark.parametrize(("huge_pages", "pool"), [(0, None), (500, 500)])
def test_the_pool_is_twice_the_regions_unless_the_plan_says(huge_pages: int, pool: int | None) -> None:
    config = parse(f"[host]\nhuge_pages = {huge_pages}\n{FEED}{BRAIND}")
    assert pool_pages(config) == (pool or 2 * region_pages(config))


def test_bigger_capacities_take_more_pages() -> None:
    bigger = parse(FEED + "[feedd.capacity]\nmarket_ring_records = 2097152\n")
    assert region_pages(bigger) - region_pages(parse(FEED)) == 64
