"""What the ring promises its readers: no torn record, ever, whatever the writer does or where it dies.

Every check is run a second time on a writer with the one fault it is there to find, and must find it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit

from hft.compiled import ring_advance, ring_cursor, ring_lost, ring_poll, ring_start_index, ring_validate
from hft.layout.dtypes import MARKET_EVENT, RegionKind
from hft.regions import Region, RingReader

SECONDS_MAX = 20.0
LAPS_MIN = 1000


@contextlib.contextmanager
def _writer(build: Path, path: Path, capacity_records: int, variant: str) -> Iterator[None]:
    program = build / "contract" / "contract_torn_reads"
    command = [program, "write", str(path), str(capacity_records), variant]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()


def _json(*command: str | Path) -> dict[str, int]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    result: dict[str, int] = json.loads(done.stdout)
    return result


def _read(build: Path, path: Path, seconds: float = SECONDS_MAX) -> dict[str, int]:
    return _json(build / "contract" / "contract_torn_reads", "read", path, str(LAPS_MIN), str(seconds))


def test_a_lapped_reader_in_another_process_never_accepts_a_torn_record(
    contract_build: Path, shm_directory: Path
) -> None:
    with _writer(contract_build, shm_directory / "ring", 64, "two_phase"):
        seen = _read(contract_build, shm_directory / "ring")
    assert seen["torn"] == 0
    assert seen["laps"] >= LAPS_MIN
    assert seen["accepted"] >= 1000
    assert seen["overtaken"] >= 100, "the reader was never in danger: this run proves nothing"


def test_the_same_reader_catches_a_writer_that_leaves_out_the_busy_phase(
    contract_build: Path, shm_directory: Path
) -> None:
    end = time.monotonic() + SECONDS_MAX
    with _writer(contract_build, shm_directory / "ring", 64, "without_busy"):
        torn = 0
        while torn == 0 and time.monotonic() < end:
            torn = _read(contract_build, shm_directory / "ring", 1.0)["torn"]
    assert torn > 0


@njit(nogil=True)
def _read_compiled(ring: int, words: Any) -> tuple[int, int, int]:
    """(accepted, overtaken, torn) of one poll; words: (capacity, 16) uint64 over the ring's slots."""
    count = ring_poll(ring, words.shape[0])
    start = ring_start_index(ring)
    sequence = ring_cursor(ring) + np.uint64(1)
    broken = 0
    for i in range(count):
        base = (sequence + np.uint64(i)) * np.uint64(0x9E3779B97F4A7C15)
        for j in range(1, 16):
            if words[start + i, j] != base + np.uint64(j):
                broken += 1
                break
    if ring_validate(ring) == 0:
        return 0, 1, 0
    ring_advance(ring, count)
    return count, 0, broken


def _compiled_totals(path: Path, until_torn: bool) -> dict[str, int]:
    region = Region.open(str(path), RegionKind.MARKET_RING)
    words = region.records(MARKET_EVENT).view(np.uint64).reshape(-1, 16)
    reader, capacity = RingReader(region), region.capacity_records
    totals = {"accepted": 0, "overtaken": 0, "torn": 0, "laps": 0}
    begin, end = reader.head, time.monotonic() + SECONDS_MAX
    enough = False
    while not enough and time.monotonic() < end:
        for turn in range(1000):
            if turn % 2 == 0:  # at the oldest record, right in front of the writer
                reader.seek(max(0, reader.head - capacity))
            seen = _read_compiled(reader.address, words)
            for name, count in zip(("accepted", "overtaken", "torn"), seen, strict=True):
                totals[name] += count
        totals["laps"] = (reader.head - begin) // capacity
        survived = totals["laps"] >= LAPS_MIN and totals["overtaken"] >= 100 and totals["accepted"] >= 1000
        enough = totals["torn"] > 0 if until_torn else survived
    totals["lost"] = ring_lost(reader.address)
    return totals


def test_a_lapped_compiled_python_reader_never_accepts_a_torn_record(
    contract_build: Path, shm_directory: Path
) -> None:
    with _writer(contract_build, shm_directory / "ring", 64, "two_phase"):
        seen = _compiled_totals(shm_directory / "ring", until_torn=False)
    assert seen["torn"] == 0
    assert seen["laps"] >= LAPS_MIN
    assert seen["accepted"] >= 1000
    assert seen["lost"] > 0
    assert seen["overtaken"] >= 100, "the reader was never in danger: this run proves nothing"


def test_the_compiled_reader_catches_a_writer_that_leaves_out_the_busy_phase(
    contract_build: Path, shm_directory: Path
) -> None:
    with _writer(contract_build, shm_directory / "ring", 64, "without_busy"):
        seen = _compiled_totals(shm_directory / "ring", until_torn=True)
    assert seen["torn"] > 0


def test_a_writer_killed_at_any_instruction_of_a_publish_tears_nothing_and_strands_nobody(
    contract_build: Path, shm_directory: Path
) -> None:
    seen = _json(
        contract_build / "contract" / "contract_killed_writer", "publish", shm_directory, "two_phase"
    )
    assert (seen["torn"], seen["stuck"], seen["miscounted"]) == (0, 0, 0)
    # The kills went through the whole publish: before, within both phases, and after.
    assert seen["untouched"] > 0
    assert seen["busy"] >= 15
    assert seen["numbered"] > 0
    assert seen["head_moved"] > 0


def test_the_same_kills_catch_a_writer_that_leaves_out_the_busy_phase(
    contract_build: Path, shm_directory: Path
) -> None:
    seen = _json(
        contract_build / "contract" / "contract_killed_writer", "publish", shm_directory, "without_busy"
    )
    assert seen["torn"] > 0


@pytest.mark.parametrize("part", ["ring", "queue", "board", "stats"])
def test_thread_sanitizer_finds_no_data_race(tsan_build: Path, part: str) -> None:
    done = subprocess.run(
        [tsan_build / "contract" / "contract_races", part], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-6000:]


def test_thread_sanitizer_reports_a_ring_of_plain_stores(tsan_build: Path) -> None:
    done = subprocess.run(
        [tsan_build / "contract" / "contract_races", "ring_plain"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 66
    assert "data race" in done.stderr
