"""Where the journal's tests find what they share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journal_bench import Run


@pytest.fixture
def run(shm_directory: Path) -> Run:
    """A run directory with every region that is recorded."""
    folder = shm_directory / "run"
    folder.mkdir()
    return Run(folder)
