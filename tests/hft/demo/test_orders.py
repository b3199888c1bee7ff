"""What the demo calls agreement of its three ledgers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hft.demo.orders import OrderFigures


def venue(**counts: int) -> dict[str, Any]:
    figures = {"enters": 9, "replaces": 1, "fills": 4, "duplicates": 0} | counts
    symbols = {"ACME": {"position": 100, "fees_e4": 5}, "IDLE": {"position": 0, "fees_e4": 0}}
    return {"symbols": symbols, "open": 0, "counts": figures}


AGREED = OrderFigures(sent=10, filled=4, positions={"ACME": 100}, believed={"ACME": 100}, venue=venue())


def test_equal_ledgers_agree() -> None:
    assert AGREED.disagreements() == []
    assert AGREED.three_positions() == [("ACME", 100, 100, 100)]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"positions": {"ACME": 99}, "believed": {"ACME": 99}}, "position in ACME: venue 100, gateway 99"),
        ({"believed": {"ACME": 101}}, "position in ACME: gateway 100, shadow book 101"),
        ({"believed": {"ACME": 100, "IDLE": -1}}, "position in IDLE: gateway 0, shadow book -1"),
        ({"open": 1}, "open orders: venue 0, gateway 1"),
        ({"sent": 11}, "orders: venue received 10, gateway sent 11"),
        ({"filled": 5}, "fills: venue 4, gateway 5"),
        ({"venue": venue(duplicates=1)}, "1 orders reached the venue twice"),
        ({"divergences": 1}, "1 answers contradicted the shadow book"),
        ({"sent_after_fence": 1}, "1 orders were sent after the fence closed"),
        ({"venue": {}}, "the venue left no summary"),
    ],
)
def test_each_count_that_is_off_by_one_is_named(changed: dict[str, Any], told: str) -> None:
    assert replace(AGREED, **changed).disagreements() == [told]


def test_a_shadow_book_that_died_with_braind_has_no_say() -> None:
    died = replace(AGREED, believed={}, divergences=3)
    assert died.disagreements(braind_lives=False) == []
