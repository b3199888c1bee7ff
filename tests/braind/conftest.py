"""What braind's tests share: event streams, a tiny model package, and feedd's side of the shared memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from braind.model.export import Compiled, cached_binary
from braind.model.inference import NativeModel
from braind.model.network import Network
from hft.layout.dtypes import (
    MARKET_EVENT,
    BookValidity,
    EventFlags,
    EventKind,
    Side,
    TradeState,
)

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "feedd" / "daemon"))  # watchd, as its peers see it
from braind_circle import Circle
from braind_process import Braind
from fake_watchd import FakeWatchd
from feedd_side import FeeddSide
from tiny_model import tiny_network, write_package

Events = NDArray[np.void]
SESSION_OPEN_NS = 1_577_716_200_000_000_000


def random_stream(seed: int, count: int, instruments: int = 3, trouble: float = 0.05) -> Events:
    """A random feed over instruments 1 …: trades, one-sided and crossed tops, time that stands or jumps.

    `trouble` is the chance of each kind of anomaly at a record: gaps, invalid books, empty sides.
    """
    random = np.random.default_rng(seed)
    events = np.zeros(count, MARKET_EVENT)
    chance = random.random((8, count))
    events["sequence"] = np.arange(1, count + 1)
    events["instrument_id"] = random.integers(1, instruments + 1, count)
    events["kind"] = random.choice(
        [EventKind.ADD, EventKind.DELETE, EventKind.EXECUTE, EventKind.EXECUTE_PRICED, EventKind.TRADE], count
    )
    events["side"] = random.choice([Side.BUY, Side.SELL, Side.NONE], count, p=[0.48, 0.48, 0.04])
    events["flags"] = np.where(chance[0] < 0.7, EventFlags.TOP_CHANGED | EventFlags.BOOK_CHANGED, 0)
    events["flags"] |= np.where(chance[1] < 0.05, EventFlags.NOT_PRINTABLE, 0).astype(np.uint16)
    steps = random.choice([0, 1_000, 50_000, 3_000_000, 400_000_000], count, p=[0.2, 0.3, 0.3, 0.19, 0.01])
    events["exchange_ts_ns"] = SESSION_OPEN_NS + np.cumsum(steps)
    mid = 1_000_000 + 100 * np.cumsum(random.integers(-1, 2, count))
    events["bid_price"] = mid - 100 * random.integers(0, 3, count)
    events["ask_price"] = mid + 100 * random.integers(0, 3, count)  # equal now and then: locked
    events["price"] = mid + 100 * random.integers(-2, 3, count)
    for name in ("bid_quantity", "ask_quantity", "quantity"):
        events[name] = 100 * random.integers(1, 30, count)
    for name in ("bid_orders", "ask_orders"):
        events[name] = random.integers(1, 9, count)
    events["bid_quantity"][chance[2] < trouble] = 0
    events["ask_quantity"][chance[3] < trouble] = 0
    events["trade_state"] = np.where(chance[4] < trouble, TradeState.HALTED, TradeState.TRADING)
    events["validity"] = np.where(chance[5] < trouble / 4, BookValidity.INVALID_REFERENCE, BookValidity.VALID)
    gaps = chance[6] < trouble / 20
    events["kind"][gaps], events["instrument_id"][gaps], events["flags"][gaps] = EventKind.GAP, 0, 0
    ticks = chance[7] < trouble
    events["kind"][ticks], events["instrument_id"][ticks], events["flags"][ticks] = EventKind.TICK, 0, 0
    return events


@pytest.fixture(scope="session")
def network() -> Network:
    """See tiny_model."""
    return tiny_network()


@pytest.fixture(scope="session")
def compiled_network(network: Network) -> Compiled:
    return cached_binary(network)


@pytest.fixture(scope="session")
def package_directory(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound package for this machine."""
    return write_package(tmp_path_factory.mktemp("model") / "package", network)


@pytest.fixture(scope="session")
def broken_package_directory(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound package of a model that has lost its mind: it answers NaN to everything."""
    broken = replace(network, biases=tuple(np.full_like(b, np.nan) for b in network.biases))
    return write_package(tmp_path_factory.mktemp("broken") / "package", broken)


@pytest.fixture
def circle(shm_directory: Path, model: NativeModel) -> Callable[..., Circle]:
    """Makes a loop over rings of its own; options as of `Circle`."""

    def make(**options) -> Circle:
        folder = shm_directory / f"circle{len(list(shm_directory.iterdir()))}"
        folder.mkdir()
        return Circle(folder, model, **options)

    return make


@pytest.fixture(scope="session")
def model(compiled_network: Compiled, network: Network) -> NativeModel:
    torch.set_num_threads(1)
    return NativeModel(compiled_network.binary, network.inputs)


@pytest.fixture(scope="session")
def stream() -> Callable[..., Events]:
    return random_stream


@pytest.fixture
def start(shm_directory: Path, package_directory: Path) -> Iterator[Callable[..., Braind]]:
    """Starts braind in this test's directory: (extra keys of [braind], model package)."""
    started = []

    def begin(extra: str = "", model: Path = package_directory) -> Braind:
        started.append(Braind(shm_directory, model, extra))
        return started[-1]

    yield begin
    for one in started:
        one.close()


@pytest.fixture
def fake_watchd() -> Iterator[Callable[[Path], FakeWatchd]]:
    """watchd's sockets in a control directory, played by the test."""
    made = []

    def listen(control_directory: Path) -> FakeWatchd:
        made.append(FakeWatchd(control_directory))
        return made[-1]

    yield listen
    for one in made:
        one.close()


@pytest.fixture
def feedd_side(shm_directory: Path) -> Callable[..., FeeddSide]:
    """Makes a feedd in this test's directory; call it again for its next life."""
    return lambda **options: FeeddSide(shm_directory, **options)
