"""What `hft bench tick` measures with: braind's loop over its own rings, with a model of random weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from msgspec import structs
from numpy.typing import NDArray

from braind.bench_strategy import AnsweredStrategy
from braind.brain import Brain, Market
from braind.controls import Controls
from braind.counts import Count, Histogram
from braind.features.ranges import features_of_range
from braind.features.registry import FEATURE_NAMES, FEATURES, warmup_top_updates
from braind.features.state import FeatureState
from braind.model.export import cached_binary
from braind.model.inference import NativeModel
from braind.model.network import TrainableNetwork
from braind.policy import Strategy
from braind.rehearsal import made_up_events
from hft.config import Braind
from hft.layout.dtypes import MARKET_EVENT, ORDER_INTENT, RegionKind, dtype
from hft.regions import IntentConsumer, IntentProducer, Region, RingReader, RingWriter
from hft.stats import Histogram as HistogramValue
from hft.stats import StatsBuilder, read

INSTRUMENTS = 64
INTENTS_CAPACITY = 4096
EVENT_SPACING_NS = 50_000
_STAGES = {
    Histogram.TICK_TO_CONSUME: "publish → consumed",
    Histogram.FEATURES: "features",
    Histogram.MODEL: "model",
    Histogram.TICK_TO_DECISION: "publish → decided",
    Histogram.TICK_TO_INTENT: "publish → emitted",
}


class _EagerStrategy(AnsweredStrategy):
    """The demo's strategy with a threshold of 0 and no cool-down: every decision is an intent."""

    def __init__(self) -> None:
        config = Braind(model="none", symbols=("BENCH",))
        self._config = structs.replace(config, score_threshold=0.0)
        self._cool_down_ns = 0


def random_model() -> NativeModel:
    """A 16-32-32-3 network of seeded random weights, compiled as packages are (and cached)."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    inputs = len(FEATURE_NAMES)
    network = TrainableNetwork(inputs).network(np.zeros(inputs, np.float32), np.full(inputs, 0.1, np.float32))
    return NativeModel(cached_binary(network).binary, inputs)


def _controls(folder: Path) -> tuple[Controls, Region]:
    """As in life: the loop stores its progress, and copies the epoch of a fence that is there."""
    for name in ("braind", "watchd"):
        (folder / name).mkdir()
    fence = Region.create(f"{folder}/watchd/fence", int(RegionKind.FENCE), 1, dtype("Fence").itemsize)
    controls = Controls(folder, require_huge_pages=False)
    controls.look_outside()
    return controls, fence


class Bench:
    """braind's side in `folder`: intents ring, statistics and a brain; `join` maps what the writer made."""

    def __init__(self, folder: Path, decision_interval_us: int = 0) -> None:
        self._folder = folder
        self._intents = Region.create(
            f"{folder}/intents", int(RegionKind.INTENTS_RING), INTENTS_CAPACITY, ORDER_INTENT.itemsize
        )
        builder = StatsBuilder()
        indices = [builder.histogram(one.name.lower(), "ns") for one in Histogram]
        self._stats = builder.create(f"{folder}/stats")
        addresses = np.array([self._stats.value_address(index) for index in indices], np.uint64)
        self._controls, self._fence = _controls(folder)
        strategy: Strategy = _EagerStrategy()
        state = FeatureState.following(list(range(1, INSTRUMENTS + 1)), 1024)
        self.brain = Brain(
            state, random_model(), strategy, False, decision_interval_us, addresses, self._controls.addresses
        )
        self._before = self._stage_values()

    def events(self, count: int) -> NDArray[np.void]:
        """Every record changes a top: each one is a decision point, and the worst there is for features."""
        return made_up_events(count, EVENT_SPACING_NS, INSTRUMENTS)

    def join(self) -> None:
        """Maps the writer's regions and compiles the loop for them. Warms every instrument up."""
        self._ring = Region.open(f"{self._folder}/market", int(RegionKind.MARKET_RING))
        self._gateway = Region.open(f"{self._folder}/gateway", int(RegionKind.GATEWAY_STATE))
        self.reader = RingReader(self._ring, 0)
        self._producer = IntentProducer(self._intents, self._gateway)
        self.market = Market(
            self.reader.address,
            self._producer.address,
            self._ring.records(MARKET_EVENT),
            self._ring.generation,
        )
        self.brain.step(self.market, 1, 1)
        warm = made_up_events(64 * INSTRUMENTS, EVENT_SPACING_NS, INSTRUMENTS)
        state = self.brain.state
        rows, ready = np.zeros((len(warm), len(FEATURES))), np.zeros(len(warm), np.bool_)
        warm["exchange_ts_ns"] -= np.uint64(len(warm) * EVENT_SPACING_NS)
        features_of_range(
            warm, state.slot_of_instrument, state.values, state.clocks, state.tick,
            warmup_top_updates(FEATURE_NAMES), rows, ready,
        )  # fmt: skip

    def step_until(self, done: Callable[[], bool]) -> None:
        """The loop as braind runs it (spin), until `done` between two rounds."""
        while not done():
            self.brain.step(self.market, 20_000, 1 << 16)

    def _stage_values(self) -> dict[str, HistogramValue]:
        values = read(f"{self._folder}/stats")
        return {name: value for name, value in values.items() if isinstance(value, HistogramValue)}

    def stage_p50s_us(self) -> dict[str, float]:
        """Median of each stage since the last call, in microseconds (bucket precision: 6 %)."""
        now, out = self._stage_values(), {}
        for stage, label in _STAGES.items():
            name = stage.name.lower()
            delta = now[name].buckets - self._before[name].buckets
            value = HistogramValue(int(delta.sum()), 0, now[name].max, "ns", delta)
            out[label] = value.percentile(50) / 1e3
        self._before = now
        return out


def measure_sustained(records: int, rounds: int) -> dict[str, list[float]]:
    """Events/s through all features and decisions/s, one figure a round, over a ring full of records."""
    out: dict[str, list[float]] = {"events_per_second": [], "decisions_per_second": []}
    with TemporaryDirectory(prefix="hft-bench-", dir="/dev/shm") as folder:
        bench = Bench(Path(folder))
        ring = Region.create(f"{folder}/market", int(RegionKind.MARKET_RING), records, MARKET_EVENT.itemsize)
        gateway = Region.create(
            f"{folder}/gateway", int(RegionKind.GATEWAY_STATE), 1, dtype("GatewayState").itemsize
        )
        IntentConsumer(gateway).attach(Region.open(f"{folder}/intents", int(RegionKind.INTENTS_RING)))
        events, writer = bench.events(records), RingWriter(ring)
        bench.join()
        for _ in range(rounds):
            writer.publish_many(events)
            out["events_per_second"].append(_features_per_second(bench, ring, records))
            writer.publish_many(events)
            out["decisions_per_second"].append(_decisions_per_second(bench))
    return out


def _features_per_second(bench: Bench, ring: Region, records: int) -> float:
    """All 16 features computed after every record, one call over the range the ring grants."""
    state, view = bench.brain.state, ring.records(MARKET_EVENT)
    rows, ready = np.zeros((4096, len(FEATURES))), np.zeros(4096, np.bool_)
    state.reset()
    consumed, start = 0, time.perf_counter()
    while consumed < records:
        count = bench.reader.poll(len(rows))
        first = bench.reader.start
        features_of_range(
            view[first : first + count], state.slot_of_instrument, state.values, state.clocks, state.tick,
            warmup_top_updates(FEATURE_NAMES), rows, ready,
        )  # fmt: skip
        if not bench.reader.validate():
            raise RuntimeError("the writer is this very thread: nothing can be overwritten")
        bench.reader.advance(count)
        consumed += count
    return records / (time.perf_counter() - start)


def _decisions_per_second(bench: Bench) -> float:
    """The loop draining a full ring: a decision (and an intent, until the queue is full) at every record."""
    bench.brain.start_anew(decide_after_seq=0)
    before = int(bench.brain.counts[Count.DECISIONS])
    start = time.perf_counter()
    while bench.brain.step(bench.market, polls_max=1, records_max=1 << 30):
        bench.brain.counts[Count.DROP_RUNS] = 0
    seconds = time.perf_counter() - start
    return (int(bench.brain.counts[Count.DECISIONS]) - before) / seconds
