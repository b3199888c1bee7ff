"""braind's loop over rings of one directory, in this process: publish, step, look at intents and state.

Also a program, for the test that interpreted and compiled code agree:

    python braind_circle.py PACKAGE EVENTS.npy CHUNK     prints a digest of every intent and of all state
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from braind.bench_strategy import AnsweredStrategy
from braind.brain import Brain, Market, OwnLimits
from braind.controls import NO_CONTROLS
from braind.counts import Count, Histogram, StoppedFor
from braind.features.registry import FEATURE_NAMES
from braind.features.state import FeatureState
from braind.model.inference import NativeModel
from braind.model.package import load
from hft.layout.dtypes import MARKET_EVENT, ORDER_INTENT, RegionKind, dtype
from hft.regions import IntentConsumer, IntentProducer, Region, RingReader, RingWriter
from hft.stats import StatsBuilder

# Random weights are never sure of anything: thirds and a bit.
THRESHOLD = 0.36
NO_LIMITS = OwnLimits(orders=4096, position_max=1 << 30)
CLOCK_FIELDS = ("emit_ts_ns", "market_generation")


class Circle:
    """`publish(events)`, `step()`, `intents()`; `brain` is open for inspection."""

    def __init__(
        self,
        directory: Path,
        model: NativeModel,
        instruments: int = 3,
        ring_records: int = 1 << 12,
        intents_records: int = 1 << 12,
        cool_down_ms: int = 1,
        decision_interval_us: int = 0,
        attached: bool = True,
        controls=NO_CONTROLS,
        strategy=None,
        limits=NO_LIMITS,
    ) -> None:
        self.ring = Region.create(f"{directory}/market", RegionKind.MARKET_RING, ring_records, 128)
        queue = Region.create(f"{directory}/intents", RegionKind.INTENTS_RING, intents_records, 128)
        state_bytes = dtype("GatewayState").itemsize
        self.gateway = Region.create(f"{directory}/gateway", RegionKind.GATEWAY_STATE, 1, state_bytes)
        self.consumer = IntentConsumer(self.gateway)
        if attached:
            self.consumer.attach(queue)
        builder = StatsBuilder()
        indices = [builder.histogram(one.name.lower(), "ns") for one in Histogram]
        self.stats = builder.create(f"{directory}/stats")
        addresses = np.array([self.stats.value_address(index) for index in indices], np.uint64)
        config = SimpleNamespace(score_threshold=THRESHOLD, order_quantity=100)
        strategy = strategy or AnsweredStrategy(config, SimpleNamespace(horizon_ms=cool_down_ms))
        state = FeatureState.following(list(range(1, instruments + 1)), 16)
        self.brain = Brain(state, model, strategy, False, decision_interval_us, addresses, controls, limits)
        self.queue_generation = queue.generation
        self.brain.start_anew(0, queue.generation)
        self.stops: list[StoppedFor] = []
        self.drops: list[tuple[int, int, int]] = []  # first intent id, how many, what the queue said
        self.writer = RingWriter(self.ring)
        mapped = Region.open(f"{directory}/market", RegionKind.MARKET_RING)
        self.reader, self.producer = RingReader(mapped, 0), IntentProducer(queue, self.gateway)
        self.market = Market(
            self.reader.address, self.producer.address, mapped.records(MARKET_EVENT), mapped.generation
        )

    def publish(self, events) -> None:
        self.writer.publish_many(np.ascontiguousarray(events))

    def step(self, records_max: int = 1 << 30) -> int:
        """Consumes what is there, going on after everything that `step` has to tell."""
        consumed = self.brain.step(self.market, 1, records_max)
        while (stopped_for := self.count(Count.STOPPED_FOR)) and consumed < records_max:
            self.stops.append(StoppedFor(stopped_for))
            self.take_drops()
            if stopped_for == StoppedFor.UNRESOLVED:
                break
            consumed += self.brain.step(self.market, 1, records_max - consumed)
        self.take_drops()
        return consumed

    def take_drops(self) -> None:
        """As the loop does: what the queue refused is taken down, and the table is empty again."""
        runs = self.brain.drops[: self.count(Count.DROP_RUNS)]
        self.drops += [tuple(int(x) for x in run) for run in runs]
        for run in runs:
            self.brain.forget_dropped(run)
        self.brain.counts[Count.DROP_RUNS] = 0

    def count(self, which: Count) -> int:
        return int(self.brain.counts[which])

    def intents(self):
        """Everything pushed since the last call."""
        taken, one = [], np.zeros(1, ORDER_INTENT)
        while self.consumer.pop(one):
            taken.append(one.copy())
        self.consumer.commit()
        return np.concatenate(taken) if taken else np.zeros(0, ORDER_INTENT)


def without_clocks(intents):
    """The intents with the fields that name a clock or a life of the process set to 0."""
    same = intents.copy()
    for name in CLOCK_FIELDS:
        same[name] = 0
    return same


def main(package: str, events_file: str, chunk: str) -> None:
    torch.set_num_threads(1)
    manifest, binary = load(Path(package), FEATURE_NAMES, str(torch.__version__))
    events = np.load(events_file).view(MARKET_EVENT)
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        circle = Circle(Path(folder), NativeModel(binary, len(manifest.features)))
        intents = 0
        for first in range(0, len(events), int(chunk)):
            circle.publish(events[first : first + int(chunk)])
            circle.step()
            taken = circle.intents()
            intents += len(taken)
            digest.update(without_clocks(taken).tobytes())
        state = circle.brain.state
        digest.update(state.values.tobytes() + state.clocks.tobytes() + circle.brain._bound.own.tobytes())
    print(intents, circle.count(Count.DECISIONS), digest.hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
