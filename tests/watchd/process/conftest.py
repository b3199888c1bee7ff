"""watchd as a process, with puppets in place of the daemons: puppet.py and watchd_harness.py beside this file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # test modules import the harness by its name

from watchd_harness import Suite


@pytest.fixture
def suite(shm_directory: Path) -> Iterator[Suite]:
    """Nothing of it is started yet; everything is ended afterwards."""
    made = Suite(shm_directory)
    yield made
    made.end()
