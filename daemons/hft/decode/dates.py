"""The trading date of a capture, from its name."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

FIRST_YEAR, LAST_YEAR = 2007, 2099
"""Years for which New York's daylight saving rule is known (feedd/src/publish/trading_date.hpp)."""

# Tried in this order; the last two are how Nasdaq names its sample days: 12302019.NASDAQ_ITCH50, S123019-v50.txt.
_PATTERNS = (
    (re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)"), (0, 1, 2)),
    (re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)"), (0, 1, 2)),
    (re.compile(r"(?<!\d)(\d{2})(\d{2})(\d{4})(?!\d)"), (2, 0, 1)),
    (re.compile(r"^S(\d{2})(\d{2})(\d{2})-v"), (2, 0, 1)),
)


def date_from_name(path: Path) -> str | None:
    """YYYY-MM-DD if the file's name holds a date: 20191230, 2019-12-30, 12302019 or Nasdaq's S123019-v50."""
    for pattern, order in _PATTERNS:
        for match in pattern.finditer(path.name):
            year, month, day = (int(match.group(1 + index)) for index in order)
            year += 2000 if year < 100 else 0
            try:
                found = date(year, month, day)
            except ValueError:
                continue
            if FIRST_YEAR <= year <= LAST_YEAR:
                return found.isoformat()
    return None
