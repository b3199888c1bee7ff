"""Limits that people tightened: never beyond the configuration, never loosened by a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hft.config import InstrumentRisk, Risk
from hft.limits import InstrumentLimits, Limits
from watchd import limits_file
from watchd.ctl_protocol import LimitChange
from watchd.limits import NOTHING_ALLOWED, Tightened, in_force, page_of, refusal, restored
from watchd.limits_file import LimitsUnreadable

RISK = Risk(
    symbols=("AAPL", "MSFT"),
    order_quantity_max=1000,
    order_notional_max=50_000,
    position_max=5000,
    loss_max=2000,
    instruments={"AAPL": InstrumentRisk(order_quantity_max=300)},
)


def tightened(*changes: tuple[str, int] | tuple[str, int, str]) -> Tightened:
    out = Tightened()
    for change in changes:
        out = out.with_change(LimitChange(*change))
    return out


@pytest.mark.parametrize(
    ("changes", "name", "symbol", "expected"),
    [
        ([], "order_quantity_max", "", 1000),
        ([], "order_quantity_max", "AAPL", 300),
        ([("order_quantity_max", 200)], "order_quantity_max", "AAPL", 200),
        ([("order_quantity_max", 400)], "order_quantity_max", "AAPL", 300),
        ([("order_quantity_max", 400)], "order_quantity_max", "MSFT", 400),
        ([("order_quantity_max", 50, "MSFT")], "order_quantity_max", "MSFT", 50),
        ([("order_quantity_max", 50, "MSFT")], "order_quantity_max", "", 1000),
        ([("loss_max", 0)], "loss_max", "", 0),
    ],
)
def test_the_smallest_that_applies_is_in_force(changes, name: str, symbol: str, expected: int) -> None:
    assert in_force(RISK, tightened(*changes), name, symbol) == expected


@pytest.mark.parametrize(
    ("before", "change", "disarmed", "said"),
    [
        ([], ("position_max", 5001), True, "beyond the configuration's 5,000"),
        ([], ("position_max", 5000), False, ""),
        ([], ("position_max", 0), False, ""),
        ([("position_max", 100)], ("position_max", 101), False, "would loosen the 100 in force"),
        ([("position_max", 100)], ("position_max", 101), True, ""),
        ([("position_max", 100)], ("position_max", 99), False, ""),
        ([], ("order_quantity_max", 301, "AAPL"), True, "beyond the configuration's 300"),
        (
            [("order_quantity_max", 200)],
            ("order_quantity_max", 250, "AAPL"),
            True,
            "in force for every instrument",
        ),
        ([], ("order_quantity_max", 10, "TSLA"), True, "not one of risk.symbols"),
        (
            [("order_quantity_max", 10, "AAPL")],
            ("order_quantity_max", 11, "AAPL"),
            False,
            "would loosen the 10",
        ),
    ],
)
def test_what_may_be_changed(before, change, disarmed: bool, said: str) -> None:
    problem = refusal(RISK, tightened(*before), LimitChange(*change), may_loosen=disarmed)
    assert (said in problem) if said else problem == ""


def test_the_page_has_price_units_and_the_ids_of_the_feed() -> None:
    made = tightened(("loss_max", 7), ("position_max", 5), ("order_notional_max", 3, "MSFT")).named(
        {"MSFT": 9}
    )
    page = page_of(made)
    assert (page.loss_max, page.position_max, page.gross_notional_max) == (
        70_000,
        5,
        Limits().gross_notional_max,
    )
    assert page.instruments == {9: InstrumentLimits(order_notional_max=30_000)}
    assert page.sequence + 1 == made.sequence == 4


def test_a_symbol_that_the_feed_has_not_named_is_not_on_the_page_until_it_is() -> None:
    made = tightened(("position_max", 5, "MSFT"))
    assert page_of(made).instruments == {}
    assert made.named({}) is made
    named = made.named({"MSFT": 4, "AAPL": 3})
    assert (page_of(named).instruments, named.sequence) == (
        {4: InstrumentLimits(position_max=5)},
        made.sequence + 1,
    )
    assert named.named({"MSFT": 4}) is named
    assert named.named({}) is named, "a board that is gone does not lift it"


def on_page(made: Tightened) -> Limits:
    return replace(page_of(made), sequence=made.sequence)


TIGHT = tightened(("position_max", 10), ("loss_max", 5), ("position_max", 4, "MSFT")).named({"MSFT": 9})
LOOSE = TIGHT.with_change(LimitChange("position_max", 500))


@pytest.mark.parametrize(
    ("page", "file", "missing", "expected"),
    [
        (Limits(), None, True, Tightened()),
        (Limits(), None, False, NOTHING_ALLOWED),
        (None, None, True, NOTHING_ALLOWED),
        (None, None, False, NOTHING_ALLOWED),
        (None, TIGHT, False, TIGHT),
        (Limits(), TIGHT, False, TIGHT),
        (on_page(TIGHT), TIGHT, False, TIGHT),
        # Died between the page and the disk: the tighter one, whichever way it went.
        (on_page(LOOSE), TIGHT, False, replace(TIGHT, sequence=LOOSE.sequence)),
        (on_page(TIGHT), LOOSE, False, replace(TIGHT, sequence=LOOSE.sequence)),
    ],
)
def test_a_start_believes_the_tightest(page, file, missing: bool, expected: Tightened) -> None:
    assert restored(page, file, file_is_missing=missing) == expected


@pytest.mark.parametrize("missing", [True, False])
def test_a_lost_file_with_a_live_page_keeps_the_page_s(missing: bool) -> None:
    found = restored(on_page(TIGHT), None, file_is_missing=missing)
    assert (found.account, found.sequence) == (TIGHT.account, TIGHT.sequence)
    assert page_of(found).instruments == page_of(TIGHT).instruments
    assert found.symbols == {"#9": {"position_max": 4}}


def test_the_file_reads_back_and_every_changed_byte_is_a_refusal(tmp_path: Path) -> None:
    limits_file.save(tmp_path, TIGHT)
    assert limits_file.load(tmp_path) == TIGHT
    path = tmp_path / limits_file.FILE_NAME
    intact = path.read_bytes()
    for place in range(len(intact)):
        path.write_bytes(intact[:place] + bytes([intact[place] ^ 1]) + intact[place + 1 :])
        with pytest.raises(LimitsUnreadable):
            limits_file.load(tmp_path)


def test_no_file_is_told_from_one_that_can_not_be_believed(tmp_path: Path) -> None:
    with pytest.raises(LimitsUnreadable) as caught:
        limits_file.load(tmp_path)
    assert caught.value.missing
    limits_file.save(tmp_path, TIGHT)
    (tmp_path / limits_file.FILE_NAME).chmod(0o666)
    with pytest.raises(LimitsUnreadable, match="others than its owner may write it") as caught:
        limits_file.load(tmp_path)
    assert not caught.value.missing


def test_a_file_with_a_limit_that_does_not_exist_is_damaged(tmp_path: Path) -> None:
    limits_file.save(tmp_path, replace(TIGHT, account={"positions_max": 1}))
    with pytest.raises(LimitsUnreadable, match="damaged"):
        limits_file.load(tmp_path)
