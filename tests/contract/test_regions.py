"""What regions promise whoever starts, dies, fills the disk or comes second."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hft.layout.dtypes import MARKET_EVENT, RegionKind
from hft.regions import AlreadyRunning, DaemonLock, Region, RegionError, RingReader, RingWriter

HUGE_PAGE_BYTES = 2 << 20
POOL = Path("/sys/kernel/mm/hugepages/hugepages-2048kB")


@contextlib.contextmanager
def _mounted(directory: Path, kind: str, options: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip(f"mounting {kind} needs root")
    point = directory / kind
    point.mkdir()
    done = subprocess.run(
        ["mount", "-t", kind, "-o", options, "none", str(point)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting {kind} is not possible here: {done.stderr.strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", str(point)], check=True)


@pytest.fixture
def huge_pages(tmp_path: Path) -> Iterator[Path]:
    """A 2 MB hugetlbfs of the test's own, at least 16 free pages; the pool is put back afterwards."""
    if not POOL.exists():
        pytest.skip("this kernel has no 2 MB huge pages")
    count = POOL / "nr_hugepages"
    before = int(count.read_text())
    with _mounted(tmp_path, "hugetlbfs", "pagesize=2M") as point:
        try:
            count.write_text(str(before + 32))
        except OSError as error:
            pytest.skip(f"the huge page pool can not be changed here: {error}")
        try:
            if int((POOL / "free_hugepages").read_text()) < 16:
                pytest.skip("the kernel did not find 16 free huge pages")
            yield point
        finally:
            count.write_text(str(before))


def _ring(path: Path, capacity_records: int, require_huge_pages: bool = False) -> Region:
    return Region.create(str(path), RegionKind.MARKET_RING, capacity_records, 128, require_huge_pages)


def test_a_writer_killed_at_any_system_call_of_create_leaves_the_old_generation_or_the_new(
    contract_build: Path, shm_directory: Path
) -> None:
    done = subprocess.run(
        [contract_build / "contract" / "contract_killed_writer", "create", shm_directory],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    seen = json.loads(done.stdout)
    assert (seen["stuck"], seen["wrong"]) == (0, 0)
    assert seen["old_generation"] > 0
    assert seen["new_generation"] > 0
    assert seen["left_temporaries"] > 0, "no kill hit the time between birth and rename"


def test_a_full_file_system_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    with _mounted(tmp_path, "tmpfs", "size=1m") as point:
        old = _ring(point / "market.ring", 1024)
        with pytest.raises(
            RegionError, match=r"market\.ring: allocate \d+ bytes \(\d+ were free\): No space left"
        ):
            _ring(point / "market.ring", 8192)
        assert list(point.iterdir()) == [point / "market.ring"]
        assert not old.retired
        assert Region.open(str(point / "market.ring"), RegionKind.MARKET_RING).generation == old.generation


def test_huge_pages_back_a_region_in_whole_pages(huge_pages: Path) -> None:
    region = _ring(huge_pages / "market.ring", 1024, require_huge_pages=True)
    assert region.page_bytes == HUGE_PAGE_BYTES
    assert region.size_bytes == HUGE_PAGE_BYTES
    writer, reader = RingWriter(region), RingReader(Region.open(region.path, RegionKind.MARKET_RING))
    writer.publish(np.zeros(1, MARKET_EVENT))
    assert reader.poll(1) == 1
    old = Region.open(region.path, RegionKind.MARKET_RING)
    _ring(huge_pages / "market.ring", 1024, require_huge_pages=True)
    assert old.retired


def test_an_exhausted_huge_page_pool_is_a_clear_error_and_leaves_nothing(huge_pages: Path) -> None:
    free_bytes = int((POOL / "free_hugepages").read_text()) * HUGE_PAGE_BYTES
    capacity_records = 1 << (2 * free_bytes // 128).bit_length()
    with pytest.raises(RegionError, match=rf"allocate .*\({free_bytes} were free\).*No space left"):
        _ring(huge_pages / "market.ring", capacity_records, require_huge_pages=True)
    assert not list(huge_pages.iterdir())
    assert int((POOL / "free_hugepages").read_text()) * HUGE_PAGE_BYTES == free_bytes


def test_small_pages_are_refused_when_huge_pages_are_required(shm_directory: Path) -> None:
    with pytest.raises(RegionError, match="huge_pages"):
        _ring(shm_directory / "market.ring", 8, require_huge_pages=True)


def test_a_second_instance_is_refused_naming_the_first(shm_directory: Path) -> None:
    code = (
        "import sys; from hft.regions import DaemonLock\nwith DaemonLock(sys.argv[1]): print('held'); input()"
    )
    command = [sys.executable, "-c", code, str(shm_directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=rf"pid {first.pid}\b"):
            DaemonLock(str(shm_directory))
        first.kill()
    with DaemonLock(str(shm_directory)):
        pass  # a killed holder holds no more


def test_a_held_lock_survives_a_child_process(shm_directory: Path) -> None:
    with DaemonLock(str(shm_directory)):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        code = "import sys; from hft.regions import DaemonLock; DaemonLock(sys.argv[1])"
        second = subprocess.run(
            [sys.executable, "-c", code, str(shm_directory)], capture_output=True, text=True, check=False
        )
        assert f"pid {os.getpid()}" in second.stderr
