"""The compiled model in the loop: its own C interface, called from compiled Python.

`torch.export` packages hold a shared library whose functions `AOTInductorModelContainer…` run the network on
tensor handles. Calling those directly leaves the interpreter and torch's dispatcher out of a decision. The
library is loaded from memory, so nothing is unpacked onto disk.
"""

from __future__ import annotations

import ctypes
import io
import itertools
import os
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from braind.compiled import compiled_over, int64
from braind.model import libtorch
from hft.compiled import NativeFunction, monotonic_ns

OUTPUTS = 3
# (handles, shape, row, scores) -> 0, or an error of the model's
Infer = Callable[[Any, Any, Any, Any], int]

_INPUT, _OUTPUT, _DATA, _CONTAINER = range(4)
_numbers = itertools.count()


class ModelError(Exception):
    """The compiled library can not be loaded or did not make a model."""


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def _function(library: ctypes.CDLL, name: str, *arguments: Any, symbol: str = "") -> NativeFunction:
    return NativeFunction(symbol or name, types.int32, *arguments, address=_address(library, name))


class NativeModel:
    """One loaded model. `infer(handles, shape, row, scores)` runs it: row (1, inputs), scores (3,), float32.

    `handles` and `shape` are the model's own arrays, passed along so that `infer` stays a pure function.
    Not shared between threads. Raises ModelError.
    """

    def __init__(self, pt2: bytes, inputs: int) -> None:
        self._library = _load_library(pt2)
        container = ctypes.c_void_p()
        if self._library.AOTInductorModelContainerCreateWithDevice(
            ctypes.byref(container), ctypes.c_size_t(1), b"cpu", None
        ):
            raise ModelError("the compiled library did not create a model")
        self.inputs = inputs
        self.shape = np.array([1, inputs, inputs, 1], np.int64)
        self.handles = np.zeros(4, np.int64)
        self.handles[_CONTAINER] = container.value or 0
        self.infer: Infer = _make_infer(self._library)

    def close(self) -> None:
        if self.handles[_CONTAINER]:
            self._library.AOTInductorModelContainerDelete(ctypes.c_void_p(int(self.handles[_CONTAINER])))
            self.handles[_CONTAINER] = 0

    def scores(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """P(down, flat, up) of one row of raw features (inputs,). Raises ModelError."""
        out = np.empty(OUTPUTS, np.float32)
        own = np.ascontiguousarray(row, np.float32).reshape(1, self.inputs)
        if error := self.infer(self.handles, self.shape, own, out):
            raise ModelError(f"the model failed with code {error}")
        return out

    def measured_us(self, rounds: int = 20, runs: int = 1000) -> float:
        """Best mean of `rounds` of `runs` inferences in microseconds, called from compiled code."""
        row, out = np.zeros((1, self.inputs), np.float32), np.empty(OUTPUTS, np.float32)
        infer = self.infer

        @compiled_over(infer)
        def repeat(handles: Any, shape: Any, row: Any, out: Any, runs: int) -> int:
            start: int = int64(monotonic_ns())
            for _ in range(runs):
                infer(handles, shape, row, out)
            end: int = int64(monotonic_ns())
            return end - start

        return min(repeat(self.handles, self.shape, row, out, runs) for _ in range(rounds)) / runs / 1e3


def _load_library(pt2: bytes) -> ctypes.CDLL:
    with zipfile.ZipFile(io.BytesIO(pt2)) as archive:
        libraries = [name for name in archive.namelist() if name.endswith(".so")]
        if len(libraries) != 1:
            raise ModelError(f"expected one compiled library in the package, found {libraries}")
        code = archive.read(libraries[0])
    libtorch.library()  # in memory, so that the model finds it by its name
    # Stays open for the life of the process: dlopen knows a library by its path, and the next one under a
    # number that is free again would be taken for this one.
    descriptor = os.memfd_create("hft-model", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(code)
    try:
        return ctypes.CDLL(f"/proc/self/fd/{descriptor}")
    except OSError as error:
        os.close(descriptor)
        raise ModelError(f"the compiled library does not load: {error}") from error


def _make_infer(library: ctypes.CDLL) -> Infer:
    """Compiles the call of this one library: all models export the same names, so the symbol is numbered."""
    i64, u64, i32 = types.int64, types.uint64, types.int32
    torch = libtorch.library()
    float32, cpu = torch.aoti_torch_dtype_float32(), torch.aoti_torch_device_type_cpu()
    run = _function(
        library, "AOTInductorModelContainerRunSingleThreaded", u64, u64, i64, u64, i64, u64, u64,
        symbol=f"model_run_{next(_numbers)}",
    )  # fmt: skip
    tensor = _function(
        torch, "aoti_torch_create_tensor_from_blob", u64, i64, u64, u64, i64, i32, i32, i32, u64
    )
    data_pointer = _function(torch, "aoti_torch_get_data_ptr", u64, u64)
    delete = _function(torch, "aoti_torch_delete_tensor_object", u64)
    copy = NativeFunction("memcpy", u64, u64, u64, i64, address=_address(ctypes.CDLL(None), "memcpy"))

    @compiled_over(
        run, tensor, data_pointer, delete, copy, f"float32 {float32}", f"cpu {cpu}", libtorch.version()
    )
    def infer(handles: Any, shape: Any, row: Any, scores: Any) -> int:
        at, sizes = handles.ctypes.data, shape.ctypes.data
        if tensor(row.ctypes.data, 2, sizes, sizes + 16, 0, float32, cpu, 0, at) != 0:
            return 1
        # The input handle is the model's from here on, whatever happens.
        if run(handles[_CONTAINER], at, 1, at + 8, 1, 0, 0) != 0:
            return 2
        if data_pointer(handles[_OUTPUT], at + 16) != 0:
            return 3
        copy(scores.ctypes.data, handles[_DATA], 4 * OUTPUTS)
        delete(handles[_OUTPUT])
        return 0

    return infer
