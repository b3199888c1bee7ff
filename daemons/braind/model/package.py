"""A model package: a directory with everything a decision depends on, refused when it does not fit.

    manifest.json   contract, normalization, provenance, what the binary needs, hashes of the other two
    model.pt2       the network compiled by AOTInductor
    weights.npz     the same network's weights, to compile again (`hft model export`)

Errors:

    PackageError            the directory is not a package, or its files are not what its manifest says
    └── PackageMismatch     a sound package that does not fit here: features, CPU, torch or format version
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from braind.features.registry import feature_hash
from braind.model.isa import Isa, missing_here

FORMAT_VERSION = 1
MANIFEST, BINARY, WEIGHTS = "manifest.json", "model.pt2", "weights.npz"


class PackageError(Exception):
    """The message names the file and both sides of what does not agree."""


class PackageMismatch(PackageError):
    """The package is sound but not for this strategy, machine or version."""


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accuracy (0 … 1) and mean log loss (nats) on the test part."""

    accuracy: float
    log_loss: float


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the weights came from. Rows are decision points; the split is by time, `purge_ms` apart."""

    data: str
    data_sha256: str
    trading_dates: tuple[str, ...]
    seed: int
    rows_train: int
    rows_validation: int
    rows_test: int
    purge_ms: int
    seconds: float
    epochs: int
    class_shares_train: tuple[float, ...]
    model: Scores
    baselines: dict[str, Scores]
    git_describe: str


class Binary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`graph`: "fused" or "gemm" (network.py); `measured_us`: best single-row time of each graph tried."""

    sha256: str
    graph: str
    autotuned: bool
    torch_version: str
    isa: Isa
    measured_us: dict[str, float]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """manifest.json. `features` in order; `mean` and `scale` as of network.Network."""

    format_version: int
    features: tuple[str, ...]
    feature_hash: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    classes: tuple[str, ...]
    horizon_ms: int
    dead_band_ticks: float
    weights_sha256: str
    training: Training
    binary: Binary


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(directory: Path, manifest: Manifest, binary: bytes, weights: bytes) -> None:
    """Writes the package under a temporary name and renames it into place; an older one there goes away."""
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        for name, data in ((BINARY, binary), (WEIGHTS, weights), (MANIFEST, _encoded(manifest))):
            with (fresh / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        fresh.chmod(0o755)
        _swap(fresh, directory)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, directory: Path) -> None:
    """Puts `fresh` at `directory`. Refuses to replace a directory that is no package."""
    if not directory.exists():
        fresh.rename(directory)
        return
    if not directory.is_dir() or (any(directory.iterdir()) and not (directory / MANIFEST).exists()):
        raise PackageError(f"{directory}: exists and is not a model package; not replacing it")
    old = Path(tempfile.mkdtemp(prefix=f".{directory.name}.old.", dir=directory.parent))
    directory.rename(old)
    fresh.rename(directory)
    shutil.rmtree(old)


def _encoded(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read_manifest(directory: Path) -> Manifest:
    """The manifest alone, whatever machine it is for. Raises PackageError."""
    path = directory / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackageError(f"{path}: can not read it: {error.strerror}") from error
    try:
        version = msgspec.json.decode(data).get("format_version")
    except (msgspec.DecodeError, AttributeError) as error:
        raise PackageError(f"{path}: not a manifest: {error}") from error
    if version != FORMAT_VERSION:
        raise PackageMismatch(f"{path}: package format {version}, this suite reads format {FORMAT_VERSION}")
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.ValidationError as error:
        raise PackageError(f"{path}: not a manifest: {error}") from error


def read_weights(directory: Path, manifest: Manifest) -> bytes:
    """The bytes of weights.npz, checked against the manifest. Raises PackageError."""
    return _read_checked(directory / WEIGHTS, manifest.weights_sha256)


def load(directory: Path, features: Sequence[str], torch_version: str) -> tuple[Manifest, bytes]:
    """Manifest and bytes of model.pt2, checked for this machine and for a strategy with `features`.

    Raises PackageError or PackageMismatch, naming both sides.
    """
    manifest = read_manifest(directory)
    if tuple(features) != manifest.features:
        raise PackageMismatch(
            f"{directory}: trained on features {list(manifest.features)}, the strategy has {list(features)}"
        )
    if (here := feature_hash(features)) != manifest.feature_hash:
        raise PackageMismatch(
            f"{directory}: trained on feature formulas {manifest.feature_hash[:16]}, these are {here[:16]}: "
            "train it again"
        )
    if reason := missing_here(manifest.binary.isa):
        raise PackageMismatch(f"{directory}: {reason}: run `hft model export` here")
    if manifest.binary.torch_version != torch_version:
        raise PackageMismatch(
            f"{directory}: compiled by torch {manifest.binary.torch_version}, this is torch {torch_version}: "
            "run `hft model export` here"
        )
    return manifest, _read_checked(directory / BINARY, manifest.binary.sha256)


def _read_checked(path: Path, expected: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackageError(f"{path}: can not read it: {error.strerror}") from error
    if (actual := sha256(data)) != expected:
        raise PackageError(f"{path}: SHA-256 is {actual}, its manifest says {expected}")
    return data
