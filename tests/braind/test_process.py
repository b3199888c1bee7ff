"""The braind process against a scripted feedd: real regions, real signals, real answers."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from braind_process import PATIENCE_S, READY_S, publish, wait_until

from braind.rehearsal import made_up_events
from hft.layout.dtypes import EventKind, Side


def test_the_circle_is_whole_every_intent_is_answered_and_every_record_accounted_for(start, feedd_side):
    braind = start().wait_ready()
    feedd = feedd_side()
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    events = made_up_events(3000, 1_000_000, instruments=3)
    feedd.name(1, "MADEUP", 1)
    feedd.name(2, "STRANGER", 2)
    feedd.name(3, "OTHER", 3)
    publish(feedd, events)
    braind.wait_for("braind_events_consumed_total", 3000)
    intents = feedd.answer_all()
    assert len(intents) == braind.value("braind_intents_total") > 5
    assert set(intents["instrument_id"].tolist()) <= {1, 3}
    assert set(intents["side"].tolist()) <= {Side.BUY, Side.SELL}
    braind.wait_for('braind_updates_total{kind="refused"}', len(intents))
    publish(feedd, made_up_events(3000, 1_000_000))
    braind.wait_for("braind_events_consumed_total", 6000)
    answered = len(intents) + len(feedd.answer_all())
    assert answered == braind.value("braind_intents_total")
    code, log = braind.stop()
    assert code == 0
    assert log[-1]["event"] == "stopped"
    assert braind.value("braind_ring_cursor") == 6000
    assert braind.value("braind_ring_lost_total") == 0
    assert braind.value("braind_instruments") == 2
    assert braind.value('braind_refused_total{reason="fence_closed"}') == answered
    feedd.retire()


def test_an_intent_names_the_last_answer_it_knew(start, feedd_side):
    braind = start().wait_ready()
    feedd = feedd_side()
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    publish(feedd, made_up_events(1000, 1_000_000))
    braind.wait_for("braind_events_consumed_total", 1000)
    first = feedd.answer_all()
    braind.wait_for('braind_updates_total{kind="refused"}', len(first))
    later = made_up_events(2000, 1_000_000)[1000:]
    publish(feedd, later)
    braind.wait_for("braind_events_consumed_total", 2000)
    second = feedd.answer_all()
    assert len(first) > 0
    assert len(second) > 0
    assert set(first["updates_seq"].tolist()) == {0}
    assert set(second["updates_seq"].tolist()) == {len(first)}
    feedd.retire()


def test_a_new_feedd_is_mapped_anew_with_a_new_queue_and_cold_features(start, feedd_side):
    braind, queues = start().wait_ready(), set()
    for life in (1, 2):
        feedd = feedd_side()
        braind.wait_for("braind_ring_maps_total", life)
        assert braind.value("braind_ring_generation") == feedd.ring.generation
        queues.add(feedd.attach())
        assert len(queues) == life, "a queue that one gateway read is not read by the next"
        feedd.name(1, "MADEUP", 1)
        decided = braind.value("braind_decisions_total")
        publish(feedd, made_up_events(31, 1_000_000))
        braind.wait_for("braind_events_consumed_total", 31 + (life - 1) * 1031)
        assert braind.value("braind_decisions_total") == decided, "31 tops are one too few to be warm"
        publish(feedd, made_up_events(1031, 1_000_000)[31:])
        braind.wait_for("braind_events_consumed_total", life * 1031)
        intents = feedd.answer_all()
        assert len(intents) > 0
        assert set(intents["market_generation"].tolist()) == {feedd.ring.generation}
        braind.wait_for('braind_updates_total{kind="refused"}', len(intents))
        feedd.retire()
        wait_until(lambda: braind.value("braind_state") == 1, "braind to wait for the next feed")


def test_a_reader_that_was_lapped_accounts_for_every_record(start, feedd_side):
    braind = start().wait_ready()
    feedd = feedd_side(ring_records=1024)
    feedd.attach()
    feedd.name(1, "MADEUP", 1)
    braind.wait_for("braind_ring_maps_total", 1)
    braind.freeze()
    publish(feedd, made_up_events(10_000, 1_000_000))
    braind.process.send_signal(signal.SIGCONT)
    braind.wait_for("braind_ring_cursor", 10_000)
    consumed, lost = braind.value("braind_events_consumed_total"), braind.value("braind_ring_lost_total")
    assert lost > 8000
    assert consumed + lost == 10_000
    assert braind.value("braind_feature_resets_total") >= 1
    feedd.retire()


def test_an_instrument_that_is_never_named_is_given_up_and_counted(start, feedd_side):
    braind = start().wait_ready()
    feedd = feedd_side()
    publish(feedd, made_up_events(100, 1_000_000))
    braind.wait_for("braind_events_consumed_total", 100)
    assert braind.value("braind_instruments_unnamed_total") == 1
    assert braind.value("braind_decisions_total") == 0
    feedd.retire()


def test_decisions_wait_for_the_first_record_after_joining(start, feedd_side):
    feedd = feedd_side()
    feedd.name(1, "MADEUP", 1)
    publish(feedd, made_up_events(1000, 1_000_000))
    braind = start().wait_ready()
    braind.wait_for("braind_events_consumed_total", 1000)
    assert braind.value("braind_intents_total") == 0
    assert braind.value('braind_decisions_dropped_total{reason="catching_up"}') > 900
    feedd.retire()


def test_silence_and_ticks_neither_decide_nor_end_it(start, feedd_side):
    braind = start().wait_ready()
    feedd = feedd_side()
    ticks = np.zeros_like(made_up_events(50, 1_000_000))
    ticks["kind"] = EventKind.TICK
    publish(feedd, ticks)
    braind.wait_for("braind_events_consumed_total", 50)
    assert braind.value("braind_decisions_total") == 0
    assert braind.stop(signal.SIGINT)[0] == 0
    feedd.retire()


def test_a_second_braind_refuses_to_start_and_names_the_first(start):
    first = start().wait_ready()
    second = start()
    second.process.wait(PATIENCE_S)
    code, log = second.stop()
    assert code == 75
    assert str(first.process.pid) in log[-1]["reason"]


@pytest.mark.parametrize(
    ("extra", "model", "says"),
    [
        ("order_quantity = 0", None, "braind.order_quantity"),
        ("", Path("/nonexistent"), "/nonexistent/manifest.json"),
        ('strategy = "braind.nothing:Nothing"', None, "braind.strategy braind.nothing:Nothing"),
    ],
)
def test_what_is_configured_wrong_is_refused_by_name(start, package_directory, extra, model, says):
    braind = start(extra, model or package_directory)
    braind.process.wait(PATIENCE_S)
    code, log = braind.stop()
    assert code == 78
    assert says in log[-1]["reason"]


def test_a_policy_that_does_not_compile_is_refused_by_name(start, package_directory, tmp_path):
    (tmp_path / "odd_policy.py").write_text(
        """
from braind.compiled import compiled
from braind.strategies.imbalance import ImbalanceStrategy

@compiled
def policy(scores, ready, event, now_ns, own, slot, parameters, book, actions):
    return open("somewhere")

class Odd(ImbalanceStrategy):
    policy = staticmethod(policy)
"""
    )
    braind = start(f'strategy = "odd_policy:Odd"\nstrategy_path = "{tmp_path}"', package_directory)
    braind.process.wait(READY_S)
    assert braind.process.returncode == 78
    # The compiler's error keeps alive what it has seen, which the bindings remark on at the end: not log lines.
    (refusal,) = [json.loads(line) for line in braind.process.stderr if '"refused to start"' in line]
    assert "braind.strategy odd_policy:Odd: its policy does not compile" in refusal["reason"]
