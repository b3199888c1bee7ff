"""The one place where paperd meets Numba: functions of arrays and records, compiled on first use and cached."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from hft.cache import kernel_cache

Function = TypeVar("Function", bound=Callable[..., object])

_config: Any = numba.config  # settings by attribute, more than its type says


def compiled(function: Function) -> Function:
    """Compile a function, keeping its Python type; division by zero is the caller's to exclude."""
    previous = _config.CACHE_DIR
    _config.CACHE_DIR = str(kernel_cache(Path(__file__).parent))
    try:
        return cast("Function", numba.njit(function, cache=True, error_model="numpy"))
    finally:
        _config.CACHE_DIR = previous
