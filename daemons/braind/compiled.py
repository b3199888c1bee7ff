"""The one place where braind meets Numba: pure functions on arrays, compiled at first use and cached.

The functions are ordinary Python: with ``NUMBA_DISABLE_JIT=1`` the same source runs interpreted and gives
the same bytes. So there is no fast-math, no parallel loop and no integer that mixes with an unsigned one.
They allocate nothing, and are compiled without Numba's reference counting (`_nrt`), which otherwise takes
most of the time of functions as small as these: 5 instead of 20 million events/s through all features.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

from hft.cache import kernel_cache

# Unsigned fields of records are turned into this before any arithmetic: mixed with int64 they would become
# floats, and Numba's `int` leaves them unsigned. Typed loosely because it stands for a plain int everywhere.
int64: Any = np.int64

# Both are more than their types say: options without NRT, settings by attribute.
_njit: Any = numba.njit
_config: Any = numba.config
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a pure function of arrays and numbers; division by zero is the caller's to exclude."""
    previous = _config.CACHE_DIR
    _config.CACHE_DIR = str(kernel_cache(Path(__file__).parent))
    try:
        return cast("Function", _njit(function, cache=True, **_OPTIONS))
    finally:
        _config.CACHE_DIR = previous


def compiled_uncached(function: Function) -> Function:
    """As `compiled`, for functions that close over another compiled function, which Numba can not cache."""
    return cast("Function", _njit(function, **_OPTIONS))
