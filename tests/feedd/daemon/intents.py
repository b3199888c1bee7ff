"""braind's end of the intents queue, as feedd's tests need it, and the answers that come back."""

from __future__ import annotations

import numpy as np
from feedd_harness import Feedd, wait_until
from numpy.typing import NDArray

from hft.layout.dtypes import (
    ORDER_INTENT,
    ORDER_UPDATE,
    IntentAction,
    RefusalReason,
    RegionKind,
    Side,
    TimeInForce,
    UpdateKind,
)
from hft.regions import PUSHED, IntentProducer, Region, RingReader, monotonic_ns

QUEUE_RECORDS = 1024


class Queue:
    """`braind/intents.ring` and what the gateway answers; returns from its making when the gateway is attached."""

    def __init__(self, feedd: Feedd) -> None:
        path = feedd.run_directory / "braind" / "intents.ring"
        path.parent.mkdir(exist_ok=True)
        self.region = Region.create(
            str(path), int(RegionKind.INTENTS_RING), QUEUE_RECORDS, ORDER_INTENT.itemsize
        )
        self._intents = 0
        self.attach(feedd)

    def attach(self, feedd: Feedd) -> None:
        """To a feedd that was started anew as well."""
        self.feedd = feedd
        wait_until(
            lambda: feedd.gateway()["intents_generation"] == self.region.generation, "the gateway attaches"
        )
        self.producer = IntentProducer(self.region, feedd.region("gateway.state", RegionKind.GATEWAY_STATE))
        self.updates = feedd.region("updates.ring", RegionKind.UPDATES_RING)
        self._reader = RingReader(self.updates)
        self._market = feedd.region("market.ring", RegionKind.MARKET_RING).generation

    def intent(self, **fields: int) -> NDArray[np.void]:
        """A well-formed NEW for instrument 3 of epoch 0, with `fields` in place of these."""
        self._intents += 1
        made = np.zeros(1, ORDER_INTENT)
        for name, value in {
            "intent_id": self._intents, "order_id": self._intents, "emit_ts_ns": monotonic_ns(),
            "market_seq": 1, "market_generation": self._market, "instrument_id": 3,
            "action": int(IntentAction.NEW), "side": int(Side.BUY), "time_in_force": int(TimeInForce.DAY),
            "price": 10_000, "quantity": 100, **fields,
        }.items():  # fmt: skip
            made[name] = value
        return made

    def push(self, **fields: int) -> int:
        """Pushes an intent; what the queue says to that."""
        return int(self.producer.push(self.intent(**fields)))

    def answers(self, count: int) -> NDArray[np.void]:
        """The next `count` updates, waited for."""
        wanted = self._reader.cursor + count
        wait_until(lambda: self._reader.head >= wanted, f"{count} answers")
        granted = self._reader.poll(count)
        out = self.updates.records(ORDER_UPDATE)[self._reader.start : self._reader.start + granted].copy()
        assert self._reader.validate()
        self._reader.advance(granted)
        assert len(out) == count
        return out

    def ask(self, **fields: int) -> str:
        """Pushes an intent and gives the answer by name: ``WOULD_SEND``, or why not."""
        assert self.push(**fields) == PUSHED
        (update,) = self.answers(1)
        if update["kind"] == UpdateKind.WOULD_SEND:
            assert update["reason"] == RefusalReason.NONE
            return str(UpdateKind.WOULD_SEND.name)
        assert update["kind"] == UpdateKind.REFUSED
        return str(RefusalReason(int(update["reason"])).name)
