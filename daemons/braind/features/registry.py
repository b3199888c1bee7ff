"""The ordered list of features: what each means, in which unit, how long it warms up, where it is from.

The kernels in `kernels.py` compute these formulas. Whoever changes one raises FORMULA_VERSION: model packages
trained on other formulas then refuse to load.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FORMULA_VERSION = 1


@dataclass(frozen=True)
class Feature:
    """One column of the feature row. `warmup_top_updates`: two-sided tops needed since the last reset."""

    name: str
    formula: str
    unit: str
    warmup_top_updates: int
    source: str


_ECKNER = "time-weighted EWMA of an irregular series: Eckner, 2012"
_REALIZED = "realized variance with exponential forgetting: RiskMetrics, 1996"
_CONT = "Cont, Kukanov, Stoikov, J. Financial Econometrics 12(1), 2014"
_CARTEA = "Cartea, Jaimungal, Penalva, Algorithmic and High-Frequency Trading, 2015"
_LEE_READY = "signed by the resting side, hidden trades by the quote rule: Lee, Ready, J. Finance, 1991"

FEATURES: tuple[Feature, ...] = (
    Feature("mid_deviation_100ms", "(mid - EWMA_100ms(mid)) / mid", "bp", 32, _ECKNER),
    Feature("mid_deviation_1s", "(mid - EWMA_1s(mid)) / mid", "bp", 32, _ECKNER),
    Feature("mid_deviation_10s", "(mid - EWMA_10s(mid)) / mid", "bp", 32, _ECKNER),
    Feature("return_ewma", "EWMA over mid changes, weight 1/16, of mid/previous - 1", "bp", 32, _ECKNER),
    Feature("volatility_1s", "sqrt(sum of squared mid returns · exp(-age/1s))", "bp", 32, _REALIZED),
    Feature("volatility_10s", "sqrt(sum of squared mid returns · exp(-age/10s))", "bp", 32, _REALIZED),
    Feature("efficiency_ratio", "|net| / path over the last 32 mid changes", "1", 32, "Kaufman, 1995"),
    Feature("microprice_offset", "(ask·bid_qty + bid·ask_qty)/(bid_qty+ask_qty) - mid", "ticks", 1,
            "weighted mid: Gatheral, Oomen, Finance and Stochastics, 2010"),
    Feature("queue_imbalance", "(bid_qty - ask_qty) / (bid_qty + ask_qty)", "1", 1, _CARTEA),
    Feature("order_count_imbalance", "(bid_orders - ask_orders)/(bid_orders + ask_orders)", "1", 1, _CARTEA),
    Feature("ofi_100ms", "sum of order flow · exp(-age/100ms) / EWMA_10s(mean top size)", "1", 32, _CONT),
    Feature("ofi_1s", "sum of order flow · exp(-age/1s) / EWMA_10s(mean top size)", "1", 32, _CONT),
    Feature("trade_imbalance_1s", "(B - S)/(B + S + 100), volumes · exp(-age/1s)", "1", 1, _LEE_READY),
    Feature("trade_imbalance_10s", "(B - S)/(B + S + 100), volumes · exp(-age/10s)", "1", 1, _LEE_READY),
    Feature("spread", "ask - bid", "ticks", 1, _CARTEA),
    Feature("event_gap", "dt/(dt + 1 ms), dt = time since the instrument's previous event", "1", 2,
            "bounded duration, cf. Engle, Russell, Econometrica, 1998"),
)  # fmt: skip

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
_INDEX = {name: index for index, name in enumerate(FEATURE_NAMES)}


def selection(names: Sequence[str]) -> NDArray[np.int64]:
    """Indices of `names` in the feature row. Raises ValueError for an unknown or repeated name, or none."""
    if not names:
        raise ValueError("a strategy needs at least one feature")
    if unknown := [name for name in names if name not in _INDEX]:
        raise ValueError(f"unknown features {unknown}; known are {list(FEATURE_NAMES)}")
    if len(set(names)) != len(names):
        raise ValueError(f"features are repeated in {list(names)}")
    return np.array([_INDEX[name] for name in names], np.int64)


def warmup_top_updates(names: Sequence[str]) -> int:
    """Two-sided tops an instrument needs before all of `names` count."""
    return max(FEATURES[_INDEX[name]].warmup_top_updates for name in names)


def feature_hash(names: Sequence[str]) -> str:
    """SHA-256 (hex) over the ordered features, with formulas, units, warm-up and FORMULA_VERSION."""
    lines = [f"formulas {FORMULA_VERSION}"]
    for index in selection(names):
        feature = FEATURES[index]
        lines.append(f"{feature.name}|{feature.formula}|{feature.unit}|{feature.warmup_top_updates}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
