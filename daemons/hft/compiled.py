"""The extension's C functions for compiled Python: ring, queue and clock without the interpreter.

Numba treats memory as its own: it merges and hoists loads, so a compiled loop never reads a control word
itself and reaches shared memory through these functions (about 2 ns a call). Handles are integers:
``RingReader.address`` and ``IntentProducer.address``; keep the Python object alive while they are in use.
``ring_start_index`` indexes ``region.records(dtype)``; work there, then ``ring_validate``.

    @njit(nogil=True)
    def drain(ring, records):
        count = ring_poll(ring, 256)
        start = ring_start_index(ring)
        for i in range(start, start + count):
            ...
        if ring_validate(ring):
            ring_advance(ring, count)

Each is also an ordinary callable, with and without NUMBA_DISABLE_JIT=1. Inside compiled code it is a symbol
resolved at load time, so ``@njit(cache=True)`` works (it does not with ctypes pointers).
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

from llvmlite import binding  # type: ignore[import-untyped]
from numba import types
from numba.extending import typeof_impl

from hft import _native

_CTYPES: Final[dict[Any, Any]] = {
    types.void: None,
    types.int32: ctypes.c_int32,
    types.int64: ctypes.c_int64,
    types.uint64: ctypes.c_uint64,
}
_ADDRESSES: Final = _native.c_functions()


class NativeFunction:
    """One exported C function: callable from Python and from Numba's nopython code."""

    def __init__(self, name: str, result: Any, *arguments: Any, address: int = 0) -> None:
        """One of the extension's functions by name, or any other C function at `address`."""
        self.symbol = f"hft_{name}"
        address = address or _ADDRESSES[name]
        binding.add_symbol(self.symbol, address)
        self.__name__ = name
        self.numba_type = types.ExternalFunction(self.symbol, result(*arguments))
        self._call = ctypes.CFUNCTYPE(_CTYPES[result], *(_CTYPES[a] for a in arguments))(address)

    def __call__(self, *arguments: int) -> int:
        result = self._call(*arguments)
        return 0 if result is None else int(result)


@typeof_impl.register(NativeFunction)
def _typeof_native_function(function: NativeFunction, _context: object) -> Any:
    return function.numba_type


# (reader handle, count_max) -> records granted: complete, contiguous from ring_start_index
ring_poll = NativeFunction("ring_poll", types.int64, types.uint64, types.int64)
# (reader handle) -> index of the last grant's first record in region.records(dtype)
ring_start_index = NativeFunction("ring_start_index", types.int64, types.uint64)
# (reader handle) -> 1 while nothing of the last grant was overwritten, else 0
ring_validate = NativeFunction("ring_validate", types.int32, types.uint64)
# (reader handle, count) -> 1, or 0 and no effect for more than what is left of the grant
ring_advance = NativeFunction("ring_advance", types.int32, types.uint64, types.int64)
# (reader handle) -> sequence of the last record consumed / records lost so far / records behind the head
ring_cursor = NativeFunction("ring_cursor", types.uint64, types.uint64)
ring_lost = NativeFunction("ring_lost", types.uint64, types.uint64)
ring_lag = NativeFunction("ring_lag", types.uint64, types.uint64)
# () -> CLOCK_MONOTONIC in nanoseconds
monotonic_ns = NativeFunction("monotonic_ns", types.uint64)
# (producer handle, address of an ORDER_INTENT record) -> PUSHED, FULL or WRONG_GENERATION of hft.regions
intent_push = NativeFunction("intent_push", types.int32, types.uint64, types.uint64)
# (writer handle, address of a 128-byte record) -> its sequence
ring_publish = NativeFunction("ring_publish", types.uint64, types.uint64, types.uint64)
# (StatsWriter.value_address of a histogram, value)
histogram_record = NativeFunction("histogram_record", types.void, types.uint64, types.uint64)
# (address of a control word) -> its value, loaded with acquire
load_word = NativeFunction("load_word", types.uint64, types.uint64)
# (ProgressWriter.address, consumed, produced, lag_records): one more round of this loop
progress_round = NativeFunction(
    "progress_round", types.void, types.uint64, types.uint64, types.uint64, types.uint64
)
