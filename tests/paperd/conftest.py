"""Fixtures of the paperd tests: the real capture, a small generated day, the command as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paperd.capture import Capture, index_messages
from paperd.day import DayConfig, generate_day

ROOT = Path(__file__).resolve().parents[2]
REAL_CAPTURE = ROOT.parent / "shared" / "data" / "itch50" / "20191230_premarket.itch50.gz"


@pytest.fixture(scope="session")
def real_capture_path() -> Path:
    if not REAL_CAPTURE.exists():
        pytest.skip("the real captures are absent: expected ../shared/data/itch50 beside the repository")
    return REAL_CAPTURE


@pytest.fixture(scope="session")
def small_day() -> Capture:
    """20,000 messages, 10 instruments, all message types."""
    return index_messages(generate_day(DayConfig(seed=5, instruments=10, messages=20_000)))


@pytest.fixture(scope="session")
def small_day_path(small_day: Capture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("day") / "day.itch50"
    path.write_bytes(small_day.data.tobytes())
    return path


def start_paperd(*arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """The real command in a process of its own; its caller waits for it or kills it."""
    return subprocess.Popen(
        [sys.executable, "-m", "paperd.main", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "daemons")},
    )
