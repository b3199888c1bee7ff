"""The circle with the fence closed: every intent gets its answer from the running daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from feedd_harness import Feed, Feedd, wait_until
from numpy.typing import NDArray

from hft import stats
from hft.layout.dtypes import (
    ORDER_INTENT,
    ORDER_UPDATE,
    IntentAction,
    RefusalReason,
    RegionKind,
    Side,
    TimeInForce,
    UpdateKind,
    dtype,
)
from hft.regions import (
    PUSHED,
    WRONG_GENERATION,
    IntentProducer,
    Region,
    RingReader,
    monotonic_ns,
    read_gateway_state,
)

Make = Callable[..., Feedd]
QUEUE_RECORDS = 1024


@pytest.fixture
def feedd(make_feedd: Make, feed: Feed) -> Iterator[Feedd]:
    started = make_feedd(feed.keys()).start()
    (started.run_directory / "braind").mkdir()
    yield started
    assert started.stop() == 0


def open_queue(feedd: Feedd) -> tuple[Region, IntentProducer]:
    """What braind does at its start; returns when the gateway has taken the queue over."""
    path = feedd.run_directory / "braind" / "intents.ring"
    region = Region.create(str(path), int(RegionKind.INTENTS_RING), QUEUE_RECORDS, ORDER_INTENT.itemsize)
    state = feedd.region("gateway.state", RegionKind.GATEWAY_STATE)
    wait_until(
        lambda: read_gateway_state(state)["intents_generation"] == region.generation, "the gateway attaches"
    )
    return region, IntentProducer(region, state)


def intent(market_generation: int, intent_id: int) -> NDArray[np.void]:
    made = np.zeros(1, ORDER_INTENT)
    made["intent_id"] = made["order_id"] = intent_id
    made["emit_ts_ns"] = monotonic_ns()
    made["market_seq"] = 1
    made["market_generation"] = market_generation
    made["instrument_id"] = 3
    made["action"] = int(IntentAction.NEW)
    made["side"] = int(Side.BUY)
    made["time_in_force"] = int(TimeInForce.DAY)
    made["price"], made["quantity"] = 10_000, 100
    return made


@pytest.fixture
def market(feedd: Feedd) -> int:
    """Generation of the running market.ring."""
    return feedd.region("market.ring", RegionKind.MARKET_RING).generation


def answers(feedd: Feedd, count: int) -> NDArray[np.void]:
    """The first `count` records of updates.ring, waited for."""
    region = feedd.region("updates.ring", RegionKind.UPDATES_RING)
    reader, records = RingReader(region), region.records(ORDER_UPDATE)
    wait_until(lambda: reader.head >= count, f"{count} answers")
    granted = reader.poll(count)
    out = records[reader.start : reader.start + granted].copy()
    assert reader.validate()
    return out


def test_every_intent_is_refused_as_fence_closed_in_the_order_it_came(feedd: Feedd, market: int) -> None:
    _, producer = open_queue(feedd)
    for intent_id in range(1, 501):
        assert producer.push(intent(market, intent_id)) == PUSHED
    updates = answers(feedd, 500)
    assert updates["intent_id"].tolist() == list(range(1, 501))
    assert updates["intent_sequence"].tolist() == list(range(1, 501))
    assert set(updates["kind"].tolist()) == {int(UpdateKind.REFUSED)}
    assert set(updates["reason"].tolist()) == {int(RefusalReason.FENCE_CLOSED)}
    state = read_gateway_state(feedd.region("gateway.state", RegionKind.GATEWAY_STATE))
    assert (state["intents_cursor"], state["intents_refused"], state["updates_watermark"]) == (500, 500, 500)
    assert feedd.stat('feedd_intents_refused_total{reason="fence_closed"}') == 500


def test_the_time_from_emission_to_answer_is_measured(feedd: Feedd, market: int) -> None:
    _, producer = open_queue(feedd)
    producer.push(intent(market, 1))
    (update,) = answers(feedd, 1)
    histogram = stats.read(str(feedd.run_directory / "feedd" / "stats"))["feedd_intent_to_answer_ns"]
    assert isinstance(histogram, stats.Histogram)
    assert histogram.count == 1
    assert histogram.max == int(update["publish_ts_ns"]) - int(update["intent_emit_ts_ns"])


def test_a_malformed_intent_and_one_for_another_market_ring_are_told_so(feedd: Feedd, market: int) -> None:
    _, producer = open_queue(feedd)
    empty, stale = np.zeros(1, ORDER_INTENT), intent(market, 2)
    stale["market_generation"] -= 1
    producer.push(empty)
    producer.push(stale)
    assert answers(feedd, 2)["reason"].tolist() == [int(RefusalReason.MALFORMED_INTENT)] * 2


def test_a_new_generation_of_intents_is_taken_over(feedd: Feedd, market: int) -> None:
    _, first = open_queue(feedd)
    first.push(intent(market, 1))
    answers(feedd, 1)
    new_region, second = open_queue(feedd)
    assert first.push(intent(market, 2)) == WRONG_GENERATION
    assert second.push(intent(market, 3)) == PUSHED
    last = answers(feedd, 2)[-1]
    assert (int(last["intent_id"]), int(last["intents_generation"])) == (3, new_region.generation)
    assert len(feedd.logged("region_attached")) == 2


def test_a_retired_queue_is_let_go(feedd: Feedd) -> None:
    region, _ = open_queue(feedd)
    region.retire()
    wait_until(lambda: feedd.logged("region_detached") != [], "the gateway lets go")
    state = feedd.region("gateway.state", RegionKind.GATEWAY_STATE)
    wait_until(lambda: read_gateway_state(state)["intents_generation"] == 0, "producers are refused")


def test_an_unreadable_queue_is_refused_by_name_and_the_next_one_taken(feedd: Feedd, market: int) -> None:
    path = feedd.run_directory / "braind" / "intents.ring"
    path.write_bytes(b"\0" * 8192)
    wait_until(lambda: feedd.logged("region_refused") != [], "it is refused")
    assert str(path) in str(feedd.logged("region_refused")[0]["problem"])
    _, producer = open_queue(feedd)
    assert producer.push(intent(market, 1)) == PUSHED
    answers(feedd, 1)


def open_fence(run_directory: Path, token: int, lease_deadline_ns: int) -> Region:
    (run_directory / "watchd").mkdir(exist_ok=True)
    fence = dtype("Fence")
    region = Region.create(str(run_directory / "watchd" / "fence"), int(RegionKind.FENCE), 1, fence.itemsize)
    words = region.records(fence)
    words["epoch"], words["lease_deadline_ns"] = 4, lease_deadline_ns
    words["token"] = token
    return region


def test_behind_an_open_fence_there_is_no_venue_yet(feedd: Feedd, market: int) -> None:
    fence = open_fence(feedd.run_directory, 1, monotonic_ns() + 3_600_000_000_000)
    state = feedd.region("gateway.state", RegionKind.GATEWAY_STATE)
    wait_until(lambda: read_gateway_state(state)["fence_token_seen"] == 1, "the gateway sees the fence")
    assert read_gateway_state(state)["fence_epoch_seen"] == 4
    _, producer = open_queue(feedd)
    producer.push(intent(market, 1))
    assert answers(feedd, 1)["reason"].tolist() == [int(RefusalReason.NO_VENUE)]
    fence.records(dtype("Fence"))["lease_deadline_ns"] = monotonic_ns()
    producer.push(intent(market, 2))
    assert answers(feedd, 2)["reason"].tolist()[1] == int(RefusalReason.FENCE_CLOSED)


def test_what_is_in_the_queue_when_the_daemon_ends_is_answered(make_feedd: Make, feed: Feed) -> None:
    feedd = make_feedd(feed.keys()).start()
    (feedd.run_directory / "braind").mkdir()
    market = feedd.region("market.ring", RegionKind.MARKET_RING).generation
    _, producer = open_queue(feedd)
    for intent_id in range(1, 201):
        producer.push(intent(market, intent_id))
    assert feedd.stop() == 0
    assert answers(feedd, 200)["intent_id"].tolist() == list(range(1, 201))
