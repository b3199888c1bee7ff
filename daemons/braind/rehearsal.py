"""Warm-up before READY: the whole loop over a made-up market, thousands of decisions long.

In rings of its own. Compiles everything, binds every symbol, touches every page and leaves nothing behind.
"""

from __future__ import annotations

import tempfile

import numpy as np
from numpy.typing import NDArray

from braind.brain import Brain, Market
from braind.shadow.names import take_position
from hft.layout.dtypes import (
    MARKET_EVENT,
    ORDER_INTENT,
    BookValidity,
    EventFlags,
    EventKind,
    RegionKind,
    TradeState,
    dtype,
)
from hft.regions import IntentConsumer, IntentProducer, Region, RingReader, RingWriter

REHEARSED_EVENTS = 8192
_QUEUE_RECORDS = 64


def made_up_events(count: int, interval_ns: int, instruments: int = 1) -> NDArray[np.void]:
    """Random walks of the tops of instruments 1 … in turn; every record changes one; always the same."""
    random = np.random.default_rng(1)
    events = np.zeros(count, MARKET_EVENT)
    events["instrument_id"] = 1 + np.arange(count) % instruments
    events["kind"] = int(EventKind.ADD)
    events["flags"] = int(EventFlags.TOP_CHANGED | EventFlags.BOOK_CHANGED)
    events["validity"] = int(BookValidity.VALID)
    events["trade_state"] = int(TradeState.TRADING)
    events["exchange_ts_ns"] = 1_700_000_000_000_000_000 + np.arange(count) * interval_ns
    steps = np.zeros((-(-count // instruments), instruments), np.int64)
    steps[:] = random.integers(-1, 2, steps.shape)
    mid = 1_000_000 + 100 * np.cumsum(steps, axis=0).ravel()[:count]
    events["bid_price"], events["ask_price"] = mid - 100, mid + 100
    events["bid_quantity"] = 100 * random.integers(1, 20, count)
    events["ask_quantity"] = 100 * random.integers(1, 20, count)
    events["bid_orders"], events["ask_orders"] = 2, 3
    return events


def rehearse(brain: Brain) -> None:
    """Runs REHEARSED_EVENTS decisions; afterwards the brain knows nothing of them. Raises RegionError."""
    with tempfile.TemporaryDirectory(prefix="braind-rehearsal-") as folder:
        ring = Region.create(
            f"{folder}/market", int(RegionKind.MARKET_RING), REHEARSED_EVENTS, MARKET_EVENT.itemsize
        )
        intents = Region.create(
            f"{folder}/intents", int(RegionKind.INTENTS_RING), _QUEUE_RECORDS, ORDER_INTENT.itemsize
        )
        gateway = Region.create(
            f"{folder}/gateway", int(RegionKind.GATEWAY_STATE), 1, dtype("GatewayState").itemsize
        )
        IntentConsumer(gateway).attach(intents)
        RingWriter(ring).publish_many(
            made_up_events(REHEARSED_EVENTS, max(brain.gate.decision_interval_ns, 1000))
        )
        # Read-only like the real one: the compiled loop is specific to that.
        mapped = Region.open(f"{folder}/market", int(RegionKind.MARKET_RING))
        reader, producer = RingReader(mapped, 0), IntentProducer(intents, gateway)
        brain.start_anew(decide_after_seq=0)
        before = brain.state.slot_of_instrument[1]
        brain.name(1, 0, 4)
        take_position(brain.book, 0, 0, 0)
        brain.rehearse(
            Market(reader.address, producer.address, mapped.records(MARKET_EVENT), mapped.generation)
        )
        brain.state.slot_of_instrument[1] = before
        brain.start_anew(decide_after_seq=0)
