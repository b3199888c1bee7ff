"""Shared memory is full, whichever region is the one that does not fit: named, with its size, and nothing half made."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from feedd_harness import BIN, Feed, Feedd

EX_OSERR = 71
PAGE_BYTES = 4096
CAPACITY = {
    "market_ring_records": 1024, "updates_ring_records": 1024, "instruments": 2048, "orders": 1024, "levels": 1024,
}  # fmt: skip
# As feedd makes them.
REGIONS = (
    "stats", "market.ring", "market.board", "updates.ring", "gateway.state", "gateway.positions", "gateway.orders",
)  # fmt: skip


@pytest.mark.parametrize("name", ["market.board", "updates.ring", "gateway.positions", "gateway.orders"])
def test_the_region_that_does_not_fit_is_named_with_its_size(
    make_feedd: Callable[..., Feedd], feed: Feed, tiny_tmpfs: Path, name: str
) -> None:
    feedd = make_feedd(feed.keys(), capacity=CAPACITY)
    feedd.run_directory = tiny_tmpfs / "run"
    text = feedd.config.read_text().replace(str(feedd.directory / "run"), str(feedd.run_directory))
    feedd.config.write_text(text)
    feedd.start()
    sizes = {each: (feedd.run_directory / "feedd" / each).stat().st_size for each in REGIONS}
    assert feedd.stop() == 0
    for path in (feedd.run_directory / "feedd").iterdir():
        path.unlink()
    fits = sum(sizes[each] for each in REGIONS[: REGIONS.index(name)])
    size = fits + max(sizes[name] // 2 // PAGE_BYTES, 1) * PAGE_BYTES
    subprocess.run(["mount", "-o", f"remount,size={size}", tiny_tmpfs], check=True)
    done = subprocess.run(
        [BIN / "feedd", "--config", feedd.config], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == EX_OSERR, done.stderr
    where = feedd.run_directory / "feedd" / name
    assert f"{where}: allocate {sizes[name]} bytes (" in done.stderr
    assert "No space left on device" in done.stderr
    assert not where.exists()
