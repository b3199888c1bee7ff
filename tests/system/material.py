"""What the suite's tests feed on: a generated day, a model trained on the like, and one that has lost its mind.

Made once, into the tests' cache; keyed by the sources that make them, the torch version and the CPU.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hft.cache import cache_directory, sources_hash

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TRADING_DATE = "2026-01-05"
INSTRUMENTS = 8
# A quarter of an hour: longer than any test keeps a suite; the soak plays it anew where it is not enough.
DAY_SECONDS, DAY_MESSAGES_A_SECOND = 900, 800

_BROKEN = """
import sys, dataclasses
from pathlib import Path
import numpy as np
import msgspec
from braind.model import package
from braind.model.export import cached_binary
from braind.model.network import Network
sound, out = map(Path, sys.argv[1:])
manifest = package.read_manifest(sound)
network = Network.from_bytes(package.read_weights(sound, manifest))
network = dataclasses.replace(network, biases=tuple(np.full_like(bias, np.nan) for bias in network.biases))
weights, compiled = network.to_bytes(), cached_binary(network)
manifest = msgspec.structs.replace(
    manifest, weights_sha256=package.sha256(weights), binary=compiled.description
)
package.write(out, manifest, compiled.binary, weights)
"""


@dataclass(frozen=True)
class Material:
    """`symbols`: the day's instruments. `broken_model()` is made when it is first asked for."""

    day: Path
    model: Path
    symbols: tuple[str, ...]

    def broken_model(self) -> Path:
        """A sound package of a network that answers NaN to everything."""
        path = self.model.with_name(f"{self.model.name}-broken")
        return _once(path, lambda: _run([sys.executable, "-c", _BROKEN, self.model, path]))


def prepare() -> Material:
    """Takes it from the cache, or about half a minute. Raises CalledProcessError."""
    folder = cache_directory() / "system"
    folder.mkdir(parents=True, exist_ok=True)
    paperd = sources_hash(ROOT / "daemons" / "paperd")
    day = folder / f"day-{DAY_SECONDS}s-{paperd}.itch50"
    short = folder / f"training-{paperd}.itch50"
    model = folder / f"model-{_machine_hash()}-{sources_hash(ROOT / 'daemons' / 'braind')}"
    _once(
        day,
        lambda: _generate(day, "--duration", DAY_SECONDS, "--messages-per-second", DAY_MESSAGES_A_SECOND),
    )
    _once(model, lambda: _train(_once(short, lambda: _generate(short, "--duration", 20)), model))
    return Material(day, model, symbols_of(day))


def symbols_of(day: Path) -> tuple[str, ...]:
    """The stock directory of an ITCH file (message R: the symbol is in bytes 11 … 18)."""
    data, at, symbols = day.read_bytes()[: 1 << 16], 0, []
    while at + 2 <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        message = data[at + 2 : at + 2 + length]
        if message[:1] == b"R":
            symbols.append(message[11:19].decode().strip())
        at += 2 + length
    return tuple(symbols)


def _once(path: Path, make: Callable[[], None]) -> Path:
    """`path`, made by the first who needs it while the others wait."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make()
    return path


def _generate(path: Path, *size: object) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    seed = ("--seed", "7", "--instruments", str(INSTRUMENTS))
    _run([BIN / "paperd", "generate", unfinished, *seed, *map(str, size)])
    unfinished.rename(path)


def _train(day: Path, out: Path) -> None:
    command = [BIN / "hft", "model", "train", "--capture", day, "--date", TRADING_DATE, "--seconds", "3"]
    _run([*command, "--out", out])


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


def _machine_hash() -> str:
    flags = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")][:1]
    text = f"{importlib.metadata.version('torch')} {flags}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
