"""Test modules of this folder import fake_host by its name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fake_host import FakeHost


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host that is as its plan says."""
    return FakeHost(tmp_path / "host")
