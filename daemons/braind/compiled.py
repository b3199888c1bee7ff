"""The one place where braind meets Numba: pure functions on arrays, compiled at first use and cached.

The functions are ordinary Python: with ``NUMBA_DISABLE_JIT=1`` the same source runs interpreted and gives
the same bytes. So there is no fast-math, no parallel loop and no integer that mixes with an unsigned one.
They allocate nothing, and are compiled without Numba's reference counting (`_nrt`), which otherwise takes
most of the time of functions as small as these: 5 instead of 20 million events/s through all features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numba
import numpy as np
from numba.core.caching import FunctionCache

from hft.cache import kernel_cache
from hft.compiled import NativeFunction

# Unsigned fields of records are turned into this before any arithmetic: mixed with int64 they would become
# floats, and Numba's `int` leaves them unsigned. Typed loosely because it stands for a plain int everywhere.
int64: Any = np.int64

# Both are more than their types say: options without NRT, settings by attribute.
_njit: Any = numba.njit
_config: Any = numba.config
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
_PACKAGE = Path(__file__).resolve().parent
# Compiled functions by what they are, from one process to the next.
_NAMES: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a pure function of arrays and numbers; division by zero is the caller's to exclude.

    Kept between processes where it is braind's own. One of somebody else's strategy is compiled in each process:
    Numba looks at its file alone, and would go on with what functions of other files were when it was kept.
    """
    return _compiled(function, function.__qualname__ if _is_ours(function) else "")


def compiled_over(*parts: object) -> Callable[[Function], Function]:
    """As `compiled`, for a function that closes over others: `parts` are all of these, and constants as text.

    Kept between processes when each of them is: Numba by itself does not know a function again that it is handed.
    """

    def decorate(function: Function) -> Function:
        names = [_name(part) for part in parts]
        whole = all(names) and _is_ours(function)
        return _compiled(function, f"{function.__qualname__}({', '.join(names)})" if whole else "")

    return decorate


def _compiled(function: Function, name: str) -> Function:
    """`name`: what it is, closures included; empty = not kept."""
    dispatcher = _njit(function, **_OPTIONS)
    if not name or not hasattr(dispatcher, "py_func"):  # interpreted: it is the function itself
        return cast("Function", dispatcher)
    previous = _config.CACHE_DIR
    _config.CACHE_DIR = str(kernel_cache(_PACKAGE))
    try:
        dispatcher._cache = _NamedCache(function, name)  # noqa: SLF001  as its enable_caching() does
    finally:
        _config.CACHE_DIR = previous
    _NAMES[dispatcher] = f"{function.__module__}.{name}"
    return cast("Function", dispatcher)


class _NamedCache(FunctionCache):
    """Knows a closure by its name, where Numba's own takes the bytes of what it closes over: new in each process."""

    def __init__(self, function: Callable[..., object], name: str) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        code = function.__code__.co_code
        self._key = tuple(hashlib.sha256(part).hexdigest() for part in (code, name.encode()))

    def _index_key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        return signature, codegen.magic_tuple(), self._key


def _is_ours(function: Callable[..., object]) -> bool:
    return Path(function.__code__.co_filename).resolve().is_relative_to(_PACKAGE)


def _name(part: object) -> str:
    """Empty: it is not known from one process to the next."""
    if isinstance(part, str):
        return part
    return part.symbol if isinstance(part, NativeFunction) else _NAMES.get(part, "")
