"""The judge of the order tests says no when it must: lines of a ledger in which a promise is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from venue_ledger import Limits, VenueLedger, origin_of

LIMITS = Limits(order_quantity_max=100, order_notional_max=100 * 500_000, position_max=150, open_orders_max=2)


def enter(ref: int, quantity: int = 100, result: str = "accepted", **other: Any) -> dict[str, Any]:
    return {
        "ns": ref, "what": "in", "type": "O", "user_ref": ref, "side": "B", "quantity": quantity, "symbol": "ABC",
        "price_e4": 10_000, "client_id": f"AAAAAA{'A' * 7}{chr(65 + ref)}", "result": result, **other,
    }  # fmt: skip


def fill(ref: int, match: int, quantity: int = 100) -> dict[str, Any]:
    return {
        "ns": 50, "what": "out", "type": "E", "user_ref": ref, "match_number": match, "quantity": quantity,
        "price_e4": 10_000,
    }  # fmt: skip


def replace(ref: int, original_ref: int, quantity: int = 100) -> dict[str, Any]:
    return enter(ref, quantity, "replaced", type="U", original_ref=original_ref)


def off(ref: int, quantity: int = 100) -> dict[str, Any]:
    return {"ns": 60, "what": "out", "type": "C", "user_ref": ref, "quantity": quantity, "reason": "U"}


def judged(tmp_path: Path, *lines: dict[str, Any]) -> VenueLedger:
    path = tmp_path / "ledger.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return VenueLedger(path, LIMITS).read()


def test_a_good_life_breaks_nothing_and_is_summed(tmp_path: Path) -> None:
    ledger = judged(
        tmp_path, enter(1), fill(1, 1, 40), off(1, 60), enter(2), fill(2, 2), enter(3, 10, result="rejected")
    )
    assert ledger.broken == []
    assert (ledger.accounts["ABC"].position, ledger.fills, ledger.live) == (140, 2, {})
    assert ledger.accepted_since(1) == [2]
    assert ledger.last_off_ns == 60


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ((enter(1), enter(1, result="duplicate")), "reached the venue twice"),
        ((enter(1, 10), enter(2, 10, client_id=enter(1)["client_id"])), "is order 1 and order 2"),
        ((enter(1), fill(1, 7, 50), fill(1, 7, 50)), "match 7 was told twice"),
        ((enter(1), fill(1, 1, 60), fill(1, 2, 60)), "had 40 shares open, and 60 were filled"),
        ((enter(1, 101),), "order_quantity_max 100: 101"),
        ((enter(1, 100, price_e4=500_001),), "order_notional_max"),
        ((enter(1), fill(1, 1), enter(2, 51)), "position_max 150: 151"),
        ((enter(1), enter(2, 51)), "position_max 150: 151"),
        ((enter(1, 10), enter(2, 10), enter(3, 10)), "open_orders_max 2: 3"),
    ],
)
def test_a_broken_promise_is_named(tmp_path: Path, lines: tuple[dict[str, Any], ...], word: str) -> None:
    assert word in "\n".join(judged(tmp_path, *lines).broken)


def test_a_fill_told_after_the_replace_is_one_of_the_replacement(tmp_path: Path) -> None:
    told_before = judged(tmp_path, enter(1), fill(1, 1, 40), replace(2, 1), off(2, 60))
    told_after = judged(tmp_path, enter(1), replace(2, 1), replace(3, 2), fill(1, 1, 40), off(3, 60))
    for ledger in (told_before, told_after):
        assert ledger.broken == []
        assert (ledger.accounts["ABC"].position, ledger.accounts["ABC"].open_buy, ledger.live) == (40, 0, {})
    assert "had 60 shares open, and 61 were filled" in "\n".join(
        judged(tmp_path, enter(1), fill(1, 1, 40), replace(2, 1), fill(2, 2, 61)).broken
    )


def test_half_a_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    ledger = judged(tmp_path, enter(1))
    whole = json.dumps(enter(2)) + "\n"
    with ledger.path.open("a") as file:
        file.write(whole[:20])
        file.flush()
        assert len(ledger.read().live) == 1
        file.write(whole[20:])
    assert len(ledger.read().live) == 2


def test_a_client_order_id_names_queue_and_order() -> None:
    assert origin_of("AAAAAB" + "AAAAAABC") == (1, 66)


def test_a_modification_told_after_the_replace_changes_nothing(tmp_path: Path) -> None:
    modified = {"ns": 55, "what": "out", "type": "M", "user_ref": 1, "side": "B", "quantity": 70}
    told_before = judged(tmp_path, enter(1), modified, replace(2, 1))
    told_after = judged(tmp_path, enter(1), replace(2, 1), modified)
    for ledger in (told_before, told_after):
        assert (ledger.accounts["ABC"].open_buy, set(ledger.live)) == (100, {2})
    assert judged(tmp_path, enter(1), modified).accounts["ABC"].open_buy == 70
