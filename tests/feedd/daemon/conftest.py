"""Fixtures of feedd's system tests; what they give is in feedd_harness.py beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paperd.day import DayConfig, generate_day

sys.path.insert(0, str(Path(__file__).parent))  # test modules import the harness by its name

from feedd_harness import Feed, Feedd

ROOT = Path(__file__).resolve().parents[3]
REAL_CAPTURE = ROOT.parent / "shared" / "data" / "itch50" / "20191230_premarket.itch50.gz"


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed()
    yield made
    made.close()


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
