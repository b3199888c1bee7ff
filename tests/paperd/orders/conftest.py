"""Fixtures of the order side's tests: a running venue, a client of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # test modules import the client and the harness by name

from ouch_client import Client
from venue_harness import RunningVenue


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningVenue]]:
    """Starts a venue with options; one a test."""
    venues: list[RunningVenue] = []

    def started(*options: str, **books: tuple[str, ...]) -> RunningVenue:
        venues.append(RunningVenue(tmp_path, *options, **books))
        return venues[-1]

    yield started
    for venue in venues:
        venue.close()


@pytest.fixture
def venue(start: Callable[..., RunningVenue]) -> RunningVenue:
    return start()


@pytest.fixture
def client(venue: RunningVenue) -> Iterator[Client]:
    connected = venue.client()
    yield connected
    connected.close()
