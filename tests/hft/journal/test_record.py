"""`hft record` as a process: what it announces, how it ends, and what is left when it is killed."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import threading
import time

import numpy as np
import pytest
from journal_bench import MARKET
from record_process import PATIENCE_S, Recording, wait_until

from hft.journal.errors import JournalError
from hft.journal.reader import Journal
from hft.journal.record import size
from hft.journal.verify import verify


@pytest.fixture
def record(run, tmp_path):
    made = []

    def begin(*extra: str) -> Recording:
        made.append(Recording(run.directory, tmp_path / "journal", *extra))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def test_it_says_what_it_will_do_records_and_ends_when_told(run, record):
    recording = record("--max-bytes", "1G", "--when-full", "stop").ready()
    run.publish(5000)
    recording.wait_for('recorder_records_total{stream="market"}', 5000)
    wait_until(lambda: "WATCHDOG=1" in recording.said(), "it says that it is alive")
    run.publish(100)
    code, log = recording.end()
    assert code == 0
    begun = next(line for line in log if line["event"] == "recording")
    assert (begun["limit_bytes"], begun["when_full"]) == (1 << 30, "stop")
    assert any("1,074 MB, then recording ends" in text for text in recording.said())
    assert "STOPPING=1" in recording.said()
    journal = Journal(recording.out, use_index=False)
    assert journal.ends()[MARKET, run.market.generation] == 5100
    assert verify(journal).problems == []


def test_the_limit_ends_it_with_a_code_of_its_own_when_that_is_the_policy(run, record):
    recording = record("--segment-bytes", "1M", "--max-bytes", "2M", "--when-full", "stop").ready()

    def ended() -> bool:
        run.publish(3000)
        time.sleep(0.05)
        return recording.process.poll() is not None

    wait_until(ended, "the limit")
    code, log = recording.end(None)
    assert code == 3
    assert "limit of 2,097,152 bytes is reached" in log[-1]["reason"]
    assert any("recording has ended" in text for text in recording.said())
    assert verify(Journal(recording.out, use_index=False)).problems == []


def test_a_second_recorder_of_one_run_is_refused(run, record):
    record().ready()
    code, log = record().end(None)
    assert code == 75
    assert "second instance" in log[-1]["reason"]


@pytest.mark.parametrize(
    ("extra", "code", "word"),
    [
        (("--segment-bytes", "10"), 2, "--segment-bytes 10"),
        (("--max-bytes", "256M"), 2, "--max-bytes 268435456"),
        (("--max-bytes", "lots"), 2, "--max-bytes"),
        (("--sync-interval-ms", "-1"), 2, "--sync-interval-ms -1"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_name(run, tmp_path, extra, code, word):
    recording = Recording(run.directory, tmp_path / "journal", *extra)
    _, errors = recording.process.communicate(timeout=PATIENCE_S)
    recording.close()
    assert recording.process.returncode == code
    assert word in errors


def test_a_directory_that_can_not_be_made_is_refused(run, tmp_path):
    (tmp_path / "file").write_text("")
    recording = Recording(run.directory, tmp_path / "file" / "journal")
    code, log = recording.end(None)
    recording.close()
    assert code == 73
    assert "Not a directory" in log[-1]["reason"]


def test_a_disk_that_is_full_ends_it_with_what_was_accepted(run, record, tmp_path):
    """A file size limit stands for a full disk: the write fails in the middle of a block."""
    recording = record()
    recording.ready()
    import resource

    resource.prlimit(recording.process.pid, resource.RLIMIT_FSIZE, (300_000, 300_000))
    for _ in range(20):
        if recording.process.poll() is not None:
            break
        run.publish(500)
        time.sleep(0.02)
    code, log = recording.end(None)
    assert code == 74
    assert "File too large" in log[-1]["reason"]
    journal = Journal(recording.out, use_index=False)
    assert verify(journal).problems == []
    assert journal.torn_bytes == 0
    there = np.concatenate(list(journal.records(MARKET, run.market.generation)))["sequence"]
    assert len(there) > 1000
    assert there.tolist() == list(range(1, len(there) + 1))


def test_killed_at_random_it_goes_on_where_it_was_and_the_journal_is_whole(record, run):
    """The market goes on all the time; between two lives the ring keeps what is published."""
    chance, stop, published = random.Random(1), threading.Event(), [0]
    run.widen(1 << 20)

    def market() -> None:
        while not stop.is_set():
            published[0] = run.publish(chance.randint(1, 400))
            time.sleep(0.001)

    thread = threading.Thread(target=market)
    thread.start()
    torn = lives = 0
    try:
        for life in range(15):
            recording = record("--segment-bytes", "1M", "--sync-interval-ms", "0")
            wait_until(lambda at=recording: "READY=1" in at.said(), "READY")
            time.sleep(chance.uniform(0.0, 0.15))
            recording.process.send_signal(signal.SIGKILL)
            _, errors = recording.process.communicate(timeout=PATIENCE_S)
            lives += 1
            torn += "torn tail cut off" in errors
            try:
                journal = Journal(recording.out, use_index=False)
            except JournalError:
                continue
            assert verify(journal).problems == [], life
    finally:
        stop.set()
        thread.join()
    recording = record().ready()
    recording.wait_for("recorder_passes_total", 10)
    assert recording.end()[0] == 0
    journal = Journal(recording.out, use_index=False)
    assert verify(journal).problems == []
    there = np.concatenate(list(journal.records(MARKET, run.market.generation)))["sequence"]
    missing = sum(loss.count for loss in journal.losses())
    assert len(there) + missing == published[0] == there[-1]
    print(f"{lives} lives, {torn} torn tails, {len(there)} records, {missing} lost")


@pytest.mark.parametrize(("text", "bytes_"), [("7", 7), ("2K", 2048), ("3M", 3 << 20), ("1T", 1 << 40)])
def test_sizes_have_units(text, bytes_):
    assert size(text) == bytes_


def test_a_supervisor_that_does_not_read_its_status_keeps_nobody_waiting(run, record):
    """A notify socket takes about ten messages before it is full."""
    recording = record().ready()
    recording._notify.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sender.sendto(b"STATUS=full", recording._notify.getsockname())
    sender.close()
    time.sleep(1.5)
    run.publish(100)
    recording.wait_for('recorder_records_total{stream="market"}', 100)
    assert recording.end()[0] == 0
