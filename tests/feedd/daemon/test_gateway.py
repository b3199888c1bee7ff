"""The circle with the fence closed: every intent gets its answer from the running daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from feedd_harness import Feed, Feedd, wait_until
from intents import Queue

from hft.layout.dtypes import ORDER_INTENT, RefusalReason, UpdateKind
from hft.regions import PUSHED, WRONG_GENERATION

Make = Callable[..., Feedd]


@pytest.fixture
def feedd(make_feedd: Make, feed: Feed) -> Iterator[Feedd]:
    started = make_feedd(feed.keys()).start()
    (started.run_directory / "braind").mkdir()
    yield started
    assert started.stop() == 0


def test_every_intent_is_refused_as_fence_closed_in_the_order_it_came(feedd: Feedd) -> None:
    queue = Queue(feedd)
    assert [queue.push() for _ in range(500)] == [PUSHED] * 500
    updates = queue.answers(500)
    assert updates["intent_id"].tolist() == list(range(1, 501))
    assert updates["intent_sequence"].tolist() == list(range(1, 501))
    assert set(updates["kind"].tolist()) == {int(UpdateKind.REFUSED)}
    assert set(updates["reason"].tolist()) == {int(RefusalReason.FENCE_CLOSED)}
    wait_until(lambda: feedd.gateway()["intents_cursor"] == 500, "the cursor follows the answers")
    state = feedd.gateway()
    assert (state["intents_refused"], state["intents_would_send"], state["updates_watermark"]) == (
        500,
        0,
        500,
    )
    assert feedd.stat('feedd_intents_refused_total{reason="fence_closed"}') == 500


def test_the_time_from_emission_to_answer_is_measured(feedd: Feedd) -> None:
    queue = Queue(feedd)
    queue.push()
    (update,) = queue.answers(1)
    wait_until(lambda: feedd.gateway()["intents_cursor"] == 1, "the round is over")
    histogram = feedd.histogram("feedd_intent_to_answer_ns")
    assert histogram.count == 1
    assert histogram.max == int(update["publish_ts_ns"]) - int(update["intent_emit_ts_ns"])


def test_a_malformed_intent_and_one_for_another_market_ring_are_told_so(feedd: Feedd) -> None:
    queue = Queue(feedd)
    assert queue.producer.push(np.zeros(1, ORDER_INTENT)) == PUSHED
    assert queue.push(market_generation=1) == PUSHED
    assert queue.answers(2)["reason"].tolist() == [int(RefusalReason.MALFORMED_INTENT)] * 2


def test_a_new_generation_of_intents_is_taken_over(feedd: Feedd) -> None:
    first = Queue(feedd)
    first.push()
    first.answers(1)
    second = Queue(feedd)
    assert first.push() == WRONG_GENERATION
    assert second.push(intent_id=3) == PUSHED
    last = second.answers(2)[-1]
    assert (int(last["intent_id"]), int(last["intents_generation"])) == (3, second.region.generation)
    wait_until(lambda: len(feedd.logged("region_attached")) == 2, "both are told of")


def test_a_retired_queue_is_let_go(feedd: Feedd) -> None:
    Queue(feedd).region.retire()
    wait_until(lambda: feedd.logged("region_detached") != [], "the gateway lets go")
    wait_until(lambda: feedd.gateway()["intents_generation"] == 0, "producers are refused")


def test_an_unreadable_queue_is_refused_by_name_and_the_next_one_taken(feedd: Feedd) -> None:
    path = feedd.run_directory / "braind" / "intents.ring"
    path.write_bytes(b"\0" * 8192)
    wait_until(lambda: feedd.logged("region_refused") != [], "it is refused")
    assert str(path) in str(feedd.logged("region_refused")[0]["problem"])
    assert Queue(feedd).ask() == "FENCE_CLOSED"


def test_what_is_in_the_queue_when_the_daemon_ends_is_answered(make_feedd: Make, feed: Feed) -> None:
    feedd = make_feedd(feed.keys()).start()
    queue = Queue(feedd)
    for _ in range(200):
        queue.push()
    assert feedd.stop() == 0
    assert queue.answers(200)["intent_id"].tolist() == list(range(1, 201))
