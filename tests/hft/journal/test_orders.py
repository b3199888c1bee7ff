"""`hft journal orders`, as a person reads it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from journal_bench import recorder_of

from hft.cli import main
from hft.layout.dtypes import ORDER_UPDATE, IntentAction, RefusalReason, Side, UpdateKind, VenueSession
from hft.regions import monotonic_ns


def told(run, kind: UpdateKind, **fields: int) -> None:
    update = np.zeros(1, ORDER_UPDATE)
    update["kind"], update["publish_ts_ns"] = int(kind), monotonic_ns()
    for name, value in fields.items():
        update[name] = int(value)
    run.updates_writer.publish(update)


@pytest.fixture
def journal(run, tmp_path):
    """A session comes up; an order is sent, filled in part, cancelled by the venue; others are refused and rejected."""
    out = tmp_path / "journal"
    recorder = recorder_of(run, out)
    run.name(5, "MADEUP", 1)
    run.publish(10, instrument_id=5)
    order = {"instrument_id": 5, "order_id": 1, "side": Side.BUY, "price": 1_234_500}
    told(run, UpdateKind.SESSION, venue_reason=VenueSession.UP)
    told(run, UpdateKind.SENT, quantity=100, leaves_quantity=100, action=IntentAction.NEW, **order)
    told(run, UpdateKind.FILLED, quantity=40, leaves_quantity=60, position=40, match_number=9, **order)
    told(run, UpdateKind.CANCELED, quantity=60, position=40, venue_reason=ord("Z"), **order)
    told(run, UpdateKind.REFUSED, quantity=7, position=40, reason=RefusalReason.POSITION_LIMIT, **order)
    told(run, UpdateKind.REJECTED, quantity=8, position=40, venue_reason=15, **order)
    while recorder.do_pass():
        pass
    recorder.close()
    return out


def test_each_update_is_a_line(journal, capsys):
    assert main(["journal", "orders", str(journal)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == [
        "session", "sent", "filled", "canceled", "refused", "rejected",
    ]  # fmt: skip
    assert lines[0].endswith("session         up")
    assert "MADEUP   buy" in lines[2]
    assert lines[2].endswith("40 @ 123.4500  open 60, position 40")
    assert [line.split("position 40")[1].strip() for line in lines[3:]] == [
        "venue: Z", "position_limit", "venue: 15",
    ]  # fmt: skip


def test_kinds_and_symbols_can_be_picked(journal, capsys):
    assert main(["journal", "orders", str(journal), "--kind", "filled", "--kind", "rejected"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["journal", "orders", str(journal), "--symbol", "OTHER"]) == 0
    assert capsys.readouterr().out == ""
    with pytest.raises(SystemExit):
        main(["journal", "orders", str(journal), "--kind", "nonsense"])
    assert "'nonsense' is none of" in capsys.readouterr().err


def test_the_table_has_every_field_by_name(journal, tmp_path):
    out = tmp_path / "orders.csv"
    assert main(["journal", "orders", str(journal), "--csv", str(out)]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    filled = rows[2]
    assert (filled["kind"], filled["side"], filled["symbol"]) == ("filled", "buy", "MADEUP")
    assert (filled["price"], filled["quantity"], filled["match_number"]) == ("1234500", "40", "9")
    assert not any(name.startswith("reserved") for name in filled)
    assert int(filled["time_utc_ns"]) > 1_700_000_000_000_000_000


def test_no_journal_is_named(tmp_path, capsys):
    assert main(["journal", "orders", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
