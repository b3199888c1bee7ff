"""A disk that refuses: at every call, once or for good, in the middle of a block; and what is then in the journal."""

from __future__ import annotations

import contextlib
import errno

import pytest
from journal_bench import (
    BROKEN,
    NO_SPACE,
    ROOMY,
    SECOND_NS,
    SMALL,
    Crash,
    FaultyDisk,
    append_many,
    market_block,
    sequences,
    sound,
    writer_of,
)

from hft.journal.errors import JournalBroken, JournalError
from hft.journal.reader import Journal, is_journal
from hft.journal.verify import verify
from hft.journal.writer import Limits


def write_some(directory, disk, accepted: list[int]) -> None:
    """Thirty blocks of a thousand records; `accepted` gets the last record of each that was taken."""
    writer = None
    try:
        writer = writer_of(directory, SMALL, disk)
        for first in range(1, 30_001, 1000):
            writer.append(market_block(first, 1000))
            accepted.append(first + 999)
            writer.sync_if_due(2**62)
        writer.close()
    except JournalError:
        if writer is not None:
            writer.close()


def what_is_there(directory) -> list[int]:
    """The records of a sound journal; none where there is no journal."""
    if not is_journal(directory) or not any(f.stat().st_size for f in directory.glob("*.journal")):
        return []
    try:
        journal = Journal(directory, use_index=False)
    except JournalError:  # torn within its very first block
        return []
    assert verify(journal).problems == []
    there = sequences(directory)
    assert there == list(range(there[0], there[-1] + 1)) if there else True
    return there


@pytest.mark.parametrize("error", ["crash", BROKEN, NO_SPACE, errno.EACCES, "short"])
def test_whichever_call_of_the_disk_fails_accepted_records_are_there_and_nothing_else(tmp_path, error):
    clean = FaultyDisk("", 10**9, 0)
    write_some(tmp_path / "clean", clean, [])
    assert clean.calls > 60
    for at in range(1, clean.calls + 1):
        directory, accepted = tmp_path / str(at), [0]
        with contextlib.suppress(Crash):
            write_some(directory, FaultyDisk("", at, error), accepted)
        there = what_is_there(directory)
        assert (there[-1] if there else 0) == accepted[-1], f"call {at}"
        # Recording goes on, on a disk that works again.
        (directory / "lock").unlink(missing_ok=True)  # a crashed writer's lock goes with its process
        writer = writer_of(directory, SMALL)
        writer.append(market_block(accepted[-1] + 1, 10))
        writer.close()
        assert what_is_there(directory)[-1] == accepted[-1] + 10, f"call {at}"


def test_a_full_disk_drops_the_oldest_as_the_limit_does(tmp_path):
    told = []
    writer = writer_of(tmp_path, SMALL, FaultyDisk("write", 25, NO_SPACE), told=told)
    append_many(writer, 1, 20_000)
    writer.close()
    assert ("dropped", 1) in told
    assert sequences(tmp_path)[-1] == 20_000
    assert sound(tmp_path)


def test_a_disk_that_stays_full_ends_it_clearly_and_keeps_what_is_there(tmp_path):
    writer = writer_of(tmp_path, ROOMY, FaultyDisk("write", 5, NO_SPACE, for_ever=True))
    with pytest.raises(JournalBroken, match="No space left"):
        append_many(writer, 1, 20_000)
    with pytest.raises(JournalBroken):
        writer.append(market_block(1, 1))
    writer.close()
    assert sequences(tmp_path) == list(range(1, 3001))
    assert sound(tmp_path)


def test_after_a_failed_fsync_nothing_more_is_written(tmp_path):
    writer = writer_of(tmp_path, Limits(1 << 20, 4 << 20, "drop-oldest", 0), FaultyDisk("sync", 2, BROKEN))
    writer.append(market_block(1, 10))
    writer.sync_if_due(1)
    writer.append(market_block(11, 10))
    with pytest.raises(JournalBroken, match=r"fsync: .*may be missing"):
        writer.sync_if_due(2)
    with pytest.raises(JournalBroken):
        writer.append(market_block(21, 10))
    writer.close()
    assert sequences(tmp_path) == list(range(1, 21))


def test_fsync_comes_at_the_interval_and_only_when_something_was_written(tmp_path):
    told = []
    writer = writer_of(tmp_path, Limits(1 << 20, 4 << 20, "drop-oldest", SECOND_NS), told=told)
    writer.append(market_block(1, 10))
    for now_ns in (1, 2, SECOND_NS + 1, 2 * SECOND_NS):
        writer.sync_if_due(now_ns)
    assert len(told) == 1
    writer.append(market_block(11, 10))
    writer.sync_if_due(2 * SECOND_NS + 2)
    assert [event for event, _ in told] == ["synced", "synced"]
    writer.close()


def test_an_error_of_the_fsync_thread_reaches_the_writer(tmp_path):
    writer = writer_of(tmp_path, SMALL, FaultyDisk("sync", 1, BROKEN), threaded=True)
    writer.append(market_block(1, 10))
    writer.sync_if_due(1)
    with pytest.raises(JournalBroken, match="fsync"):
        append_many(writer, 11, 200_000, 10)
    writer.close()
