"""Takes the touch when the model is sure, keeps what it took, and flattens when the view reverses.

With a view, it buys (or sells) `order_quantity` at a time up to `position_max`, once per model horizon of event time.
Against a position of the other side it first sells all of that, `order_quantity` at a time and without waiting: the
orders before it are immediate-or-cancel, so the shadow book lets the next one pass as soon as they are answered. It
counts every order on its way as filled (the target position), so it never sends twice what it means once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, int64
from braind.shadow.layout import TARGET
from braind.strategies.imbalance import ImbalanceStrategy, take_touch, view_of
from hft.layout.dtypes import Side

_BUY = int(Side.BUY)
_THRESHOLD, _QUANTITY, _COOL_DOWN_NS, _POSITION_MAX = range(4)
_LAST_VIEW, _LAST_EMIT_TS_NS = range(2)


@compiled
def wanted_quantity(view: int, target: int, quantity: int, position_max: int) -> int:
    """How much of the view's side is still to be had, at most `quantity`; what is held against the view comes first."""
    held = target if view == _BUY else -target
    if held < 0:
        return min(quantity, -held)
    return max(0, min(quantity, position_max - held))


@compiled
def taker_policy(
    scores: NDArray[np.float32],
    ready: bool,
    event: Any,
    now_ns: int,
    own: NDArray[np.int64],
    slot: int,
    parameters: NDArray[np.float64],
    book: Any,
    actions: NDArray[np.int64],
) -> int:
    """See the module's text. `own[slot]`: the last view acted on and when."""
    view = view_of(scores, parameters[_THRESHOLD]) if ready else 0
    if view == 0:
        return 0
    target = book.rows[slot, TARGET]
    against = target < 0 if view == _BUY else target > 0
    waited_ns = now_ns - own[slot, _LAST_EMIT_TS_NS]
    if not against and view == own[slot, _LAST_VIEW] and waited_ns < parameters[_COOL_DOWN_NS]:
        return 0
    quantity = wanted_quantity(view, target, int64(parameters[_QUANTITY]), int64(parameters[_POSITION_MAX]))
    if quantity == 0:
        return 0
    own[slot, _LAST_VIEW] = view
    own[slot, _LAST_EMIT_TS_NS] = now_ns
    take_touch(event, view, quantity, actions[0])
    return 1


class TakerStrategy(ImbalanceStrategy):
    """As the one it is made from, own state too; it knows its position."""

    strategy_id = 2
    policy = staticmethod(taker_policy)

    def parameters(self) -> NDArray[np.float64]:
        """Threshold (probability), quantity, cool-down (ns), position limit."""
        return np.append(super().parameters(), float(self._config.position_max))
