"""The event journal: one line an event, bounded, readable after whatever happened to its writer."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from watchd.event_journal import FILES_KEPT, EventJournal, Follower, encode, read, stamped


def _numbered(number: int, size_bytes: int = 0) -> dict[str, object]:
    return stamped("tick", {"number": number, "filler": "x" * size_bytes})


def _numbers(events: list[dict[str, object]]) -> list[object]:
    return [event.get("number", event["event"]) for event in events]


def test_what_was_appended_is_read_with_its_time(tmp_path: Path) -> None:
    journal = EventJournal(tmp_path)
    journal.append(stamped("armed", {"by": "ada", "epoch": 7}), durable=True)
    (event,) = read(tmp_path)
    assert (event["event"], event["by"], event["epoch"]) == ("armed", "ada", 7)
    assert event["at"].endswith("Z")
    assert 0 <= time.monotonic_ns() - event["ts_ns"] < 60e9


def test_fields_can_not_replace_the_event_s_own(tmp_path: Path) -> None:
    event = stamped("kill_refused", {"event": "armed", "at": "never", "uid": 3})
    assert (event["event"], event["uid"]) == ("kill_refused", 3)
    assert event["at"] != "never"


def test_nothing_written_reads_as_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == []


def test_a_second_writer_appends(tmp_path: Path) -> None:
    for number in range(2):
        journal = EventJournal(tmp_path)
        journal.append(_numbered(number), durable=False)
        journal.close()
    assert _numbers(read(tmp_path)) == [0, 1]


def test_durable_means_that_fsync_came_after_the_line_and_the_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((str(path), (tmp_path / "events.jsonl").stat().st_size))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    journal = EventJournal(tmp_path)
    journal.append(_numbered(1), durable=False)
    assert synced == []
    journal.append(_numbered(2), durable=True)
    size = (tmp_path / "events.jsonl").stat().st_size
    assert synced == [(str(tmp_path / "events.jsonl"), size), (str(tmp_path), size)]


def test_a_failing_fsync_is_told(tmp_path: Path, faulty_calls: Callable) -> None:
    journal = EventJournal(tmp_path)
    journal.append(_numbered(1), durable=False)
    with faulty_calls(2, errno.EIO) as made, pytest.raises(OSError, match="Input/output"):
        journal.append(_numbered(2), durable=True)
    assert made == ["write", "fsync"]


def test_it_rotates_and_keeps_five_files_in_order(tmp_path: Path) -> None:
    journal = EventJournal(tmp_path, bytes_max=1000)
    for number in range(50):
        journal.append(_numbered(number, 200), durable=False)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["events.jsonl", *(f"events.jsonl.{n}" for n in range(1, FILES_KEPT + 1))]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    numbers = _numbers(read(tmp_path))
    assert numbers == list(range(50 - len(numbers), 50))
    assert len(numbers) >= 12


@pytest.mark.parametrize("kept_bytes", [1, 10, 40])
def test_a_torn_last_line_is_told_and_costs_no_other(tmp_path: Path, kept_bytes: int) -> None:
    journal = EventJournal(tmp_path)
    journal.append(_numbered(1), durable=False)
    torn = encode(_numbered(2))[:kept_bytes]
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(torn)
    EventJournal(tmp_path).append(_numbered(3), durable=False)
    events = read(tmp_path)
    assert _numbers(events) == [1, "unreadable_line", "journal_torn_line", 3]
    assert events[1]["text"] == torn.decode()


def test_a_line_torn_by_a_full_disk_costs_no_other(small_disk: Path, fill: Callable) -> None:
    journal = EventJournal(small_disk)
    journal.append(_numbered(1), durable=True)
    fill(small_disk)
    with pytest.raises(OSError, match="No space left"):
        journal.append(_numbered(2, 10_000), durable=True)
    (small_disk / "ballast").unlink()
    journal.append(_numbered(3), durable=True)
    assert [n for n in _numbers(read(small_disk)) if n != "unreadable_line"] == [1, 3]


def test_a_full_disk_at_the_start_is_told_with_each_event_and_then_forgotten(
    small_disk: Path, fill: Callable
) -> None:
    fill(small_disk)
    journal = EventJournal(small_disk)
    for number in range(2):
        with pytest.raises(OSError, match="No space left"):
            journal.append(_numbered(number), durable=False)
    (small_disk / "ballast").unlink()
    journal.append(_numbered(2), durable=True)
    assert _numbers(read(small_disk)) == [2]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_failure_of_any_call_loses_at_most_that_event(
    tmp_path: Path, faulty_calls: Callable, error: int
) -> None:
    told, number = [], 0
    for nth in range(1, 30):
        journal = EventJournal(tmp_path, bytes_max=2000)
        for _ in range(12):
            number += 1
            with faulty_calls(nth, error):
                try:
                    journal.append(_numbered(number, 100), durable=True)
                    told.append(number)
                except OSError:
                    pass
        journal.close()
    numbers = [n for n in _numbers(read(tmp_path)) if isinstance(n, int)]
    assert numbers == sorted(set(numbers))
    assert set(numbers) >= {n for n in told if n >= numbers[0]}
    assert len(numbers) > 20


def _append_for_ever(directory: Path, told: int) -> None:
    journal, number = EventJournal(directory), 0
    while True:
        number += 1
        journal.append(_numbered(number, 3000), durable=True)
        os.write(told, number.to_bytes(8, "little"))


def test_a_sigkill_at_any_moment_loses_no_durable_event(tmp_path: Path) -> None:
    rng = random.Random(5)
    for turn in range(40):
        directory = tmp_path / str(turn)
        directory.mkdir()
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            _append_for_ever(directory, write_end)
        os.close(write_end)
        time.sleep(rng.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told = len(os.read(read_end, 1 << 16)) // 8
        os.close(read_end)
        numbers = [n for n in _numbers(read(directory)) if isinstance(n, int)]
        assert numbers in (list(range(1, told + 1)), list(range(1, told + 2)))


def test_what_json_can_not_say_is_told_as_text() -> None:
    line = json.loads(encode({"ts_ns": 1, "at": "now", "event": "odd", "value": float("nan")}))
    assert (line["event"], "nan" in line["cut"]) == ("odd", True)
    assert json.loads(encode({"event": "path", "value": Path("/a")}))["value"] == "/a"


def test_a_line_that_is_too_long_is_cut() -> None:
    line = encode(_numbered(1, 1 << 20))
    assert len(line) < 64 << 10
    assert json.loads(line)["event"] == "tick"


def test_it_never_writes_into_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events.jsonl")
    with pytest.raises(OSError, match="not a regular file"):
        EventJournal(tmp_path).append(_numbered(1), durable=False)


def test_a_follower_starts_with_the_last_ones_and_goes_on(tmp_path: Path) -> None:
    journal = EventJournal(tmp_path)
    for number in range(10):
        journal.append(_numbered(number), durable=False)
    follower = Follower(tmp_path, last=3)
    assert _numbers(follower.poll()) == [7, 8, 9]
    assert follower.poll() == []
    journal.append(_numbered(10), durable=False)
    assert _numbers(follower.poll()) == [10]


def test_a_follower_counts_its_last_ones_over_rotated_files(tmp_path: Path) -> None:
    journal = EventJournal(tmp_path, bytes_max=1000)
    for number in range(12):
        journal.append(_numbered(number, 200), durable=False)
    assert _numbers(Follower(tmp_path, last=9).poll()) == list(range(3, 12))


def test_a_follower_waits_for_a_journal_that_does_not_exist_yet(tmp_path: Path) -> None:
    follower = Follower(tmp_path, last=10)
    assert follower.poll() == []
    EventJournal(tmp_path).append(_numbered(1), durable=False)
    assert _numbers(follower.poll()) == [1]


@pytest.mark.parametrize("between", [1, 2, 3, 5, 9])
def test_a_follower_loses_nothing_to_rotations(tmp_path: Path, between: int) -> None:
    journal = EventJournal(tmp_path, bytes_max=1000)
    follower, seen = Follower(tmp_path, last=10), []
    for number in range(60):
        journal.append(_numbered(number, 200), durable=False)
        if number % between == 0:
            seen += follower.poll()
    seen += follower.poll()
    assert _numbers(seen) == list(range(60))


def test_a_follower_that_was_too_slow_says_so_where_the_gap_is(tmp_path: Path) -> None:
    journal = EventJournal(tmp_path, bytes_max=1000)
    follower = Follower(tmp_path, last=10)
    journal.append(_numbered(0, 200), durable=False)
    follower.poll()
    for number in range(1, 60):
        journal.append(_numbered(number, 200), durable=False)
    numbers = _numbers(follower.poll())
    gap = numbers.index("journal_skipped")
    assert numbers[:gap] == list(range(1, gap + 1))  # the rest of the file that it had open
    after = numbers[gap + 1 :]
    assert after == list(range(60 - len(after), 60))
    assert len(after) > 10


def test_a_follower_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    line = encode(_numbered(1))
    with (tmp_path / "events.jsonl").open("ab", buffering=0) as file:
        file.write(line[:10])
        follower = Follower(tmp_path, last=10)
        assert follower.poll() == []
        file.write(line[10:])
        assert _numbers(follower.poll()) == [1]
