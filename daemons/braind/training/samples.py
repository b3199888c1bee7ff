"""From events to labelled decision points: features by the loop's own kernels, labels by the mid's next move.

A label is the sign of mid(t + horizon) - mid(t) in event time, with moves inside the dead band called flat.
A decision point has none (and is left out) when the day ends, the book has no two-sided top or something
was lost before t + horizon.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from braind.features.ranges import collect_decisions
from braind.features.registry import FEATURES, selection, warmup_top_updates
from braind.features.state import FeatureState
from hft.layout.dtypes import BookValidity, EventFlags, EventKind

INSTRUMENTS_MAX = 65536
DOWN, FLAT, UP = 0, 1, 2
TICK_PRICE_UNITS = 100.0
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Samples:
    """n labelled decision points in time order: `rows` (n, features), `ts_ns` (n,), `labels` (n,) 0 … 2."""

    rows: NDArray[np.float32]
    ts_ns: NDArray[np.int64]
    labels: NDArray[np.int64]
    decision_points: int
    events: int

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class _Collected:
    """What the day leaves behind: decision points, all instruments' mids, times when everything was lost."""

    rows: list[NDArray[np.float32]] = field(default_factory=list)
    points: list[NDArray[np.int64]] = field(default_factory=list)  # (k, 2): time, instrument
    mids: list[NDArray[np.float64]] = field(default_factory=list)  # NaN = no two-sided top
    tops: list[NDArray[np.int64]] = field(default_factory=list)  # (k, 2): time, instrument
    lost_ts_ns: list[int] = field(default_factory=list)
    last_ts_ns: int = 0
    events: int = 0


def make_samples(
    batches: Iterable[NDArray[np.void]],
    features: tuple[str, ...],
    horizon_ns: int,
    dead_band_ticks: float,
    decision_interval_ns: int,
) -> Samples:
    """Walks the day once. Books joined mid-session count too. The result may be empty."""
    collected = _collect(batches, features, decision_interval_ns)
    if not collected.rows:
        return Samples(
            np.empty((0, len(features)), np.float32),
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            0,
            collected.events,
        )
    rows, points = np.concatenate(collected.rows), np.concatenate(collected.points)
    moves = _moves(collected, points, horizon_ns)
    known = ~np.isnan(moves)
    ticks = moves[known] / TICK_PRICE_UNITS
    labels = np.where(ticks > dead_band_ticks, UP, np.where(ticks < -dead_band_ticks, DOWN, FLAT))
    return Samples(rows[known], points[known, 0], labels.astype(np.int64), len(points), collected.events)


def _collect(
    batches: Iterable[NDArray[np.void]], features: tuple[str, ...], decision_interval_ns: int
) -> _Collected:
    state = FeatureState.following(list(range(1, INSTRUMENTS_MAX)), INSTRUMENTS_MAX, TICK_PRICE_UNITS)
    selected, warmup = selection(features), warmup_top_updates(features)
    scratch = np.zeros((1, len(FEATURES)))
    rows = np.zeros((_CHUNK, len(features)), np.float32)
    event_index, slots, ready = (np.zeros(_CHUNK, np.int64) for _ in range(3))
    nothing_rests = np.zeros(INSTRUMENTS_MAX, np.int64)
    collected = _Collected()
    for events in batches:
        if not len(events):
            continue
        _note_mids(collected, events)
        start = 0
        while start < len(events):
            start, count = collect_decisions(
                events, start, state.slot_of_instrument, state.values, state.clocks, state.tick, warmup, True,
                decision_interval_ns, nothing_rests, selected, scratch, rows, event_index, slots, ready,
            )  # fmt: skip
            if count:
                collected.rows.append(rows[:count].copy())
                collected.points.append(_time_and_instrument(events[event_index[:count]]))
    return collected


def _time_and_instrument(events: NDArray[np.void]) -> NDArray[np.int64]:
    return np.stack([events["exchange_ts_ns"], events["instrument_id"]], 1).astype(np.int64)


def _note_mids(collected: _Collected, events: NDArray[np.void]) -> None:
    own = events["instrument_id"] == 0
    gaps = own & (events["kind"] == EventKind.GAP)
    sessions = own & (events["kind"] == EventKind.SESSION) & (events["code"] == ord("+"))
    collected.lost_ts_ns += events["exchange_ts_ns"][gaps | sessions].astype(np.int64).tolist()
    usable = (events["validity"] == BookValidity.VALID) | (events["validity"] == BookValidity.PARTIAL)
    tops = events[~own & (((events["flags"] & EventFlags.TOP_CHANGED) != 0) | ~usable)]
    bid, ask = tops["bid_price"].astype(np.float64), tops["ask_price"].astype(np.float64)
    usable = (tops["validity"] == BookValidity.VALID) | (tops["validity"] == BookValidity.PARTIAL)
    two_sided = usable & (tops["bid_quantity"] > 0) & (tops["ask_quantity"] > 0) & (bid > 0) & (bid < ask)
    collected.mids.append(np.where(two_sided, 0.5 * (bid + ask), np.nan))
    collected.tops.append(_time_and_instrument(tops))
    collected.last_ts_ns = max(collected.last_ts_ns, int(events["exchange_ts_ns"].max()))
    collected.events += len(events)


def _moves(collected: _Collected, points: NDArray[np.int64], horizon_ns: int) -> NDArray[np.float64]:
    """mid(t + horizon) - mid(t) of each point in price units; NaN where it is not known."""
    tops, mids = np.concatenate(collected.tops), np.concatenate(collected.mids)
    moves = np.full(len(points), np.nan)
    top_order = np.argsort(tops[:, 1], kind="stable")
    top_instruments = tops[top_order, 1]
    for instrument in np.unique(points[:, 1]):
        own = top_order[slice(*np.searchsorted(top_instruments, [instrument, instrument + 1]))]
        at = np.flatnonzero(points[:, 1] == instrument)
        now_ns = points[at, 0]
        ts_ns, mid = tops[own, 0], mids[own]
        later = np.searchsorted(ts_ns, now_ns + horizon_ns, side="right") - 1
        moves[at] = mid[later] - mid[np.searchsorted(ts_ns, now_ns, side="right") - 1]
        # A top that went one-sided or invalid in between makes the later mid another story.
        gaps = np.concatenate([[0], np.cumsum(np.isnan(mid))])
        broken = gaps[later + 1] != gaps[np.searchsorted(ts_ns, now_ns, side="right")]
        moves[at[broken]] = np.nan
    lost = np.sort(np.array(collected.lost_ts_ns, np.int64))
    between = np.searchsorted(lost, points[:, 0] + horizon_ns, "right") - np.searchsorted(
        lost, points[:, 0], "right"
    )
    moves[(between > 0) | (points[:, 0] + horizon_ns > collected.last_ts_ns)] = np.nan
    return moves


@dataclass(frozen=True)
class Split:
    """Index arrays into Samples, by time: all of `train` is known before `validation` starts, and so on."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_by_time(samples: Samples, purge_ns: int) -> Split:
    """60 / 20 / 20 % of the points by time; points whose label reaches into the next part are left out."""
    first, second = np.quantile(samples.ts_ns, [0.6, 0.8], method="lower") if len(samples) else (0, 0)
    ts_ns, ends_ns = samples.ts_ns, samples.ts_ns + purge_ns
    return Split(
        np.flatnonzero(ends_ns < first),
        np.flatnonzero((ts_ns >= first) & (ends_ns < second)),
        np.flatnonzero(ts_ns >= second),
    )
