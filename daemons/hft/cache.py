"""Where generated days, model packages and compiled functions are kept between runs."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from hft._native import LAYOUT_HASH


def cache_directory() -> Path:
    """``HFT_CACHE_DIR``, else ``$XDG_CACHE_HOME/hft``, else ``~/.cache/hft``."""
    if own := os.environ.get("HFT_CACHE_DIR"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "hft"
    return Path.home() / ".cache" / "hft"


@cache
def sources_hash(package: Path) -> str:
    """16 hex digits over the names and bytes of every Python source below `package`."""
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(str(source.relative_to(package)).encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def kernel_cache(package: Path) -> Path:
    """Where compiled functions of `package` (its folder) belong.

    Numba's own cache looks only at the file that holds a function, not at the files of the functions it calls, and
    would run stale code after an upgrade. The folder is named by all sources and by the layout of records, whose
    numbers are in the code, so a change anywhere starts a fresh one.
    """
    return cache_directory() / "numba" / f"{package.name}-{sources_hash(package)}-{LAYOUT_HASH:016x}"
