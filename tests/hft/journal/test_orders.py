"""`hft journal orders`, as a person reads it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from journal_bench import recorder_of

from hft.cli import main
from hft.decode import orders
from hft.journal.errors import JournalError
from hft.layout.dtypes import (
    MARKET_EVENT,
    ORDER_UPDATE,
    EventKind,
    IntentAction,
    RefusalReason,
    Side,
    UpdateKind,
    VenueSession,
)
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
    recorder.do_pass()
    run.publish(10)
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


def test_a_table_of_nothing_has_its_head_and_one_that_can_not_be_written_leaves_nothing(
    journal, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "none.csv"
    assert main(["journal", "orders", str(journal), "--symbol", "OTHER", "--csv", str(out)]) == 0
    assert out.read_text().startswith("time_utc_ns,symbol,sequence,")
    assert main(["journal", "orders", str(journal), "--csv", str(tmp_path / "absent" / "o.csv")]) == 2
    assert "absent" in capsys.readouterr().err
    intact = orders.updates_of

    def damaged(journal):
        yield next(intact(journal))
        raise JournalError("block 3 is damaged (checksum)")

    monkeypatch.setattr(orders, "updates_of", damaged)
    assert main(["journal", "orders", str(journal), "--csv", str(tmp_path / "broken.csv")]) == 2
    assert "block 3 is damaged" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"journal", "none.csv"}


def test_what_is_missing_is_told(journal, capsys):
    file = journal / "000001.journal"
    data = bytearray(file.read_bytes())
    data[data.rindex((1_234_500).to_bytes(8, "little"))] ^= 1
    file.write_bytes(data)
    assert main(["journal", "orders", str(journal)]) == 0
    assert "torn tail" in capsys.readouterr().err


def test_who_reads_only_the_beginning_gets_it_without_a_complaint(journal):
    command = f"{Path(sys.executable).with_name('hft')} journal orders {journal} | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"for i in $(seq 3); do {command}; done"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.stdout.count("session"), done.stderr) == (3, "")


def test_a_name_is_the_one_that_the_id_had_then(run, tmp_path, capsys):
    recorder = recorder_of(run, tmp_path / "journal")
    run.name(5, "FIRST", 1)
    run.publish(10, instrument_id=5)
    recorder.do_pass()
    told(run, UpdateKind.FILLED, instrument_id=5, order_id=1, market_seq=10)
    begun = np.zeros(1, MARKET_EVENT)
    begun["kind"], begun["code"] = int(EventKind.SESSION), ord("+")
    run.market_writer.publish(begun)
    run.name(5, "SECOND", 12)
    run.publish(10, instrument_id=5)
    told(run, UpdateKind.FILLED, instrument_id=5, order_id=2, market_seq=20)
    told(run, UpdateKind.CANCELED, instrument_id=5, order_id=2)
    while recorder.do_pass():
        pass
    recorder.close()
    assert main(["journal", "orders", str(tmp_path / "journal")]) == 0
    names = [line.split()[3] for line in capsys.readouterr().out.splitlines()]
    assert names == ["FIRST", "SECOND", "SECOND"], "what nobody asked for comes after what was known last"


def test_no_journal_is_named(tmp_path, capsys):
    assert main(["journal", "orders", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
