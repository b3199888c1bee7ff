"""Fixtures of the exporter's tests; what they give is in exporter_harness.py beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Test modules import the harnesses by their names.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "feedd" / "daemon"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from exporter_harness import Exporter, Suite
from feedd_harness import Feed, Feedd


@pytest.fixture
def suite(shm_directory: Path) -> Suite:
    """The regions and files of a whole suite, written by this process."""
    return Suite(shm_directory)


@pytest.fixture
def make_exporter() -> Iterator[Callable[..., Exporter]]:
    """exporter(config, *arguments): running and listening; ended afterwards."""
    made: list[Exporter] = []

    def make(config: Path, *arguments: str, **keywords: object) -> Exporter:
        made.append(Exporter(config, *arguments, **keywords))  # type: ignore[arg-type]
        return made[-1].start()

    yield make
    for each in made:
        each.kill()


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed()
    yield made
    made.close()


@pytest.fixture
def feedd(shm_directory: Path, feed: Feed) -> Iterator[Feedd]:
    """A real feedd, started."""
    directory = shm_directory / "real"
    directory.mkdir()
    made = Feedd(directory, feed.keys(), {}, "backoff").start()
    yield made
    made.kill()
