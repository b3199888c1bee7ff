"""The demo's strategy where nobody answers: for measurements and tests of the loop without a gateway.

Before each decision every order of the instrument counts as over, so the next one is never a duplicate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled
from braind.shadow.layout import END, FIRST
from braind.shadow.table import refresh, remove
from braind.strategies.imbalance import ImbalanceStrategy, imbalance_policy


@compiled
def answered_policy(
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
    """See the module's text."""
    while book.rows[slot, FIRST] != END:
        remove(book, slot, book.rows[slot, FIRST])
    refresh(book, slot)
    return imbalance_policy(scores, ready, event, now_ns, own, slot, parameters, book, actions)


class AnsweredStrategy(ImbalanceStrategy):
    """As the demo's, see the module's text."""

    policy = staticmethod(answered_policy)
