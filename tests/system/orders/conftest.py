"""Fixtures of the tests with orders in flight; the harness is in order_world.py beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # test modules import the harness by its name

from material import Material
from order_world import OrderWorld


@pytest.fixture
def make_world(material: Material) -> Iterator[Callable[..., OrderWorld]]:
    """make_world("--cancel-on-disconnect", "no", reconnect_ms=10): started; all are ended afterwards."""
    made: list[OrderWorld] = []

    def make(*venue: str, **options: object) -> OrderWorld:
        made.append(OrderWorld(material, *venue, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for world in made:
        world.end()
