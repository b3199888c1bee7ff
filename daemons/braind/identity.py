"""Who a braind is: everything a recorded run needs to be repeated, as a JSON document in `braind/identity`.

The recorder takes it along, so that a replay asks nobody for configuration, and knows when it can not be exact:
another strategy, other symbols, features or model are refused, another numpy is a remark.
"""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import llvmlite  # type: ignore[import-untyped]
import msgspec
import numba
import numpy as np
from numpy.typing import NDArray

from braind.features.registry import feature_hash
from braind.model import isa, libtorch
from braind.model.package import Manifest
from braind.policy import Strategy
from hft import _native
from hft.cache import sources_hash
from hft.config import Braind
from hft.layout.dtypes import SNAPSHOT, RegionKind
from hft.regions import Region, monotonic_ns, write_snapshot

FORMAT_VERSION = 1


class IdentityError(Exception):
    """A document that this braind does not understand."""


class Array(msgspec.Struct, frozen=True):
    """One array of a checkpoint's payload; they follow each other, each padded to 8 bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Its bytes in the payload, without the padding."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


class ModelIdentity(msgspec.Struct, frozen=True):
    """The package: where it was, and what was in it."""

    directory: str
    binary_sha256: str
    weights_sha256: str


class StrategyIdentity(msgspec.Struct, frozen=True):
    """The class by name, and its source as it was."""

    name: str
    source_sha256: str
    parameters: tuple[float, ...]


class Identity(msgspec.Struct, frozen=True):
    """The document. `versions` and `machine`: what the last bit of a float may depend on."""

    format_version: int
    layout_hash: int
    braind: Braind
    instruments_max: int
    strategy: StrategyIdentity
    features: tuple[str, ...]
    feature_hash: str
    model: ModelIdentity
    horizon_ms: int
    state: tuple[Array, ...]
    sources_hash: str
    versions: dict[str, str]
    machine: str

    def encoded(self) -> bytes:
        return msgspec.json.encode(self)

    def parts(self) -> dict[str, Any]:
        """What must be the same for a replay to mean anything, by the name it is refused under."""
        return {
            "symbols": list(self.braind.symbols),
            "strategy": self.strategy.name,
            "features": list(self.features),
            "feature formulas": self.feature_hash,
            "model": self.model.binary_sha256,
            "feedd.capacity.instruments": self.instruments_max,
            "state arrays": [(each.name, each.dtype, tuple(each.shape)) for each in self.state],
        }


def identify(
    braind: Braind,
    instruments_max: int,
    strategy: Strategy,
    manifest: Manifest,
    state: Mapping[str, NDArray[Any]],
) -> Identity:
    """The identity of a braind that is about to run."""
    return Identity(
        format_version=FORMAT_VERSION,
        layout_hash=_native.LAYOUT_HASH,
        braind=braind,
        instruments_max=instruments_max,
        strategy=StrategyIdentity(
            braind.strategy, _source_sha256(type(strategy)), tuple(map(float, strategy.parameters()))
        ),
        features=tuple(strategy.features),
        feature_hash=feature_hash(strategy.features),
        model=ModelIdentity(
            str(Path(braind.model).absolute()), manifest.binary.sha256, manifest.weights_sha256
        ),
        horizon_ms=manifest.horizon_ms,
        state=tuple(Array(name, each.dtype.str, each.shape) for name, each in state.items()),
        sources_hash=sources_hash(Path(__file__).parent),
        versions={
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
            "llvmlite": llvmlite.__version__,
            "torch": libtorch.version(),
            "libc": " ".join(platform.libc_ver()),
        },
        machine=f"{isa.native().machine}: {' '.join(isa.native().flags)}",
    )


def _source_sha256(strategy_class: type) -> str:
    try:
        source = Path(inspect.getfile(strategy_class)).read_bytes()
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source).hexdigest()


def decode(document: bytes) -> Identity:
    """The identity out of its document. Raises IdentityError."""
    try:
        identity = msgspec.json.decode(document, type=Identity)
    except msgspec.DecodeError as error:
        raise IdentityError(f"not the identity of a braind: {error}") from error
    if identity.format_version != FORMAT_VERSION:
        raise IdentityError(
            f"identity format {identity.format_version}, this braind reads format {FORMAT_VERSION}"
        )
    return identity


def hash_of(document: bytes) -> int:
    """First 8 bytes of SHA-256: the `identity_hash` of a Snapshot."""
    return int.from_bytes(hashlib.sha256(document).digest()[:8], "big")


def publish(path: str, document: bytes, inputs_generation: int, require_huge_pages: bool) -> Region:
    """Creates `braind/identity`; the region lives as long as the caller keeps it. Raises RegionError."""
    region = Region.create(
        path,
        int(RegionKind.IDENTITY),
        1,
        SNAPSHOT.itemsize,
        require_huge_pages,
        extra_bytes=len(document),
    )
    image = np.zeros(SNAPSHOT.itemsize + len(document), np.uint8)
    header = image[: SNAPSHOT.itemsize].view(SNAPSHOT)
    header["payload_bytes"], header["written_ts_ns"] = len(document), monotonic_ns()
    header["identity_hash"], header["inputs_generation"] = hash_of(document), inputs_generation
    image[SNAPSHOT.itemsize :] = np.frombuffer(document, np.uint8)
    write_snapshot(region, image)
    return region
