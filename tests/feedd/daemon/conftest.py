"""Fixtures of feedd's system tests; what they give is in feedd_harness.py beside this file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from paperd.day import DayConfig, generate_day

sys.path.insert(0, str(Path(__file__).parent))  # test modules import the harness by its name

from fake_watchd import LINK_INTERVAL_NS, FakeWatchd
from feedd_harness import Feed, Feedd
from order_circle import OrderCircle, PaperVenue

from hft._native import WatchdLink
from hft.layout.dtypes import DaemonId, RegionKind, dtype
from hft.regions import ProgressWriter, Region

ROOT = Path(__file__).resolve().parents[3]
REAL_CAPTURE = ROOT.parent / "shared" / "data" / "itch50" / "20191230_premarket.itch50.gz"


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed()
    yield made
    made.close()


@pytest.fixture
def tiny_tmpfs(shm_directory: Path) -> Iterator[Path]:
    """A tmpfs of 8 MB of the test's own."""
    directory = shm_directory / "tiny"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(directory)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small tmpfs here")
    yield directory
    subprocess.run(["umount", directory], check=True)


@pytest.fixture
def control(shm_directory: Path) -> Path:
    """watchd's directory, of a link without a daemon around it."""
    directory = shm_directory / "control"
    directory.mkdir()
    return directory


@pytest.fixture
def progress(shm_directory: Path) -> Region:
    """Two loops' progress, for such a link."""
    return Region.create(
        str(shm_directory / "progress"), int(RegionKind.PROGRESS), 2, dtype("LoopProgress").itemsize
    )


@pytest.fixture
def loops(progress: Region) -> list[ProgressWriter]:
    """The two loops."""
    return [ProgressWriter(progress, 0), ProgressWriter(progress, 1)]


@pytest.fixture
def link(control: Path, progress: Region) -> Iterator[WatchdLink]:
    """Started, as braind's."""
    made = WatchdLink(str(control), int(DaemonId.BRAIND), progress, LINK_INTERVAL_NS)
    made.start()
    yield made
    made.close()


@pytest.fixture
def make_watchd(control: Path) -> Iterator[Callable[[], FakeWatchd]]:
    """Watchds in that directory; all are ended afterwards."""
    made: list[FakeWatchd] = []

    def make() -> FakeWatchd:
        made.append(FakeWatchd(control))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def make_feedd(shm_directory: Path) -> Iterator[Callable[..., Feedd]]:
    """feedd(feed keys, capacity={…}, idle="backoff", market=1): not started yet; all are ended afterwards."""
    made: list[Feedd] = []

    def make(
        feed: dict[str, object],
        capacity: dict[str, object] | None = None,
        idle: str = "backoff",
        **cores: int,
    ) -> Feedd:
        directory = shm_directory / str(len(made))
        directory.mkdir()
        made.append(Feedd(directory, feed, capacity or {}, idle, **cores))
        return made[-1]

    yield make
    for each in made:
        each.kill()


@pytest.fixture(scope="session")
def small_day() -> bytes:
    """A generated day: 20,000 messages of all types, length-prefixed."""
    return generate_day(DayConfig(seed=5, instruments=10, messages=20_000)).tobytes()


@pytest.fixture(scope="session")
def real_capture() -> Path:
    if not REAL_CAPTURE.exists():
        pytest.skip("the real captures are absent: expected ../shared/data/itch50 beside the repository")
    return REAL_CAPTURE


@pytest.fixture
def make_venue(tmp_path: Path) -> Iterator[Callable[..., PaperVenue]]:
    made: list[PaperVenue] = []

    def make(*options: str) -> PaperVenue:
        made.append(PaperVenue(tmp_path / f"venue{len(made)}", *options))
        return made[-1]

    yield make
    for venue in made:
        venue.close()


@pytest.fixture
def circle(
    make_feedd: Callable[..., Feedd], feed: Feed, tmp_path: Path, make_venue: Callable[..., PaperVenue]
) -> Callable[..., OrderCircle]:
    """circle(*paperd's options, idle="spin", gateway={…}, risk={…}, lines={…} of the feed): not started yet."""

    def make(*options: str, idle: str = "backoff", **sections: dict[str, object]) -> OrderCircle:
        return OrderCircle(partial(make_feedd, idle=idle), feed, tmp_path, make_venue(*options), **sections)

    return make
