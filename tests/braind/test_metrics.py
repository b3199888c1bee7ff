"""docs/METRICS.md and braind's stats region name the same statistics."""

from __future__ import annotations

import re
from pathlib import Path

from braind.metrics import Metrics
from braind.shadow.layout import POSITION, ShadowBook
from hft.stats import StatsReader

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "METRICS.md"


def test_every_statistic_is_documented_with_its_unit_and_nothing_else_is(shm_directory: Path) -> None:
    metrics = Metrics(str(shm_directory / "stats"), require_huge_pages=False, traded={"ACME": 0, "OTHER": 1})
    units = StatsReader(str(shm_directory / "stats")).units()
    rows = re.findall(r"^\| `(braind_\w+)` \|[^|]*\| (\w+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert {(name.split("{")[0], unit) for name, unit in units.items()} == set(rows)
    assert metrics.histogram_addresses.all()


def test_a_position_is_long_or_short_and_never_both(shm_directory: Path) -> None:
    path = str(shm_directory / "stats")
    metrics = Metrics(path, require_huge_pages=False, traded={"ACME": 0, 'O"THER\\': 2})
    book = ShadowBook.allocated(3, 64, 64, (1, 1, 1))
    for position in (300, -200, 0):
        book.rows[2, POSITION] = position
        metrics.publish_book(book)
        read = StatsReader(path).read()
        told = [
            read[f'braind_shadow_position_quantity{{symbol="O\\"THER\\\\",side="{side}"}}']
            for side in ("long", "short")
        ]
        assert told == [max(position, 0), max(-position, 0)]
        assert read['braind_shadow_position_quantity{symbol="ACME",side="long"}'] == 0
