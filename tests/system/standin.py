"""Stands in for braind where its model and its seconds of warm-up add nothing: standin.py --config FILE

Lock, intents.ring, progress, registration and heartbeats as braind has them; a round a millisecond, and in each an
intent of the fence's present epoch. It goes on when it is refused, like a braind that knows nothing. SIGTERM ends it
with a goodbye.
"""

from __future__ import annotations

import signal
import sys
import time

import numpy as np

from hft._native import WatchdLink
from hft.config import load
from hft.layout.dtypes import (
    ORDER_INTENT,
    DaemonId,
    IntentAction,
    LoopState,
    RegionKind,
    Side,
    TimeInForce,
    dtype,
)
from hft.regions import (
    PUSHED,
    DaemonLock,
    IntentProducer,
    ProgressWriter,
    Region,
    RegionError,
    monotonic_ns,
    read_control_record,
)

QUEUE_RECORDS = 1024
ROUND_S = 0.001


def template() -> np.ndarray:
    """A well-formed NEW for instrument 1."""
    made = np.zeros(1, ORDER_INTENT)
    for name, value in {
        "market_seq": 1, "instrument_id": 1, "action": int(IntentAction.NEW), "side": int(Side.BUY),
        "time_in_force": int(TimeInForce.DAY), "price": 10_000, "quantity": 100, "strategy_id": 1,
    }.items():  # fmt: skip
        made[name] = value
    return made


class Outlet:
    """Pushes intents into a queue as long as a gateway takes them; maps what it needs when it is there."""

    def __init__(self, run: str, queue: Region) -> None:
        self._run, self._queue = run, queue
        self._fence: Region | None = None
        self._state: Region | None = None
        self._producer: IntentProducer | None = None
        self._intent = template()
        self.pushed = self.refused = 0

    def push(self) -> None:
        if not self._attached():
            return
        assert self._producer is not None
        assert self._fence is not None
        self._intent["intent_id"] += 1
        self._intent["order_id"] = self._intent["intent_id"]
        self._intent["epoch"] = read_control_record(self._fence, "Fence")["epoch"]
        self._intent["emit_ts_ns"] = monotonic_ns()
        if self._producer.push(self._intent) == PUSHED:
            self.pushed += 1
        else:
            self.refused += 1

    def _attached(self) -> bool:
        if self._producer is not None and self._state is not None and not self._state.retired:
            return True
        try:
            self._fence = self._fence or Region.open(f"{self._run}/watchd/fence", int(RegionKind.FENCE))
            state = Region.open(f"{self._run}/feedd/gateway.state", int(RegionKind.GATEWAY_STATE))
            ring = Region.open(f"{self._run}/feedd/market.ring", int(RegionKind.MARKET_RING))
        except RegionError:
            return False
        self._intent["market_generation"] = ring.generation
        self._state, self._producer = state, IntentProducer(self._queue, state)
        return True


def main(path: str) -> None:
    config = load(path)
    run = config.run.directory
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    with DaemonLock(f"{run}/braind"):
        progress = Region.create(
            f"{run}/braind/progress", int(RegionKind.PROGRESS), 1, dtype("LoopProgress").itemsize
        )
        queue = Region.create(
            f"{run}/braind/intents.ring", int(RegionKind.INTENTS_RING), QUEUE_RECORDS, ORDER_INTENT.itemsize
        )
        loop = ProgressWriter(progress, 0)
        link = WatchdLink(
            config.run.control_directory, int(DaemonId.BRAIND), progress,
            config.run.heartbeat_interval_ms * 1_000_000,
        )  # fmt: skip
        loop.enter(int(LoopState.WARMUP))
        link.start()
        outlet = Outlet(run, queue)
        loop.enter(int(LoopState.READY))
        while not stopped:
            outlet.push()
            loop.round(outlet.pushed, outlet.pushed, 0)
            time.sleep(ROUND_S)
        loop.enter(int(LoopState.DRAINING))
        queue.retire()
        loop.enter(int(LoopState.STOPPED))
        link.close()


if __name__ == "__main__":
    main(sys.argv[-1])
