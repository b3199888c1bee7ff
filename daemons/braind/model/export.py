"""Ahead-of-time compilation of a network: torch.export, then AOTInductor into the bytes of a .pt2."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from msgspec import structs

from braind.model import isa
from braind.model.inference import NativeModel
from braind.model.network import FusedRow, GemmRow, Network, _Row
from braind.model.package import (
    FORMAT_VERSION,
    Binary,
    Manifest,
    read_manifest,
    read_weights,
    sha256,
)
from hft.cache import cache_directory

# Buffers on the stack: an allocation through torch costs more than a layer. Precompiling torch's headers
# takes longer than the one compilation it would speed up. One thread: a team of them takes longer to wake
# than the whole network takes to run.
_ALWAYS: dict[str, Any] = {
    "cpp.threads": 1,
    "aot_inductor.allow_stack_allocation": True,
    "aot_inductor.precompile_headers": False,
}
_TUNED: dict[str, Any] = {"freezing": True, "max_autotune": True, "max_autotune_gemm_backends": "CPP"}
_PORTABLE: dict[str, Any] = {"cpp.march": isa.PORTABLE_MARCH, "cpp.simdlen": 256}


@dataclass(frozen=True)
class Compiled:
    """The bytes of a .pt2, and what the manifest says about them."""

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
        path = torch._inductor.aoti_compile_and_package(  # noqa: SLF001 - the documented name
            program, package_path=str(Path(folder) / "model.pt2"), inductor_configs=options
        )
        return Path(path).read_bytes()


def _measured_us(binary: bytes, inputs: int) -> float:
    model = NativeModel(binary, inputs)
    try:
        return round(model.measured_us(), 3)
    finally:
        model.close()


def cached_binary(network: Network, autotune: bool = False, portable: bool = False) -> Compiled:
    """As `compile_network`, from the cache where the same weights were compiled for the same CPU before."""
    weights_sha256 = sha256(network.to_bytes())
    target = isa.portable() if portable else isa.native()
    parts = [
        FORMAT_VERSION,
        weights_sha256,
        str(torch.__version__),
        target.march,
        target.flags,
        autotune,
        _ALWAYS,
    ]
    path = cache_directory() / "binaries" / f"{sha256(json.dumps(parts).encode())[:32]}.pt2"
    description = path.with_suffix(".json")
    try:
        known = Compiled(path.read_bytes(), msgspec.json.decode(description.read_bytes(), type=Binary))
        if sha256(known.binary) == known.description.sha256:
            return known
    except (OSError, msgspec.DecodeError):
        pass
    compiled = compile_network(network, autotune, portable)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, compiled.binary)
    _replace(description, msgspec.json.encode(compiled.description))
    return compiled


def _replace(path: Path, data: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    unfinished.replace(path)


def export_package(directory: Path, autotune: bool, portable: bool) -> tuple[Manifest, bytes, bytes]:
    """The package in `directory` compiled again: (manifest, model.pt2, weights.npz). Raises PackageError."""
    manifest = read_manifest(directory)
    weights = read_weights(directory, manifest)
    compiled = cached_binary(Network.from_bytes(weights), autotune, portable)
    return structs.replace(manifest, binary=compiled.description), compiled.binary, weights
