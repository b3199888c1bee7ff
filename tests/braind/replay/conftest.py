"""Fixtures of the replay's tests: a recorder beside braind and the scripted feedd."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "hft" / "journal"))

from record_process import Recording


@pytest.fixture
def record(shm_directory: Path, tmp_path: Path) -> Iterator[Callable[..., Recording]]:
    """Begins a recording of this test's run into `tmp_path/journal`."""
    made = []

    def begin(*extra: str) -> Recording:
        made.append(Recording(shm_directory, tmp_path / "journal", *extra))
        return made[-1].ready()

    yield begin
    for one in made:
        one.close()
