"""What the control regions promise: fence and veto keep their inode, no word is lost, damage is refused and stays."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft.layout.dtypes import CloseReason, LoopState, RegionKind, VetoReason, dtype
from hft.regions import (
    FENCE_INSTRUMENTS,
    FENCE_STRATEGIES,
    RECORDS_OFFSET,
    FenceWriter,
    ProgressWriter,
    Region,
    RegionError,
    RegionMissing,
    fence_token,
    monotonic_ns,
    read_control_record,
)

WORDS = st.integers(0, 2**64 - 1)
VETO_WORD = 80  # its offset in the header
SECONDS_MAX = 20.0


def adopt_fence(path: Path, mode: int = 0o640) -> Region:
    return Region.adopt(str(path), int(RegionKind.FENCE), dtype("Fence").itemsize, mode=mode)


def adopt_veto(path: Path) -> Region:
    return Region.adopt(str(path), int(RegionKind.VETO), dtype("VetoNote").itemsize, mode=0o660)


def fence_words(region: Region) -> dict[str, int]:
    return read_control_record(region, "Fence")


def test_an_adopted_region_keeps_its_inode_its_generation_and_every_word(shm_directory: Path) -> None:
    path = shm_directory / "fence"
    first = adopt_fence(path)
    writer = FenceWriter(first)
    writer.open(7, 1234, 5678)
    assert writer.pause_instrument(FENCE_INSTRUMENTS - 1, True)
    first.set_veto(99)
    inode, before, bytes_before = (
        path.stat().st_ino,
        fence_words(first),
        first.bytes()[RECORDS_OFFSET:].tobytes(),
    )
    second = adopt_fence(path)
    assert (path.stat().st_ino, second.generation, second.veto) == (inode, first.generation, 99)
    assert fence_words(second) == before
    assert second.bytes()[RECORDS_OFFSET:].tobytes() == bytes_before
    assert before == {
        "token": 1234, "lease_deadline_ns": 5678, "epoch": 7, "reason": 0, "closed_ts_ns": 0, "paused_all": 0,
        "shut_ts_ns": 0,
    }  # fmt: skip


def test_a_retired_region_is_live_again_once_adopted(shm_directory: Path) -> None:
    first = adopt_fence(shm_directory / "fence")
    first.retire()
    assert first.retired
    second = adopt_fence(shm_directory / "fence")
    assert not second.retired
    assert not first.retired, "it is the same page"
    assert second.writer_pid == os.getpid()


def test_two_adopters_and_a_reader_see_one_word(shm_directory: Path) -> None:
    path = shm_directory / "veto"
    one, other = adopt_veto(path), adopt_veto(path)
    reader = Region.open(str(path), int(RegionKind.VETO))
    one.set_veto(int(VetoReason.OPERATOR))
    assert (one.veto, other.veto, reader.veto) == (1, 1, 1)
    other.set_veto(int(VetoReason.NONE))
    assert (one.veto, other.veto, reader.veto) == (0, 0, 0)


def test_another_process_may_write_what_its_mode_allows_without_being_its_creator(
    shm_directory: Path,
) -> None:
    path = shm_directory / "veto"
    veto = adopt_veto(path)
    pid_before = veto.writer_pid
    code = (
        "import sys; from hft._native import Region; "
        "Region.open_writable(sys.argv[1], int(sys.argv[2])).set_veto(1)"
    )
    subprocess.run([sys.executable, "-c", code, path, str(int(RegionKind.VETO))], check=True)
    assert veto.veto == 1
    assert veto.writer_pid == pid_before, "opening is not adopting"


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077, 0o777])
@pytest.mark.parametrize("mode", [0o660, 0o640])
def test_the_mode_is_what_was_asked_for_whatever_the_umask(
    shm_directory: Path, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        adopt_fence(shm_directory / "fence", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((shm_directory / "fence").stat().st_mode) == mode


def overwrite(path: Path, offset: int, value: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(value)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "magic": (lambda path: overwrite(path, 0, b"\0" * 8), "magic differs"),
    "layout": (lambda path: overwrite(path, 8, b"\1" * 8), "was written by another build"),
    "unfinished": (lambda path: overwrite(path, 16, b"\0" * 8), "never finished"),
    "kind": (lambda path: overwrite(path, 88, b"\1"), "holds MARKET_RING, expected FENCE"),
    "record size": (lambda path: overwrite(path, 64, b"\1"), "bytes, FENCE has"),
    "length": (lambda path: os.truncate(path, 8192), "its header says"),
    "empty": (lambda path: os.truncate(path, 0), "too short for a region"),
    "a directory": (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_one_is_refused_by_name_and_left_as_it_is(shm_directory: Path, damage: str) -> None:
    path = shm_directory / "fence"
    adopt_fence(path)
    spoil, problem = DAMAGE[damage]
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(RegionError, match=problem) as refusal:
        adopt_fence(path)
    assert str(path) in str(refusal.value)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert list(shm_directory.iterdir()) == [path], "nothing else was left behind"


def test_one_that_must_be_on_huge_pages_is_refused_on_small_ones(shm_directory: Path) -> None:
    adopt_fence(shm_directory / "fence")
    with pytest.raises(RegionError, match="huge_pages"):
        Region.adopt(
            str(shm_directory / "fence"),
            int(RegionKind.FENCE),
            dtype("Fence").itemsize,
            require_huge_pages=True,
        )


def test_opening_for_writing_needs_a_region_that_is_there_and_of_its_kind(shm_directory: Path) -> None:
    with pytest.raises(RegionMissing, match="does not exist"):
        Region.open_writable(str(shm_directory / "veto"), int(RegionKind.VETO))
    adopt_fence(shm_directory / "fence")
    with pytest.raises(RegionError, match="holds FENCE, expected VETO"):
        Region.open_writable(str(shm_directory / "fence"), int(RegionKind.VETO))


def test_who_only_reads_can_neither_veto_nor_open(shm_directory: Path) -> None:
    adopt_fence(shm_directory / "fence")
    reader = Region.open(str(shm_directory / "fence"), int(RegionKind.FENCE))
    with pytest.raises(RegionError, match="read-only"):
        reader.set_veto(1)
    with pytest.raises(RegionError, match="read-only"):
        FenceWriter(reader)


def test_the_header_s_veto_is_the_word_that_everybody_means(shm_directory: Path) -> None:
    veto = adopt_veto(shm_directory / "veto")
    veto.set_veto(0x1122334455667788)
    header = (shm_directory / "veto").read_bytes()[:256]
    assert int.from_bytes(header[VETO_WORD : VETO_WORD + 8], "little") == 0x1122334455667788
    assert veto.veto == 0x1122334455667788


def test_a_fence_is_born_closed(shm_directory: Path) -> None:
    region = adopt_fence(shm_directory / "fence")
    assert set(region.bytes()[RECORDS_OFFSET:].tolist()) == {0}


def test_closing_is_idempotent_and_keeps_the_reason_and_time_of_the_closing_that_did_it(
    shm_directory: Path,
) -> None:
    region = adopt_fence(shm_directory / "fence")
    writer = FenceWriter(region)
    writer.open(3, fence_token(3, 1, 2), monotonic_ns())
    writer.close(int(CloseReason.OPERATOR))
    closed = fence_words(region)
    assert (closed["token"], closed["lease_deadline_ns"], closed["epoch"]) == (0, 0, 3)
    assert closed["reason"] == int(CloseReason.OPERATOR)
    assert 0 < closed["closed_ts_ns"] <= monotonic_ns()
    writer.close(int(CloseReason.PROCESS_DIED))
    assert fence_words(region) == closed


def test_a_renewal_touches_the_lease_and_nothing_else(shm_directory: Path) -> None:
    region = adopt_fence(shm_directory / "fence")
    writer = FenceWriter(region)
    writer.open(3, 77, 100)
    before = fence_words(region)
    writer.renew(200)
    assert fence_words(region) == before | {"lease_deadline_ns": 200}


def test_ids_without_a_bit_can_not_be_paused_one_by_one(shm_directory: Path) -> None:
    writer = FenceWriter(adopt_fence(shm_directory / "fence"))
    assert writer.pause_strategy(FENCE_STRATEGIES - 1, True)
    assert not writer.pause_strategy(FENCE_STRATEGIES, True)
    assert not writer.pause_instrument(FENCE_INSTRUMENTS, True)


@given(WORDS, WORDS, WORDS)
def test_a_token_is_never_0(epoch: int, feedd: int, intents: int) -> None:
    assert 0 < fence_token(epoch, feedd, intents) < 2**64


@given(WORDS, WORDS, WORDS, WORDS)
def test_a_token_changes_with_each_of_its_arguments(epoch: int, feedd: int, intents: int, other: int) -> None:
    token = fence_token(epoch, feedd, intents)
    assert (fence_token(other, feedd, intents) == token) == (other == epoch)
    assert (fence_token(epoch, other, intents) == token) == (other == feedd)
    assert (fence_token(epoch, feedd, other) == token) == (other == intents)


def test_a_token_s_value_is_part_of_the_contract() -> None:
    assert fence_token(0, 0, 0) == 1, "the one value that would be 0"
    assert f"{fence_token(1, 2, 3):#x}" == "0xa55bdf37c08724b5"


def test_progress_is_written_by_its_loop_alone(shm_directory: Path) -> None:
    region = Region.create(
        str(shm_directory / "progress"), int(RegionKind.PROGRESS), 2, dtype("LoopProgress").itemsize
    )
    writer = ProgressWriter(region, 1)
    writer.set_thread_id(4242)
    writer.enter(int(LoopState.READY))
    writer.round(10, 20, 30)
    writer.idle_round()
    seen = read_control_record(region, "LoopProgress", 1)
    assert (seen["iterations"], seen["consumed"], seen["produced"], seen["lag_records"]) == (2, 10, 20, 30)
    assert (seen["state"], seen["thread_id"]) == (int(LoopState.READY), 4242)
    assert 0 < seen["state_ts_ns"] <= monotonic_ns()
    assert set(read_control_record(region, "LoopProgress", 0).values()) == {0}
    with pytest.raises(IndexError):
        ProgressWriter(region, 2)


def _races(build: Path, mode: str, seconds: float = 1.0) -> dict[str, int]:
    done = subprocess.run(
        [build / "contract" / "contract_control_races", mode, str(seconds)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-6000:]
    seen: dict[str, int] = json.loads(done.stdout)
    return seen


def test_the_gateway_s_look_never_takes_a_closing_for_a_lapse_nor_mixes_two_epochs(
    contract_build: Path,
) -> None:
    seen = _races(contract_build, "fence")
    assert (seen["lapsed"], seen["mixed"]) == (0, 0)
    assert min(seen["open"], seen["closed"]) > 1000, (
        "the fence never moved under the reader: this proves nothing"
    )


def test_the_same_watch_catches_a_look_that_reads_the_token_only_once(contract_build: Path) -> None:
    end, found = time.monotonic() + SECONDS_MAX, 0
    while found == 0 and time.monotonic() < end:
        seen = _races(contract_build, "fence_one_look")
        found = seen["lapsed"] + seen["mixed"]
    assert found > 0


def test_whoever_sees_a_round_of_progress_sees_what_it_did(contract_build: Path) -> None:
    seen = _races(contract_build, "progress")
    assert seen["mixed"] == 0
    assert seen["open"] > 1000, "the rounds never moved under the reader: this proves nothing"


@pytest.mark.parametrize("mode", ["fence", "progress"])
def test_thread_sanitizer_finds_no_data_race_in_the_control_words(tsan_build: Path, mode: str) -> None:
    seen = _races(tsan_build, mode)
    assert (seen["lapsed"], seen["mixed"]) == (0, 0)
