"""Ahead-of-time compilation of a network: torch.export, then AOTInductor into the bytes of a .pt2."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from msgspec import structs

from braind.model import isa
from braind.model.inference import NativeModel
from braind.model.network import FusedRow, GemmRow, Network, _Row
from braind.model.package import (
    FORMAT_VERSION,
    Binary,
    Manifest,
    PackageError,
    load,
    read_manifest,
    read_weights,
    sha256,
    write,
)
from hft.cache import cache_directory

# Buffers on the stack: an allocation through torch costs more than a layer. Precompiling torch's headers
# takes longer than the one compilation it would speed up. One thread: a team of them takes longer to wake than
# the whole network takes to run.
_ALWAYS: dict[str, Any] = {
    "cpp.threads": 1,
    "aot_inductor.allow_stack_allocation": True,
    "aot_inductor.precompile_headers": False,
}
_TUNED: dict[str, Any] = {"freezing": True, "max_autotune": True, "max_autotune_gemm_backends": "CPP"}
_PORTABLE: dict[str, Any] = {"cpp.march": isa.PORTABLE_MARCH, "cpp.simdlen": 256}


@dataclass(frozen=True)
class Compiled:
    binary: bytes
    description: Binary


def compile_network(network: Network, autotune: bool = False, portable: bool = False) -> Compiled:
    """The compiled network for this CPU, or for any x86-64-v3 one when `portable`.

    `autotune` also compiles the graph of tuned matrix products, measures both here and keeps the faster one.
    Needs g++. Raises whatever Inductor raises when compilation fails.
    """
    options = _ALWAYS | (_PORTABLE if portable else {})
    candidates = {"fused": _compile(FusedRow(network), options)}
    if autotune:
        candidates["gemm"] = _compile(GemmRow(network), options | _TUNED)
    measured_us = {graph: _measured_us(binary, network.inputs) for graph, binary in candidates.items()}
    graph = min(measured_us, key=lambda name: measured_us[name])
    return Compiled(
        candidates[graph],
        Binary(
            sha256=sha256(candidates[graph]),
            graph=graph,
            autotuned=autotune,
            torch_version=str(torch.__version__),
            isa=isa.portable() if portable else isa.native(),
            measured_us=measured_us,
        ),
    )


def _compile(module: _Row, options: dict[str, Any]) -> bytes:
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_directory() / "inductor"))
    example = torch.zeros(1, module.get_buffer("mean").shape[0])
    with torch.no_grad(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.export.export(module.eval(), (example,))
        path = torch._inductor.aoti_compile_and_package(
            program, package_path=str(Path(folder) / "model.pt2"), inductor_configs=options
        )
        return Path(path).read_bytes()


def _measured_us(binary: bytes, inputs: int) -> float:
    model = NativeModel(binary, inputs)
    try:
        return round(model.measured_us(), 3)
    finally:
        model.close()


def export_package(directory: Path, autotune: bool, portable: bool) -> tuple[Manifest, bytes, bytes]:
    """The package in `directory` compiled again: (manifest, model.pt2, weights.npz). Raises PackageError.

    Binaries are kept in the cache by weights, CPU, torch version and options.
    """
    manifest = read_manifest(directory)
    weights = read_weights(directory, manifest)
    target = isa.portable() if portable else isa.native()
    parts = [
        FORMAT_VERSION,
        manifest.weights_sha256,
        str(torch.__version__),
        target.march,
        target.flags,
        autotune,
    ]
    key = sha256(json.dumps(parts).encode())[:32]
    cached = cache_directory() / "binaries" / key
    try:
        known, binary = load(cached, manifest.features, str(torch.__version__))
        return structs.replace(manifest, binary=known.binary), binary, weights
    except PackageError:
        compiled = compile_network(Network.from_bytes(weights), autotune, portable)
    fresh = structs.replace(manifest, binary=compiled.description)
    write(cached, fresh, compiled.binary, weights)
    return fresh, compiled.binary, weights
