"""The seam between strategies and the loop: what a strategy declares, and what its policy sees and says.

A strategy is a class named in the configuration (``module:Class``) that fulfils `Strategy`. Its `policy` is a
pure compiled function: scores, the record decided on (its book top), event time and the strategy's own state
go in; an order, or nothing, comes out. It decides from these alone, so a recorded ring replays to the same
intents.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from braind.model.package import Manifest
from hft.config import Braind

# Fields of the order that a policy fills in (int64).
ACTION, SIDE, TIME_IN_FORCE, PRICE, QUANTITY = range(5)
ORDER_FIELDS = 5

# (scores float32 (3,): down flat up, event record, event time ns, own int64 (slots, state_words), slot,
#  parameters float64, order int64 (ORDER_FIELDS,)) -> whether `order` is to be sent
Policy = Callable[[Any, Any, int, NDArray[np.int64], int, NDArray[np.float64], NDArray[np.int64]], bool]


class Strategy(Protocol):
    """`features`: the model's input contract, in order. `state_words`: int64 of own state per instrument."""

    features: tuple[str, ...]
    strategy_id: int
    state_words: int

    @property
    def policy(self) -> Policy:
        """The compiled function that decides."""
        ...

    def __init__(self, config: Braind, manifest: Manifest) -> None: ...

    def parameters(self) -> NDArray[np.float64]:
        """What the policy gets as `parameters`, fixed for the life of the process."""
        ...


class StrategyError(Exception):
    """The configured strategy can not be imported or is not a strategy."""


def find_strategy(name: str) -> type[Strategy]:
    """The class that ``module:Class`` names. Raises StrategyError."""
    module_name, _, class_name = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise StrategyError(f"braind.strategy {name}: {error}") from error
    if lacking := [n for n in ("features", "strategy_id", "state_words", "policy") if not hasattr(found, n)]:
        raise StrategyError(f"braind.strategy {name}: not a strategy, it lacks {', '.join(lacking)}")
    return found  # type: ignore[no-any-return]
