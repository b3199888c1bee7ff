"""The planted signal is there, and gone when it is off. Tops of book come from a book that is not ours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from itch_book._core import Session

from paperd.day import DayConfig, generate_day

HORIZON_NS = 500_000_000
DECAY_NS = 200e6


def decayed_sum(values: npt.NDArray[np.float64], ts_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Exponentially forgetting sum in time."""
    total = np.zeros(len(values))
    keep = np.exp(-np.diff(ts_ns, prepend=ts_ns[0]) / DECAY_NS)
    for k in range(1, len(values)):
        total[k] = total[k - 1] * keep[k] + values[k]
    return total


def examples(config: DayConfig) -> tuple[npt.NDArray[np.float64], ...]:
    """Queue imbalance, decayed order-flow imbalance; mid move over the horizon; time. All instruments."""
    books = Session(["bbo"], 1, [])
    books.feed(generate_day(config))
    tops = books.take_bbo()
    columns: list[list[npt.NDArray[np.float64]]] = [[], [], [], []]
    for locate in np.unique(tops["locate"]):
        mine = (tops["locate"] == locate) & (tops["ts"] > np.uint64(config.open_ns + 1_000_000))
        ts, bid, bids, ask, asks = (
            tops[name][mine].astype(np.float64) for name in ("ts", "bid_px", "bid_sz", "ask_px", "ask_sz")
        )
        mid = (bid + ask) / 200
        later = np.searchsorted(ts, ts + HORIZON_NS, side="right") - 1
        flow = np.zeros(len(ts))
        flow[1:] = np.where(bid[1:] >= bid[:-1], bids[1:], 0) - np.where(bid[1:] <= bid[:-1], bids[:-1], 0)
        flow[1:] -= np.where(ask[1:] <= ask[:-1], asks[1:], 0) - np.where(ask[1:] >= ask[:-1], asks[:-1], 0)
        known = ts + HORIZON_NS <= ts[-1]
        flow = decayed_sum(flow / (bids + asks).mean(), ts)
        for column, values in zip(
            columns, ((bids - asks) / (bids + asks), flow, mid[later] - mid, ts), strict=True
        ):
            column.append(values[known][::3])
    return tuple(np.concatenate(column) for column in columns)


def out_of_sample_r2(signal: float) -> float:
    """R² of a linear model against "the mid stays", trained on the first 60 % of the time."""
    imbalance, flow, move, ts = examples(DayConfig(seed=2, instruments=30, duration_s=30.0, signal=signal))
    rows = np.column_stack([np.ones(len(move)), imbalance, flow])
    split = np.quantile(ts, 0.6)
    train, test = ts + HORIZON_NS < split, ts >= split
    weights = np.linalg.lstsq(rows[train], move[train], rcond=None)[0]
    error = ((move[test] - rows[test] @ weights) ** 2).sum()
    return float(1.0 - error / (move[test] ** 2).sum())


def test_imbalance_predicts_the_mid_out_of_sample_and_more_so_with_the_planted_signal() -> None:
    planted, off = out_of_sample_r2(1.0), out_of_sample_r2(0.0)
    assert planted > 0.10
    assert planted > off + 0.03
