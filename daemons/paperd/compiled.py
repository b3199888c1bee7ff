"""The one place where paperd meets Numba: functions of arrays and records, compiled on first use and cached.

Numba's cache looks only at the file that holds a function, not at the files of the functions it calls, and
would run stale code after a change there; so the cache folder is named by a hash over all sources of paperd.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


@cache
def cache_folder() -> Path:
    """Under `HFT_CACHE_DIR`, else `$XDG_CACHE_HOME/hft`, else `~/.cache/hft`."""
    own, shared = os.environ.get("HFT_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    if own:
        folder = Path(own)
    else:
        folder = (Path(shared) if shared else Path.home() / ".cache") / "hft"
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for source in sorted(package.rglob("*.py")):
        digest.update(str(source.relative_to(package)).encode() + source.read_bytes())
    return folder / "numba-paperd" / digest.hexdigest()[:16]


def compiled(function: Function) -> Function:
    """Compile a function, keeping its Python type; division by zero is the caller's to exclude."""
    previous = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
    try:
        return cast(Function, numba.njit(function, cache=True, error_model="numpy"))
    finally:
        numba.config.CACHE_DIR = previous  # type: ignore[attr-defined]
