"""A model, a strategy and the instruments they follow, with everything the compiled `step` works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from braind.controls import NO_CONTROLS
from braind.counts import DROP_COUNT, DROP_FIRST_ID, DROP_RUNS_MAX, Count, Counts, Histogram, note_veto
from braind.features.registry import FEATURES, selection, warmup_top_updates
from braind.features.state import UNRESOLVED, FeatureState
from braind.model.inference import OUTPUTS, NativeModel
from braind.policy import ACTION_FIELDS, ACTIONS_MAX, Strategy
from braind.shadow.admission import forget_dropped
from braind.shadow.answers import apply_updates
from braind.shadow.layout import HELD, NOT_REBUILT, ShadowBook
from braind.shadow.names import begin_rebuild, name_row, take_orders, take_position
from braind.shadow.watch import has_diverged
from braind.step import GRANT_RECORDS_MAX, make_act, make_step
from hft._native import HISTOGRAM_HEADER_WORDS, histogram_bucket
from hft.layout.dtypes import LOOP_ORDER, MARKET_EVENT, ORDER_INTENT, ORDER_UPDATE, VetoReason

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
    ready: NDArray[np.int64]
    event: NDArray[np.void]
    scores: NDArray[np.float32]
    actions: NDArray[np.int64]
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
            np.zeros(1, np.int64),
            np.zeros(1, MARKET_EVENT),
            np.zeros(OUTPUTS, np.float32),
            np.zeros((ACTIONS_MAX, ACTION_FIELDS), np.int64),
            np.zeros(1, ORDER_INTENT),
            np.zeros(GRANT_RECORDS_MAX, np.int64),
        )


class Bound(NamedTuple):
    """What the model and the strategy bring along, and where outcomes are counted."""

    handles: NDArray[np.int64]
    shape: NDArray[np.int64]
    own: NDArray[np.int64]
    book: ShadowBook
    parameters: NDArray[np.float64]
    strategy_id: int
    counts: Counts
    drops: NDArray[np.int64]
    histograms: NDArray[np.uint64]
    controls: NDArray[np.uint64]


class OwnLimits(NamedTuple):
    """Of the shadow book: [braind]'s keys of the same meaning, with the same defaults."""

    orders: int = 1024
    position_max: int = 1000
    divergences_max: int = 16
    answer_ms_max: int = 10_000


@dataclass(frozen=True)
class Market:
    """The ring as `step` needs it. Addresses are of objects that the caller keeps alive."""

    reader_address: int
    producer_address: int
    records: NDArray[np.void]
    generation: int
    updates_address: int = 0  # a reader of updates.ring: `step` comes back when something waits in it


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
        limits: OwnLimits | None = None,
    ) -> None:
        """`histograms`: addresses by counts.Histogram (StatsWriter.value_address); `controls`: controls.py."""
        self.state = state
        self.model = model
        self.counts: Counts = np.zeros(len(Count), np.int64)
        self.gate = Gate(
            warmup_top_updates(strategy.features), accept_partial_books, decision_interval_us * 1000, 0
        )
        self.own = np.zeros((state.values.shape[0], strategy.state_words), np.int64)
        wanted_max = state.values.shape[0] * ACTIONS_MAX  # by one record that is a point for every instrument
        self.drops = np.zeros((DROP_RUNS_MAX + wanted_max, 3), np.int64)
        limits = limits or OwnLimits()
        self.book = ShadowBook.allocated(
            state.values.shape[0], state.slot_of_instrument.shape[0], limits.orders,
            (limits.position_max, limits.divergences_max, limits.answer_ms_max * 1_000_000),
        )  # fmt: skip
        self._bound = Bound(
            model.handles,
            model.shape,
            self.own,
            self.book,
            strategy.parameters(),
            strategy.strategy_id,
            self.counts,
            self.drops,
            histograms,
            controls,
        )
        self._scratch = Scratch.allocated(strategy.features)
        self._step = make_step(make_act(model.infer, strategy.policy))
        self.start_anew(0)

    def start_anew(self, decide_after_seq: int, own_generation: int = 0, held: int = 0) -> None:
        """For a new ring: nothing is known, and nothing decided before `decide_after_seq` counts.

        `own_generation`: of the intents queue; `held`: what decisions wait for (shadow.layout). Instruments that
        need no look-up start flat.
        """
        self.state.reset()
        self.state.forget_ids()
        self.book.clear(own_generation, held)
        if self.state.slot_of_instrument[0] != UNRESOLVED:
            for instrument_id in np.flatnonzero(self.state.slot_of_instrument >= 0):
                slot = int(self.state.slot_of_instrument[instrument_id])
                name_row(self.book, int(instrument_id), slot, int(self.state.tick[slot]))
                take_position(self.book, slot, 0, 0)
        self.own[:] = 0
        self.counts[[Count.LOST, Count.RING_LOST_SEEN, Count.UPDATES_SEQ, Count.UNSURE]] = 0
        self.gate = self.gate._replace(decide_after_seq=decide_after_seq)

    def name(self, instrument_id: int, slot: int, price_decimals: int) -> None:
        """An instrument was looked up: its row, or NOT_FOLLOWED."""
        self.state.name(instrument_id, slot, price_decimals)
        name_row(self.book, instrument_id, slot, int(self.state.tick[slot]) if slot >= 0 else 0)

    def take_updates(self, updates: NDArray[np.void], lost: int) -> None:
        """The next records of updates.ring, after `lost` that were overwritten unread."""
        if lost:
            self.book.words[HELD] |= NOT_REBUILT
        apply_updates(self.book, updates)
        if len(updates):
            self.counts[Count.UPDATES_SEQ] = int(updates["sequence"][-1])
        if has_diverged(self.book):
            note_veto(self.counts, int(VetoReason.SHADOW_DIVERGED))

    def forget_dropped(self, run: NDArray[np.int64]) -> None:
        """The queue refused a run of intents (a row of `drops`), and that has been told."""
        forget_dropped(self.book, int(run[DROP_FIRST_ID]), int(run[DROP_COUNT]))

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
            self._rehearse_answers()
        finally:
            self._bound = bound
            self.counts[:] = 0
            self.book.forget_counts()

    def _rehearse_answers(self) -> None:
        """Whatever a round does to the shadow book outside of `step`, so that nothing is compiled in one."""
        self.forget_dropped(np.zeros(3, np.int64))
        self.take_updates(np.zeros(1, ORDER_UPDATE), 0)
        begin_rebuild(self.book, 0, 0, 0)
        take_orders(self.book, np.zeros(1, LOOP_ORDER))
        take_position(self.book, 0, 0, 0)

    def step(self, market: Market, polls_max: int, records_max: int) -> int:
        """Consumes until `records_max` records or `polls_max` empty polls; returns the records consumed.

        Comes back early, and says in `counts[Count.STOPPED_FOR]` why (counts.StoppedFor), when something happens
        that the records do not tell. UNRESOLVED: `Count.UNRESOLVED_SEQ` names the record, `Count.UNRESOLVED_ID`
        the instrument to look up before it. LOST: `Count.LOST_NOW` records are missing before the cursor. DROPS:
        `drops[: counts[Count.DROP_RUNS]]` is full; the caller empties it, here and after every other call.
        """
        return self._step(
            market.reader_address, market.updates_address, market.producer_address, market.records,
            market.generation,
            self.state, self.gate, self._scratch, self._bound, polls_max, records_max,
        )  # fmt: skip
