"""docs/FAILURES.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
DOCUMENT = TESTS.parent / "docs" / "FAILURES.md"


def test_every_row_names_a_test_that_exists() -> None:
    named = re.findall(r"\| `([\w/]+\.py)::(\w+)` \|$", DOCUMENT.read_text(), re.MULTILINE)
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    assert len(named) == len(rows) - 1 > 20, "each row but the head names one"
    missing = [name for path, name in named if f"def {name}(" not in (TESTS / path).read_text()]
    assert missing == []
