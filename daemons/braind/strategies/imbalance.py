"""Takes the touch when the model is sure of the mid's next move.

When P(up) or P(down) reaches the threshold, send one immediate-or-cancel limit order at the opposite touch,
and then nothing more for the same view until the model's horizon has passed in event time. A changed view
speaks at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, int64
from braind.features.registry import FEATURE_NAMES
from braind.model.package import Manifest
from braind.policy import ACTION, PRICE, QUANTITY, SIDE, TIME_IN_FORCE
from hft.config import Braind
from hft.layout.dtypes import IntentAction, Side, TimeInForce

_NEW, _IOC = int(IntentAction.NEW), int(TimeInForce.IOC)
_BUY, _SELL = int(Side.BUY), int(Side.SELL)
_DOWN, _UP = 0, 2
_THRESHOLD, _QUANTITY, _COOL_DOWN_NS = range(3)
_LAST_VIEW, _LAST_EMIT_TS_NS = range(2)


@compiled
def view_of(scores: NDArray[np.float32], threshold: float) -> int:
    """`Side.BUY`, `Side.SELL` or 0; of two that reach the threshold the likelier one, of equals none."""
    down, up = float(scores[_DOWN]), float(scores[_UP])
    if up >= threshold and up > down:
        return _BUY
    if down >= threshold and down > up:
        return _SELL
    return 0


@compiled
def take_touch(event: Any, side: int, quantity: int, action: NDArray[np.int64]) -> None:
    """An immediate-or-cancel limit order at the opposite touch."""
    action[ACTION], action[SIDE], action[TIME_IN_FORCE] = _NEW, side, _IOC
    action[PRICE] = event["ask_price"] if side == _BUY else event["bid_price"]
    action[QUANTITY] = quantity


@compiled
def imbalance_policy(
    scores: NDArray[np.float32],
    ready: bool,
    event: Any,
    now_ns: int,
    own: NDArray[np.int64],
    slot: int,
    parameters: NDArray[np.float64],
    book: Any,  # noqa: ARG001 - what it has open does not matter to it
    actions: NDArray[np.int64],
) -> int:
    """See the module's text. `own[slot]`: the last view sent and when."""
    view = view_of(scores, parameters[_THRESHOLD]) if ready else 0
    if view == 0:
        return 0
    if view == own[slot, _LAST_VIEW] and now_ns - own[slot, _LAST_EMIT_TS_NS] < parameters[_COOL_DOWN_NS]:
        return 0
    own[slot, _LAST_VIEW] = view
    own[slot, _LAST_EMIT_TS_NS] = now_ns
    take_touch(event, view, int64(parameters[_QUANTITY]), actions[0])
    return 1


class ImbalanceStrategy:
    """All features; own state: last view, event time of the last order."""

    features = FEATURE_NAMES
    strategy_id = 1
    state_words = 2
    policy = staticmethod(imbalance_policy)

    def __init__(self, config: Braind, manifest: Manifest) -> None:
        self._config = config
        self._cool_down_ns = manifest.horizon_ms * 1_000_000

    def parameters(self) -> NDArray[np.float64]:
        """Threshold (probability), quantity, cool-down (ns)."""
        return np.array(
            [self._config.score_threshold, self._config.order_quantity, self._cool_down_ns], np.float64
        )
