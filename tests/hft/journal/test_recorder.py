"""What the recorder takes from shared memory: everything once, in order, over restarts, with its losses told."""

from __future__ import annotations

import numpy as np
import pytest
from journal_bench import MARKET, ROOMY, recorder_of

from hft import stats
from hft.journal.errors import JournalFull
from hft.journal.reader import Journal
from hft.journal.verify import verify
from hft.journal.writer import Limits
from hft.layout.dtypes import SNAPSHOT, JournalStream, LossReason

INPUTS, INTENTS = int(JournalStream.INPUTS), int(JournalStream.INTENTS)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "journal"


def finished(recorder, out) -> Journal:
    while recorder.do_pass():
        pass
    recorder.close()
    journal = Journal(out, use_index=False)
    assert verify(journal).problems == []
    return journal


def passes(recorder, run, count: int) -> None:
    for _ in range(count):
        run.publish(3000)
        recorder.do_pass()


def sequences(journal, stream, generation) -> list[int]:
    parts = [records["sequence"] for records in journal.records(stream, generation)]
    return np.concatenate(parts).tolist() if parts else []


def test_every_record_of_every_ring_is_in_the_journal_once(run, out):
    recorder = recorder_of(run, out)
    for _ in range(5):
        run.publish(3000)
        run.tell_inputs(10)
        run.push(20)
        recorder.do_pass()
    journal = finished(recorder, out)
    assert sequences(journal, MARKET, run.market.generation) == list(range(1, 15_001))
    assert sequences(journal, INPUTS, run.inputs.generation) == list(range(1, 51))
    assert sequences(journal, INTENTS, run.intents.generation) == list(range(1, 101))
    assert journal.losses() == []
    values = stats.read(str(run.directory / "recorder" / "stats"))
    assert values['recorder_records_total{stream="market"}'] == 15_000
    assert values['recorder_generation{stream="intents"}'] == run.intents.generation
    last_index = max(out.glob("*.index")).stat().st_size  # written by the end alone
    files = sum(f.stat().st_size for f in out.glob("0*"))
    assert values["recorder_journal_bytes"] == files - last_index


def test_records_are_as_they_were_in_the_ring(run, out):
    recorder = recorder_of(run, out)
    run.publish(5000)
    journal = finished(recorder, out)
    there = np.concatenate(list(journal.records(MARKET, run.market.generation)))
    assert there.tobytes() == run.market.records(there.dtype)[:5000].tobytes()


def test_what_was_overwritten_before_it_was_read_is_told_in_its_place(run, out):
    recorder = recorder_of(run, out)
    run.publish(1000)
    recorder.do_pass()
    run.publish(40_000)
    journal = finished(recorder, out)
    (loss,) = journal.losses()
    assert (loss.stream, loss.first_sequence, loss.reason) == (MARKET, 1001, LossReason.LAPPED)
    there = sequences(journal, MARKET, run.market.generation)
    assert there == [*range(1, 1001), *range(loss.last_sequence + 1, 41_001)]
    values = stats.read(str(run.directory / "recorder" / "stats"))
    assert values['recorder_lost_total{stream="market",reason="lapped"}'] == loss.count


def test_recording_that_begins_late_takes_what_is_safely_there_and_tells_the_rest(run, out):
    run.publish(50_000)
    run.tell_inputs(100)
    journal = finished(recorder_of(run, out), out)
    (loss,) = journal.losses()
    assert (loss.first_sequence, loss.reason) == (1, LossReason.ABSENT)
    assert loss.count == 50_000 - (1 << 14) * 3 // 4
    assert sequences(journal, MARKET, run.market.generation) == list(range(loss.count + 1, 50_001))
    assert sequences(journal, INPUTS, run.inputs.generation) == list(range(1, 101))


def test_recording_goes_on_after_a_pause_where_it_stopped(run, out):
    recorder = recorder_of(run, out)
    run.publish(1000)
    recorder.do_pass()
    recorder.close()
    run.publish(1000)
    recorder = recorder_of(run, out)
    run.publish(500)
    journal = finished(recorder, out)
    assert sequences(journal, MARKET, run.market.generation) == list(range(1, 2501))
    assert journal.losses() == []


def test_a_pause_that_was_too_long_is_a_loss_of_absence(run, out):
    recorder = recorder_of(run, out)
    run.publish(1000)
    recorder.do_pass()
    recorder.close()
    run.publish(50_000)
    journal = finished(recorder_of(run, out), out)
    (loss,) = journal.losses()
    assert (loss.first_sequence, loss.reason) == (1001, LossReason.ABSENT)


def test_new_generations_are_followed_after_the_old_ones_are_read_to_their_end(run, out):
    recorder = recorder_of(run, out)
    run.publish(100)
    recorder.do_pass()
    run.publish(200)
    feeds, lives = [run.market.generation], [run.inputs.generation]
    run.tell_inputs(7)
    run.market.retire()
    run.begin_feed()
    run.begin_braind()
    run.publish(50)
    run.tell_inputs(3)
    feeds.append(run.market.generation)
    lives.append(run.inputs.generation)
    journal = finished(recorder, out)
    assert journal.generations(MARKET) == feeds
    assert [len(sequences(journal, MARKET, feed)) for feed in feeds] == [300, 50]
    assert [len(sequences(journal, INPUTS, life)) for life in lives] == [7, 3]
    ends = journal.ends()
    assert [ends[MARKET, feed] for feed in feeds] == [300, 50]
    assert [ends[INPUTS, life] for life in lives] == [7, 3]
    regions = {block.generation for block in journal.blocks(JournalStream.REGION)}
    assert regions >= {*feeds, *lives}


def test_only_what_a_pass_confirmed_is_believed(run, out):
    recorder = recorder_of(run, out)
    run.publish(100)
    recorder.do_pass()
    run.publish(100)
    for block in recorder._taken():  # a pass that is cut off before its PASS block
        recorder._append(block)
    recorder.close()
    journal = Journal(out)
    assert journal.ends()[MARKET, run.market.generation] == 100
    assert journal.reached()[MARKET, run.market.generation] == 200


def test_rings_may_come_in_any_order_and_late(shm_directory, out):
    from journal_bench import Run

    folder = shm_directory / "late"
    folder.mkdir()
    (folder / "recorder").mkdir()

    class Nothing:
        directory = folder

    recorder = recorder_of(Nothing, out)
    assert recorder.do_pass() == 0
    run = Run(folder)
    run.publish(10)
    journal = finished(recorder, out)
    assert sequences(journal, MARKET, run.market.generation) == list(range(1, 11))


def test_snapshots_are_taken_once_each_and_missed_ones_counted(run, out):
    recorder = recorder_of(run, out)
    run.snapshot(run.identity, 1)
    for word in (5, 6):
        run.snapshot(run.checkpoint, word)
        recorder.do_pass()
        recorder.do_pass()
    for word in (7, 8, 9):
        run.snapshot(run.checkpoint, word)
    journal = finished(recorder, out)
    words = [
        int(np.frombuffer(block.payload()[SNAPSHOT.itemsize :], np.uint64)[0])
        for block in journal.blocks(JournalStream.CHECKPOINT)
    ]
    assert words == [5, 6, 9]
    (identity,) = journal.blocks(JournalStream.IDENTITY)
    assert identity.generation == run.inputs.generation
    values = stats.read(str(run.directory / "recorder" / "stats"))
    assert values["recorder_checkpoints_total"] == 3
    assert values["recorder_checkpoints_missed_total"] == 2


def test_symbols_are_recorded_when_the_board_names_them_and_again_after_a_new_session(run, out):
    recorder = recorder_of(run, out)
    last = run.publish(10, instrument_id=5)
    recorder.do_pass()
    run.name(5, "MADEUP", last - 9)
    recorder.do_pass()
    (block,) = Journal(out).blocks(JournalStream.SYMBOLS)
    (fact,) = block.records()
    assert (bytes(fact["symbol"]).rstrip(b"\0"), fact["instrument_id"], fact["round_lot"]) == (
        b"MADEUP",
        5,
        100,
    )
    assert block.generation == run.market.generation
    recorder.close()


def test_every_segment_explains_itself(run, out):
    recorder = recorder_of(run, out, Limits(1 << 20, 1 << 30, "drop-oldest", 10**9))
    run.snapshot(run.identity, 1)
    last = run.publish(10, instrument_id=5)
    run.name(5, "MADEUP", last)
    for _ in range(10):
        recorder.do_pass()
        run.publish(3000)
    journal = finished(recorder, out)
    assert len(journal.segments) > 3
    for segment in journal.segments[1:]:
        streams = {JournalStream(int(one)).name for one in segment.headers["stream"][:10]}
        assert streams >= {"SEGMENT", "REGION", "IDENTITY", "SYMBOLS"}


def test_the_limit_is_told_when_it_is_reached(run, out):
    told = []
    recorder = recorder_of(run, out, Limits(1 << 20, 2 << 20, "drop-oldest", 10**9), told=told)
    passes(recorder, run, 10)
    recorder.close()
    assert any(event == "limit reached: oldest segment dropped" for event, _ in told)
    values = stats.read(str(run.directory / "recorder" / "stats"))
    assert values["recorder_limit_reached"] == 1
    assert values["recorder_segments_dropped_total"] > 0
    recorder = recorder_of(run, out / "other", Limits(1 << 20, 2 << 20, "stop", 10**9))
    with pytest.raises(JournalFull):
        passes(recorder, run, 10)
    recorder.close()
    assert stats.read(str(run.directory / "recorder" / "stats"))["recorder_limit_reached"] == 1


def test_nothing_new_is_nothing_written(run, out):
    recorder = recorder_of(run, out, ROOMY)
    run.publish(10)
    recorder.do_pass()
    before = recorder.total_bytes
    assert recorder.do_pass() == 0
    assert recorder.total_bytes == before
    recorder.close()
