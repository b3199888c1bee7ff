"""A recorded run of a real braind, repeated: the same intents, also after losses, restarts and refusals."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest
from braind_process import publish, wait_until
from keeping_pace import a_pass, recorded, together
from replay_process import replay
from stopped import stands_still

from braind.rehearsal import made_up_events
from hft.journal.reader import Journal
from hft.layout.dtypes import EventKind

pytestmark = pytest.mark.slow
EVERY_300 = "checkpoint_interval_records = 300"


class Market:
    """Events one after the other, published in pieces."""

    def __init__(self, feedd, count: int, instruments: int = 2) -> None:
        self._feedd, self._events, self.at = feedd, made_up_events(count, 1_000_000, instruments), 0

    def publish(self, count: int, pieces: int = 1, pause_s: float = 0.0, keep_pace=lambda _at: None) -> None:
        """`keep_pace`: called with the last record after each piece."""
        for _ in range(pieces):
            publish(self._feedd, self._events[self.at : self.at + count].copy())
            self.at += count
            time.sleep(pause_s)
            keep_pace(self.at)


def begun(start, feedd_side, extra: str = "", **options):
    """A braind that reads a feedd which knows two symbols, one of them followed."""
    braind = start(extra).wait_ready()
    feedd = feedd_side(**options)
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    feedd.name(2, "STRANGER", 2)
    return braind, feedd


def ended(braind, feedd, recording) -> None:
    assert braind.stop()[0] == 0
    feedd.retire()
    assert recording.end()[0] == 0


def test_a_reader_that_was_lapped_is_repeated_with_its_losses(start, feedd_side, record):
    """braind stands still while the ring goes round; the recorder keeps up."""
    recording = record()
    braind, feedd = begun(start, feedd_side, EVERY_300, ring_records=1024)
    market = Market(feedd, 20_000)
    market.publish(500)
    braind.wait_for("braind_events_consumed_total", 500)
    for _ in range(3):
        braind.freeze()
        market.publish(100, pieces=30, keep_pace=together(recording=recording))
        for instrument_id, symbol in ((1, "MADEUP"), (2, "STRANGER")):
            feedd.name(instrument_id, symbol, 20_000)
        braind.process.send_signal(signal.SIGCONT)
        braind.wait_for("braind_ring_cursor", market.at)
        market.publish(400, keep_pace=together(braind, recording))
        feedd.answer_all()
    ended(braind, feedd, recording)
    assert braind.value("braind_ring_lost_total") > 3000
    journal = Journal(recording.out)
    assert not journal.losses(), "the recorder itself lost nothing"
    again = replay(recording.out)
    assert again.code == 0, again.text
    assert again.document["intents"] == braind.value("braind_intents_total") > 20
    assert sum(one["records"] for one in again.replays) == braind.value("braind_events_consumed_total")


def test_intents_that_the_queue_refused_are_repeated_as_refused(start, feedd_side, record):
    recording = record()
    braind, feedd = begun(start, feedd_side, "intents_ring_records = 16\n" + EVERY_300)
    market = Market(feedd, 6000)
    for _ in range(12):
        market.publish(500)
        braind.wait_for("braind_ring_cursor", market.at)
        recorded(recording, intents=braind.value("braind_intents_total"))  # their places are free then
        feedd.answer_all()
    braind.wait_for("braind_events_consumed_total", 6000)
    ended(braind, feedd, recording)
    again = replay(recording.out)
    assert again.code == 0, again.text
    refused = braind.value('braind_intents_dropped_total{reason="queue_full"}')
    assert sum(one["dropped"] for one in again.replays) == refused > 5
    assert again.document["intents"] == braind.value("braind_intents_total")


def test_an_instrument_that_was_given_up_stays_given_up(start, feedd_side, record):
    recording = record()
    braind = start(EVERY_300).wait_ready()
    feedd = feedd_side()
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)  # and nobody names 2
    Market(feedd, 2000).publish(2000)
    braind.wait_for("braind_events_consumed_total", 2000)
    ended(braind, feedd, recording)
    assert braind.value("braind_instruments_unnamed_total") == 1
    again = replay(recording.out)
    assert again.code == 0, again.text
    assert again.document["intents"] > 5


def test_a_recorder_that_came_late_is_replayed_from_its_first_checkpoint(start, feedd_side, record):
    braind, feedd = begun(start, feedd_side, EVERY_300, ring_records=1024)
    market = Market(feedd, 8000)
    market.publish(100, pieces=30, keep_pace=together(braind))
    braind.wait_for("braind_events_consumed_total", 3000)
    feedd.answer_all()
    recording = record()
    market.publish(100, pieces=30, keep_pace=together(braind, recording))
    braind.wait_for("braind_events_consumed_total", 6000)
    feedd.answer_all()
    ended(braind, feedd, recording)
    again = replay(recording.out)
    assert again.code == 0, again.text
    (one,) = again.replays
    assert one["from_checkpoint"]
    assert one["to"] == 6000
    assert one["intents"] > 5


def test_a_restarted_braind_and_a_restarted_feedd_are_maps_of_their_own(start, feedd_side, record):
    recording = record()
    braind, feedd = begun(start, feedd_side, EVERY_300)
    market = Market(feedd, 4000)
    market.publish(1000)
    braind.wait_for("braind_events_consumed_total", 1000)
    first = len(feedd.answer_all())
    assert braind.stop()[0] == 0
    second = start(EVERY_300).wait_ready()
    second.wait_for("braind_ring_maps_total", 1)
    feedd.attach()
    second.wait_for("braind_events_consumed_total", 1000)
    market.publish(1000)
    second.wait_for("braind_events_consumed_total", 2000)
    feedd.answer_all()
    recorded(recording, market=2000, intents=first + second.value("braind_intents_total"))
    feedd.retire()
    wait_until(lambda: second.value("braind_state") == 1, "the feed to end")
    feedd = feedd_side()
    second.wait_for("braind_ring_maps_total", 2)
    feedd.attach()
    feedd.name(1, "MADEUP", 1)
    feedd.name(2, "STRANGER", 2)
    Market(feedd, 4000).publish(1500)
    second.wait_for("braind_events_consumed_total", 3500)
    feedd.answer_all()
    ended(second, feedd, recording)
    again = replay(recording.out)
    assert again.code == 0, again.text
    assert [one["to"] for one in again.replays] == [1000, 2000, 1500]
    assert [one["records"] for one in again.replays] == [1000, 2000, 1500]
    assert all(one["intents"] > 0 for one in again.replays)
    assert len({one["inputs_generation"] for one in again.document["maps"]}) == 2


def test_a_braind_that_was_killed_is_repeated_up_to_its_last_word(start, feedd_side, record):
    recording = record()
    braind, feedd = begun(start, feedd_side, EVERY_300)
    market = Market(feedd, 4000)
    market.publish(100, pieces=20, pause_s=0.01)
    braind.wait_for("braind_events_consumed_total", 2000)
    market.publish(1500)
    braind.process.kill()
    braind.process.wait()
    feedd.answer_all()
    feedd.retire()
    assert recording.end()[0] == 0
    again = replay(recording.out)
    assert again.code == 0, again.text
    (one,) = again.replays
    assert 2000 <= one["to"] <= 3500
    assert one["intents"] > 5


def test_a_recorder_that_was_killed_leaves_a_run_that_is_the_same_as_far_as_it_goes(
    start, feedd_side, record
):
    recording = record("--sync-interval-ms", "0")
    braind, feedd = begun(start, feedd_side, EVERY_300)
    market = Market(feedd, 8000)
    market.publish(50, pieces=20, pause_s=0.003)
    recorded(recording, intents=1)
    a_pass(recording)
    market.publish(50, pieces=20, pause_s=0.003)
    recording.process.kill()
    recording.process.communicate()
    market.publish(50, pieces=10, pause_s=0.003)
    broken_off = replay(recording.out)
    assert broken_off.code == 0, broken_off.text
    again_recording = record()
    market.publish(50, pieces=20, pause_s=0.003)
    braind.wait_for("braind_events_consumed_total", 3500)
    feedd.answer_all()
    ended(braind, feedd, again_recording)
    again = replay(recording.out)
    assert again.code == 0, again.text
    (one,) = again.replays
    assert one["to"] == 3500
    assert again.document["intents"] > broken_off.document["intents"] > 0


def test_what_the_recorder_lost_is_a_hole_that_is_named_and_gone_round(start, feedd_side, record):
    recording = record()
    braind, feedd = begun(start, feedd_side, EVERY_300, ring_records=1024)
    market = Market(feedd, 8000)
    market.publish(100, pieces=10, keep_pace=together(braind, recording))
    recording.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: stands_still(recording.process.pid), "the recorder to stand still")
    market.publish(100, pieces=20, keep_pace=together(braind))
    braind.wait_for("braind_events_consumed_total", 3000)
    recording.process.send_signal(signal.SIGCONT)
    recording.wait_for('recorder_lost_total{stream="market",reason="lapped"}', 1)
    market.publish(100, pieces=20, keep_pace=together(braind, recording))
    braind.wait_for("braind_events_consumed_total", 5000)
    feedd.answer_all()
    ended(braind, feedd, recording)
    assert braind.value("braind_ring_lost_total") == 0
    again = replay(recording.out)
    assert again.code == 3, again.text
    assert "the recorder lost market" in again.text
    first, second = again.replays
    assert first["hole"]
    assert (second["from_checkpoint"], second["to"], second["difference"]) == (True, 5000, None)
    behind = replay(recording.out, "--from", str(second["from"]))
    assert behind.code == 0, behind.text


def test_a_run_with_nothing_but_ticks_is_the_same_too(start, feedd_side, record):
    recording = record()
    braind, feedd = begun(start, feedd_side)
    ticks = np.zeros_like(made_up_events(500, 1_000_000))
    ticks["kind"] = EventKind.TICK
    publish(feedd, ticks)
    braind.wait_for("braind_events_consumed_total", 500)
    ended(braind, feedd, recording)
    again = replay(recording.out)
    assert again.code == 0, again.text
    assert again.document["intents"] == 0


def test_a_run_that_ended_in_a_veto_is_repeated_with_it(start, feedd_side, record, broken_package_directory):
    recording = record()
    braind = start(EVERY_300, model=broken_package_directory).wait_ready()
    feedd = feedd_side()
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    Market(feedd, 1000, instruments=1).publish(100, pieces=10, pause_s=0.01)
    braind.wait_for("braind_events_consumed_total", 1000)
    ended(braind, feedd, recording)
    assert braind.value("braind_vetoed") == 1
    again = replay(recording.out)
    assert again.code == 0, again.text
    assert (again.replays[0]["to"], again.document["intents"]) == (1000, 0)
    assert again.replays[0]["checkpoints_equal"] > 0
