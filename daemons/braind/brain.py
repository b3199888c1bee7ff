"""A model, a strategy and the instruments they follow, with everything the compiled `step` works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from braind.controls import NO_CONTROLS
from braind.counts import DROP_RUNS_MAX, Count, Counts, Histogram
from braind.features.registry import FEATURES, selection, warmup_top_updates
from braind.features.state import FeatureState
from braind.model.inference import OUTPUTS, NativeModel
from braind.policy import ORDER_FIELDS, Strategy
from braind.step import GRANT_RECORDS_MAX, make_act, make_decide, make_step
from hft._native import HISTOGRAM_HEADER_WORDS, histogram_bucket
from hft.layout.dtypes import MARKET_EVENT, ORDER_INTENT

HISTOGRAM_WORDS = HISTOGRAM_HEADER_WORDS + histogram_bucket(2**64 - 1) + 1


class Gate(NamedTuple):
    """When the stream asks for a decision (all in event time), and from which ring sequence on it counts."""

    warmup_top_updates: int
    accept_partial_books: bool
    decision_interval_ns: int
    decide_after_seq: int


class Scratch(NamedTuple):
    """One decision's worth of private memory, allocated once (see step.py for what goes where)."""

    selected: NDArray[np.int64]
    all_features: NDArray[np.float64]
    rows: NDArray[np.float32]
    event_index: NDArray[np.int64]
    slots: NDArray[np.int64]
    event: NDArray[np.void]
    scores: NDArray[np.float32]
    order: NDArray[np.int64]
    intent: NDArray[np.void]
    latencies_ns: NDArray[np.int64]

    @classmethod
    def allocated(cls, features: tuple[str, ...]) -> Scratch:
        return cls(
            selection(features),
            np.zeros((1, len(FEATURES))),
            np.zeros((1, len(features)), np.float32),
            np.zeros(1, np.int64),
            np.zeros(1, np.int64),
            np.zeros(1, MARKET_EVENT),
            np.zeros(OUTPUTS, np.float32),
            np.zeros(ORDER_FIELDS, np.int64),
            np.zeros(1, ORDER_INTENT),
            np.zeros(GRANT_RECORDS_MAX, np.int64),
        )


class Bound(NamedTuple):
    """What the model and the strategy bring along, and where outcomes are counted."""

    handles: NDArray[np.int64]
    shape: NDArray[np.int64]
    own: NDArray[np.int64]
    parameters: NDArray[np.float64]
    strategy_id: int
    counts: Counts
    drops: NDArray[np.int64]
    histograms: NDArray[np.uint64]
    controls: NDArray[np.uint64]


@dataclass(frozen=True)
class Market:
    """The ring as `step` needs it. Addresses are of objects that the caller keeps alive."""

    reader_address: int
    producer_address: int
    records: NDArray[np.void]
    generation: int


class Brain:
    """Follows `state`'s instruments with one model and one strategy. Compiles the loop when it is made."""

    def __init__(
        self,
        state: FeatureState,
        model: NativeModel,
        strategy: Strategy,
        accept_partial_books: bool,
        decision_interval_us: int,
        histograms: NDArray[np.uint64],
        controls: NDArray[np.uint64] = NO_CONTROLS,
    ) -> None:
        """`histograms`: addresses by counts.Histogram (StatsWriter.value_address); `controls`: controls.py."""
        self.state = state
        self.model = model
        self.counts: Counts = np.zeros(len(Count), np.int64)
        self.gate = Gate(
            warmup_top_updates(strategy.features), accept_partial_books, decision_interval_us * 1000, 0
        )
        self.own = np.zeros((state.values.shape[0], strategy.state_words), np.int64)
        self.drops = np.zeros((DROP_RUNS_MAX, 3), np.int64)
        self._bound = Bound(
            model.handles,
            model.shape,
            self.own,
            strategy.parameters(),
            strategy.strategy_id,
            self.counts,
            self.drops,
            histograms,
            controls,
        )
        self._scratch = Scratch.allocated(strategy.features)
        self._step = make_step(make_act(make_decide(model.infer, strategy.policy)))

    def start_anew(self, decide_after_seq: int) -> None:
        """For a new ring: nothing is known, and nothing decided before `decide_after_seq` counts."""
        self.state.reset()
        self.state.forget_ids()
        self.own[:] = 0
        self.counts[[Count.LOST, Count.RING_LOST_SEEN, Count.UPDATES_SEQ]] = 0
        self.gate = self.gate._replace(decide_after_seq=decide_after_seq)

    def rehearse(self, market: Market) -> None:
        """Runs what is in `market` through the whole loop, leaving no trace in counters and histograms."""
        words = np.zeros((len(Histogram), HISTOGRAM_WORDS), np.uint64)
        bound = self._bound
        self._bound = bound._replace(
            histograms=words.ctypes.data + words.strides[0] * np.arange(len(words), dtype=np.uint64),
            controls=NO_CONTROLS,
        )
        try:
            self.step(market, polls_max=1, records_max=market.records.shape[0])
        finally:
            self._bound = bound
            self.counts[:] = 0

    def step(self, market: Market, polls_max: int, records_max: int) -> int:
        """Consumes until `records_max` records or `polls_max` empty polls; returns the records consumed.

        Comes back early, and says in `counts[Count.STOPPED_FOR]` why (counts.StoppedFor), when something happens
        that the records do not tell. UNRESOLVED: `Count.UNRESOLVED_SEQ` names the record, `Count.UNRESOLVED_ID`
        the instrument to look up before it. LOST: `Count.LOST_NOW` records are missing before the cursor. DROPS:
        `drops[: counts[Count.DROP_RUNS]]` is full; the caller empties it, here and after every other call.
        """
        return self._step(
            market.reader_address, market.producer_address, market.records, market.generation,
            self.state, self.gate, self._scratch, self._bound, polls_max, records_max,
        )  # fmt: skip
