"""The one place where paperd meets Numba's untyped decorator.

Compiled code is cached beside its source, so only the first run on a machine pays for compilation.
With NUMBA_DISABLE_JIT=1 the same functions run interpreted.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers to machine code, keeping its Python type."""
    return cast(Function, numba.njit(function, cache=True))
