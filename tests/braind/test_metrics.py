"""docs/METRICS.md and braind's stats region name the same statistics."""

from __future__ import annotations

import re
from pathlib import Path

from braind.metrics import Metrics
from hft.stats import StatsReader

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "METRICS.md"


def test_every_statistic_is_documented_with_its_unit_and_nothing_else_is(shm_directory: Path) -> None:
    metrics = Metrics(str(shm_directory / "stats"), require_huge_pages=False)
    units = StatsReader(str(shm_directory / "stats")).units()
    rows = re.findall(r"^\| `(braind_\w+)` \|[^|]*\| (\w+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert {(name.split("{")[0], unit) for name, unit in units.items()} == set(rows)
    assert metrics.histogram_addresses.all()
