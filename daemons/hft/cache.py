"""Where the suite keeps what it can make again: compiled kernels, generated days, trained models."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """``HFT_CACHE_DIR``, else ``$XDG_CACHE_HOME/hft``, else ``~/.cache/hft``. It may not exist yet."""
    if own := os.environ.get("HFT_CACHE_DIR"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "hft"
    return Path.home() / ".cache" / "hft"
