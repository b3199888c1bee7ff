"""Trading dates: from file names, and feedd's own rule for New York against the time zone database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hft import _native
from hft.decode.dates import date_from_name

NEW_YORK = ZoneInfo("America/New_York")
SECOND_NS = 1_000_000_000


def days() -> list[date]:
    first = date(2007, 1, 1)
    return [first + timedelta(days=n) for n in range((date(2041, 1, 1) - first).days)]


def test_midnight_in_new_york_equals_the_time_zone_database_on_every_day_of_34_years() -> None:
    wrong = [
        day
        for day in days()
        if _native.new_york_midnight_utc_ns(day.isoformat())
        != int(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).timestamp()) * SECOND_NS
    ]
    assert wrong == []


def test_the_date_in_new_york_equals_the_time_zone_database_at_every_hour() -> None:
    wrong = []
    for day in days()[::3]:
        for hour in range(0, 72, 7):
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour, seconds=-1)
            if (
                _native.new_york_date(int(moment.timestamp()) * SECOND_NS)
                != moment.astimezone(NEW_YORK).date().isoformat()
            ):
                wrong.append(moment)
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20191230_premarket.itch50.gz", "2019-12-30"),
        ("2019-12-30.itch", "2019-12-30"),
        ("12302019.NASDAQ_ITCH50.gz", "2019-12-30"),
        ("S123019-v50.txt.gz", "2019-12-30"),
        ("capture_20231340_20230822.pcap", "2023-08-22"),
        ("itch50.bin", None),
        ("run-120191230.bin", None),
        ("20060101.bin", None),
    ],
)
def test_a_date_is_found_in_a_name(name: str, expected: str | None) -> None:
    assert date_from_name(Path(name)) == expected


@pytest.mark.parametrize("text", ["", "20191230", "2019-02-29", "2006-12-31", "2100-01-01"])
def test_a_date_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        _native.new_york_midnight_utc_ns(text)
