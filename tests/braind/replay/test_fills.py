"""Runs with quotes, fills, losses of updates and restarts: the replay has the same shadow book, so the same intents."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from braind_process import publish, wait_until
from keeping_pace import QueuePace, recorded
from replay_process import replay
from test_shadow_process import MAKER, TAKER, Market, at_rest, begun

from hft.journal.reader import Journal
from hft.layout.dtypes import ORDER_UPDATE, InputKind, JournalStream, UpdateKind, VenueSession

pytestmark = pytest.mark.slow
EVERY_300 = "checkpoint_interval_records = 300\n"


def ended(braind, feedd, recording) -> None:
    assert braind.stop()[0] == 0
    feedd.retire()
    assert recording.end()[0] == 0


def kinds_of(journal: Journal) -> set[str]:
    return {
        InputKind(int(kind)).name
        for life in journal.generations(JournalStream.INPUTS)
        for records in journal.records(JournalStream.INPUTS, life)
        for kind in records["kind"]
    }


def lapped(braind, feedd, recording) -> None:
    """More updates than their ring holds, while braind stands still and the recorder keeps up."""
    braind.freeze()
    filler = np.zeros(1, ORDER_UPDATE)
    filler["kind"] = int(UpdateKind.LIMITS)
    for _ in range(30):
        for _ in range(100):
            sequence = feedd.publish_update(filler)
        recorded(recording, updates=sequence)
    feedd.write_tables()
    braind.process.send_signal(signal.SIGCONT)
    braind.wait_for("braind_shadow_rebuilds_total", 2)


def test_a_day_of_quotes_with_losses_a_broken_session_and_a_restart_is_repeated(start, feedd_side, record):
    recording = record()
    extra = MAKER + EVERY_300 + "position_max = 300\nintents_ring_records = 16\n"
    braind, feedd = begun(start, feedd_side, extra, updates_records=1024)
    market = Market(feedd, keep_pace=QueuePace(feedd, recording))
    market.run(60)
    lapped(braind, feedd, recording)
    market.run(40)
    session = np.zeros(1, ORDER_UPDATE)
    for state in (VenueSession.DOWN, VenueSession.UP):
        session["kind"], session["venue_reason"] = int(UpdateKind.SESSION), int(state)
        feedd.publish_update(session)
        market.run(10)
    at_rest(braind, feedd, market)
    left = len(feedd.venue.orders)
    assert braind.stop()[0] == 0
    second = start(extra).wait_ready()
    second.wait_for("braind_ring_maps_total", 1)
    feedd.attach()
    wait_until(lambda: second.value("braind_shadow_orders") == left, "the orders of before")
    second.wait_for("braind_events_consumed_total", market.at)
    market.run(40)
    at_rest(second, feedd, market)
    ended(second, feedd, recording)
    journal = Journal(recording.out)
    assert kinds_of(journal) >= {"MAPPED", "ANSWERS", "REBUILT", "POSITION", "RECONCILED"} | (
        {"ORDER"} if left else set()
    )
    again = replay(recording.out)
    assert again.code == 0, again.text
    assert again.document["intents"] == len(market.sent) > 40
    assert sum(one["checkpoints_equal"] for one in again.replays) > 2
    middle = replay(recording.out, "--from", "1500")
    assert middle.code == 0, middle.text
    assert middle.replays[0]["from_checkpoint"]


def test_quotes_that_were_taken_back_after_a_loss_are_repeated(start, feedd_side, record):
    recording = record()
    braind, feedd = begun(start, feedd_side, MAKER + EVERY_300, ring_records=1024)
    market = Market(feedd, 8000)
    market.run(20)
    for _ in range(2):
        braind.freeze()
        for _ in range(30):  # the recorder keeps up
            publish(feedd, market.events[market.at : market.at + 100].copy())
            market.at += 100
            recorded(recording, market=market.at)
        feedd.name(1, "MADEUP", market.at)
        braind.process.send_signal(signal.SIGCONT)
        market.run(20)
    at_rest(braind, feedd, market)
    ended(braind, feedd, recording)
    assert braind.value("braind_ring_lost_total") > 3000
    assert braind.value("braind_withdrawals_total") > 0
    again = replay(recording.out)
    assert again.code == 0, again.text
    assert again.document["intents"] == len(market.sent) > 20


def test_a_taker_with_fills_is_repeated_also_interpreted(start, feedd_side, record):
    recording = record()
    braind, feedd = begun(start, feedd_side, TAKER + EVERY_300 + "position_max = 300\n")
    market = Market(feedd)
    market.run(60)
    at_rest(braind, feedd, market)
    ended(braind, feedd, recording)
    assert feedd.venue.matches > 5
    for environment in ({}, {"NUMBA_DISABLE_JIT": "1"}):
        again = replay(recording.out, **environment)
        assert again.code == 0, again.text
        assert again.document["intents"] == len(market.sent) > 10
