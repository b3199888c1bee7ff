"""Runs the gtest binary, built with ASan and UBSan, a suite a test."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

_UNIT = Path(__file__).parent / "unit"


def _suites() -> list[str]:
    """Test suites by name, read from the sources: collecting must not need a build."""
    found: set[str] = set()
    for source in sorted(_UNIT.glob("*_test.cpp")):
        found |= set(re.findall(r"^TEST(?:_F|_P)?\((\w+),", source.read_text(), re.MULTILINE))
    return sorted(found)


def _run(binary: Path, pattern: str) -> None:
    done = subprocess.run(
        [binary, f"--gtest_filter={pattern}", "--gtest_brief=1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    ran = re.search(r"^\[=+\] (\d+) tests? from", done.stdout, re.MULTILINE)
    assert ran is not None, done.stdout
    assert int(ran[1]) > 0, f"{pattern} ran nothing"


@pytest.mark.parametrize("suite", _suites())
def test_unit(asan_build: Path, suite: str) -> None:
    _run(asan_build / "tests" / "feedd_tests", f"{suite}.*:*/{suite}.*")
