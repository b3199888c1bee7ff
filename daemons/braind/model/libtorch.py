"""PyTorch's own library, without PyTorch's Python package.

A compiled model needs `libtorch_cpu.so` and nothing of `import torch`, which takes two seconds and 70 MB: a braind
that is started anew is READY that much earlier. Only training and compiling import the package.
"""

from __future__ import annotations

import ctypes
import importlib.util
import runpy
from functools import cache
from pathlib import Path


class LibtorchError(ImportError):
    """PyTorch is not installed, or is not what this build knows."""


@cache
def version() -> str:
    """What `torch.__version__` is. Raises LibtorchError."""
    try:
        return str(runpy.run_path(str(_package() / "version.py"))["__version__"])
    except (OSError, KeyError) as error:
        raise LibtorchError(f"{_package()}: no version in it ({error})") from error


@cache
def library() -> ctypes.CDLL:
    """`libtorch_cpu.so`, which brings what it needs. Raises LibtorchError."""
    path = _package() / "lib" / "libtorch_cpu.so"
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise LibtorchError(f"{path}: {error}") from error


def use_one_thread() -> None:
    """As `torch.set_num_threads(1)`: no team of helper threads is ever started for a model."""
    library()["_ZN2at15set_num_threadsEi"](1)  # at::set_num_threads(int)


@cache
def _package() -> Path:
    found = importlib.util.find_spec("torch")  # does not import it
    if found is None or not found.submodule_search_locations:
        raise LibtorchError("PyTorch is not installed")
    return Path(found.submodule_search_locations[0])
