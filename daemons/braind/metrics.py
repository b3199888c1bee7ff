"""braind's statistics: what is declared in `<run>/braind/stats`, and how the loop's counters get there.

The region outlives the process, so the last figures stay readable after a clean end.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from braind.counts import Count, Counts, Histogram
from braind.shadow.layout import (
    FOREIGN,
    HELD,
    LIVE_ORDERS,
    POSITION,
    REBUILDS,
    Divergence,
    Prevented,
    ShadowBook,
)
from hft.layout.dtypes import RefusalReason, UpdateKind
from hft.stats import StatsBuilder, StatsWriter

# counter -> (name, unit, labels)
_COUNTERS = {
    Count.EVENTS: ("braind_events_consumed_total", "records", ""),
    Count.LOST: ("braind_ring_lost_total", "records", ""),
    Count.DECISIONS: ("braind_decisions_total", "decisions", ""),
    Count.INTENTS: ("braind_intents_total", "intents", ""),
    Count.DROPPED_FULL: ("braind_intents_dropped_total", "intents", 'reason="queue_full"'),
    Count.DROPPED_WRONG_GENERATION: ("braind_intents_dropped_total", "intents", 'reason="wrong_generation"'),
    Count.DROPPED_VETO: ("braind_decisions_dropped_total", "decisions", 'reason="veto"'),
    Count.DROPPED_HELD: ("braind_decisions_dropped_total", "decisions", 'reason="held"'),
    Count.DROPPED_CATCHING_UP: ("braind_decisions_dropped_total", "decisions", 'reason="catching_up"'),
    Count.WITHDRAWALS: ("braind_withdrawals_total", "decisions", ""),
    Count.BAD_INPUTS: ("braind_decisions_dropped_total", "decisions", 'reason="nonfinite_input"'),
    Count.BAD_OUTPUTS: ("braind_decisions_dropped_total", "decisions", 'reason="nonfinite_output"'),
    Count.DISCARDED_RANGES: ("braind_ranges_discarded_total", "ranges", ""),
    Count.FEATURE_RESETS: ("braind_feature_resets_total", "resets", ""),
}
_HISTOGRAMS = {
    Histogram.TICK_TO_CONSUME: "braind_tick_to_consume_ns",
    Histogram.FEATURES: "braind_features_ns",
    Histogram.MODEL: "braind_model_ns",
    Histogram.TICK_TO_DECISION: "braind_tick_to_decision_ns",
    Histogram.TICK_TO_INTENT: "braind_tick_to_intent_ns",
}


class State(IntEnum):
    """Value of `braind_state`."""

    WARMUP = 0
    WAITING_FOR_FEED = 1
    RUNNING = 2
    STOPPED = 3


class Metrics:
    """Declares the region's values; `create` makes the region."""

    def __init__(self, path: str, require_huge_pages: bool, traded: Mapping[str, int]) -> None:
        """`traded`: rows of the shadow book by the symbol that may be traded. Raises RegionError."""
        builder = StatsBuilder()
        self._counters = {
            count: builder.counter(n, u, 0, labels) for count, (n, u, labels) in _COUNTERS.items()
        }
        self._vetoed = builder.gauge("braind_vetoed", "bool")
        self._state = builder.gauge("braind_state", "state")
        self._lag = builder.gauge("braind_ring_lag_records", "records")
        self._cursor = builder.gauge("braind_ring_cursor", "sequence")
        self._generation = builder.gauge("braind_ring_generation", "generation")
        self._maps = builder.counter("braind_ring_maps_total", "maps")
        self._loops = builder.counter("braind_loop_iterations_total", "iterations")
        self._pinned = builder.gauge("braind_thread_affinity_ok", "bool")
        self._repairs = builder.counter("braind_thread_affinity_repairs_total", "repairs")
        self._instruments = builder.gauge("braind_instruments", "instruments")
        self._unnamed = builder.counter("braind_instruments_unnamed_total", "instruments")
        self._updates = _by(builder, "braind_updates_total", "updates", "kind", UpdateKind)
        self._foreign = builder.counter("braind_updates_foreign_total", "updates")
        self._updates_lost = builder.counter("braind_updates_lost_total", "records")
        self._refused = _by(builder, "braind_refused_total", "intents", "reason", RefusalReason)
        self._prevented = _by(builder, "braind_intents_prevented_total", "intents", "reason", Prevented)
        self._diverged = _by(builder, "braind_shadow_divergences_total", "updates", "reason", Divergence)
        self._rebuilds = builder.counter("braind_shadow_rebuilds_total", "rebuilds")
        self._orders = builder.gauge("braind_shadow_orders", "orders")
        self._held = builder.gauge("braind_shadow_held", "bits")
        self._positions = [
            (row, *(builder.gauge("braind_shadow_position_quantity", "shares", 0, _position_labels(symbol, side))
                    for side in ("long", "short")))
            for symbol, row in traded.items()
        ]  # fmt: skip
        self._positions_told = np.zeros(len(self._positions), np.int64)
        self._position_rows = np.array([row for row, _, _ in self._positions], np.intp)
        histograms = [builder.histogram(_HISTOGRAMS[one], "ns") for one in Histogram]
        self._writer: StatsWriter = builder.create(path, require_huge_pages)
        self.histogram_addresses: NDArray[np.uint64] = np.array(
            [self._writer.value_address(index) for index in histograms], np.uint64
        )

    def set_pinned(self, in_place: bool, *, found_elsewhere: bool) -> None:
        """Where the loop's thread is now, and whether it had to be put back."""
        self._writer.set(self._pinned, int(in_place))
        if found_elsewhere:
            self._writer.add(self._repairs)

    def set_state(self, state: State) -> None:
        self._writer.set(self._state, int(state))

    def set_instruments(self, count: int) -> None:
        """Configured symbols that have been found in the feed."""
        self._writer.set(self._instruments, count)

    def add_unnamed(self) -> None:
        """An instrument that the feed used without the board ever naming it."""
        self._writer.add(self._unnamed)

    def add_map(self, generation: int) -> None:
        """A market ring was mapped."""
        self._writer.set(self._generation, generation)
        self._writer.add(self._maps)

    def add_updates_lost(self, count: int) -> None:
        self._writer.add(self._updates_lost, count)

    def publish(self, counts: Counts, lost_before: int, cursor: int, lag_records: int) -> None:
        """Copies the loop's counters; `lost_before` are records lost in rings that were mapped earlier.

        After `publish_book`. Events and cursor come last: whoever reads how far it is reads what came of it, too.
        """
        for count, index in self._counters.items():
            if count is not Count.EVENTS:
                self._writer.set(index, int(counts[count]))
        self._writer.set(self._counters[Count.LOST], int(counts[Count.LOST]) + lost_before)
        self._writer.set(self._vetoed, int(counts[Count.VETOED] != 0))
        self._writer.set(self._lag, lag_records)
        self._writer.add(self._loops)
        self._writer.set(self._counters[Count.EVENTS], int(counts[Count.EVENTS]))
        self._writer.set(self._cursor, cursor)

    def publish_book(self, book: ShadowBook) -> None:
        """Copies the shadow book's figures."""
        for figures, indices in (
            (book.updates_by_kind, self._updates), (book.refusals_by_reason, self._refused),
            (book.prevented, self._prevented), (book.diverged, self._diverged),
        ):  # fmt: skip
            for number, index in indices.items():
                self._writer.set(index, int(figures[number]))
        self._writer.set(self._foreign, int(book.counted[FOREIGN]))
        self._writer.set(self._rebuilds, int(book.counted[REBUILDS]))
        self._writer.set(self._orders, int(book.words[LIVE_ORDERS]))
        self._writer.set(self._held, int(book.words[HELD]))
        self._publish_positions(book.rows[self._position_rows, POSITION])

    def _publish_positions(self, positions: NDArray[np.int64]) -> None:
        """Statistics are unsigned: long and short each have their own."""
        for changed in np.flatnonzero(positions != self._positions_told):
            _, long, short = self._positions[changed]
            self._writer.set(long, max(0, int(positions[changed])))
            self._writer.set(short, max(0, -int(positions[changed])))
        self._positions_told = positions


def _by(builder: StatsBuilder, name: str, unit: str, label: str, members: type[IntEnum]) -> dict[int, int]:
    """One counter a member, but for a NONE."""
    return {
        int(one): builder.counter(name, unit, 0, f'{label}="{one.name.lower()}"')
        for one in members
        if one.name != "NONE"
    }


def _position_labels(symbol: str, side: str) -> str:
    escaped = symbol.replace("\\", "\\\\").replace('"', '\\"')
    return f'symbol="{escaped}",side="{side}"'
