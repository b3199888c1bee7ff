"""The seam between strategies and the loop: what a strategy declares, and what its policy sees and says.

A strategy is a class named in the configuration (``module:Class``) that fulfils `Strategy`. Its `policy` is a
pure compiled function: scores, the record decided on (its book top), event time, the strategy's own state and the
shadow book of the instrument go in; up to ACTIONS_MAX actions come out. It decides from these alone, so a recorded
ring replays to the same intents.

    place = book.rows[slot, FIRST]          own orders, newest first (braind.shadow.layout has the columns)
    while place != END:
        order = book.orders[place]
        …
        place = order[NEXT]

An action is a wish: the shadow book admits it or counts why not (braind.shadow.admission), one after the other.
"""

from __future__ import annotations

import importlib
import importlib.util
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from braind.model.package import Manifest
from hft.config import Braind

# Fields of an action that a policy fills in (int64). ORDER_ID: the order to cancel or to replace. FLAGS: IntentFlags.
# CANCEL needs ACTION and ORDER_ID only.
ACTION, SIDE, TIME_IN_FORCE, PRICE, QUANTITY, ORDER_ID, FLAGS = range(7)
ACTION_FIELDS = 8
ACTIONS_MAX = 4

# (scores float32 (3,): down flat up, ready, event record, event time ns, own int64 (slots, state_words), slot,
#  parameters float64, book ShadowBook, actions int64 (ACTIONS_MAX, ACTION_FIELDS), all 0) -> how many rows are meant.
#
# Not `ready`: there is no decision to make (the book can not be trusted, has an empty side, is not trading, or features
# are warming up again), the scores are 0 and the record may be any, but the instrument has orders of ours resting.
Policy = Callable[
    [
        Any, bool, Any, int, NDArray[np.int64], int, NDArray[np.float64], Any, NDArray[np.int64],
    ],
    int,
]  # fmt: skip


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
    """The configured strategy can not be found, imported or made, or is not a strategy."""


def find_strategy(name: str, directory: str = "") -> type[Strategy]:
    """The class that ``module:Class`` names. Looked for in `directory` too, after what is installed.

    Raises StrategyError.
    """
    if directory:
        _look_in(directory)
    module_name, _, class_name = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # whatever somebody's module does when it is imported
        raise StrategyError(f"braind.strategy {name}: {_told(error)}") from error
    if lacking := [n for n in ("features", "strategy_id", "state_words", "policy") if not hasattr(found, n)]:
        raise StrategyError(f"braind.strategy {name}: not a strategy, it lacks {', '.join(lacking)}")
    return found  # type: ignore[no-any-return]


def is_installed(module: str) -> bool:
    """Whether Python finds it, or the package that it is in, without being told where to look."""
    package = module.partition(".")[0]
    return bool(package) and importlib.util.find_spec(package) is not None


def make_strategy(strategy_class: type[Strategy], config: Braind, manifest: Manifest) -> Strategy:
    """Raises StrategyError."""
    try:
        return strategy_class(config, manifest)
    except Exception as error:
        raise StrategyError(f"braind.strategy {config.strategy}: {_told(error)}") from error


def _look_in(directory: str) -> None:
    try:
        mode = Path(directory).stat().st_mode
    except OSError as error:
        raise StrategyError(f"braind.strategy_path {directory}: {error.strerror}") from error
    if not stat.S_ISDIR(mode):
        raise StrategyError(f"braind.strategy_path {directory}: not a directory")
    if mode & stat.S_IWOTH:
        raise StrategyError(
            f"braind.strategy_path {directory}: everybody may write there, and braind would run it"
        )
    if directory not in sys.path:
        sys.path.append(directory)


def _told(error: Exception) -> str:
    return (
        str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
    )
