"""The real pre-market capture against the answers of other people's decoders and book engines."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from hft.layout.dtypes import MARKET_EVENT, BookValidity, EventKind

pytestmark = pytest.mark.capture

MIDNIGHT = 1_577_682_000_000_000_000  # 2019-12-30 00:00 in New York

# meatpy's field names → paperd.itch50's, for what MarketEvent carries.
MEATPY_NAMES = {
    "S": {"code": "event_code"},
    "R": {"lotsize": "round_lot_shares", "category": "market_category"},
    "H": {"state": "trading_state"},
    "Y": {"action": "reg_sho_action"},
    "L": {"mpid": "mpid", "state": "participant_state"},
    "A": {"orderRefNum": "order_reference", "bsindicator": "side", "price": "price_e4"},
    "F": {"orderRefNum": "order_reference", "bsindicator": "side", "price": "price_e4"},
    "E": {
        "orderRefNum": "order_reference",
        "executedShares": "executed_shares",
        "matchNumber": "match_number",
    },
    "X": {"orderRefNum": "order_reference", "canceledShares": "cancelled_shares"},
    "D": {"orderRefNum": "order_reference"},
    "U": {
        "originalOrderRefNum": "order_reference",
        "newOrderRefNum": "new_order_reference",
        "price": "price_e4",
    },
    "P": {
        "orderRefNum": "order_reference",
        "bsindicator": "side",
        "price": "price_e4",
        "matchNumber": "match_number",
    },
}


def rows(path: Path) -> list[dict[str, str]]:
    bytes_ = path.read_bytes()
    text = (gzip.decompress(bytes_) if path.suffix == ".gz" else bytes_).decode()
    return list(csv.DictReader(text.splitlines()))


def test_every_message_is_counted_by_type(
    real_day: Path, data: Callable[[str], Path], command: Callable[..., int], tmp_path: Path
) -> None:
    assert command(real_day, "--counts", tmp_path / "counts.json") == 0
    expected = json.loads(data("itch50/counts.json").read_text())
    counts = json.loads((tmp_path / "counts.json").read_text())
    assert counts["messages"] == expected["messages"]
    assert counts["by_type"] == expected["by_type"]
    assert set(counts["malformed"].values()) == {0}


def test_every_change_of_a_top_equals_the_independent_book(
    real_day: Path, data: Callable[[str], Path], command: Callable[..., int], tmp_path: Path
) -> None:
    assert command(real_day, "--tops", tmp_path / "tops.csv") == 0
    symbols = {row["locate"]: row["symbol"] for row in rows(data("itch50/final_bbo_itchbook.csv"))}
    expected = [
        (
            int(row["seq"]) - 1,
            int(row["ts_event_ns_utc"]),
            symbols[row["locate"]],
            *(Decimal(row[f"{side}_px_1e4"]) / 10_000 if part == "px" else int(row[f"{side}_{part}"])
              for side in ("bid", "ask") for part in ("px", "sz", "ct")),
        )
        for row in rows(data("itch50/bbo_itchbook.csv.gz"))
    ]  # fmt: skip
    tops = [
        (
            int(row["message_number"]),
            int(row["exchange_ts_ns"]),
            row["symbol"],
            *(Decimal(row[f"{side}_price"]) if part == "price" else int(row[f"{side}_{part}"])
              for side in ("bid", "ask") for part in ("price", "size", "orders")),
        )
        for row in rows(tmp_path / "tops.csv")
    ]  # fmt: skip
    assert len(expected) == 4962
    assert tops == expected


def test_every_event_carries_the_fields_of_its_message(
    real_decoded: Any, data: Callable[[str], Path], expectations: Any, kinds: dict[str, str]
) -> None:
    expected = np.zeros(len(real_decoded.events), MARKET_EVENT)
    with gzip.open(data("itch50/decode_all_meatpy.jsonl.gz"), "rt") as lines:
        for number, line in enumerate(lines):
            theirs = json.loads(line)
            kind = theirs["type"]
            names = MEATPY_NAMES[kind]
            message = {names.get(name, name): value for name, value in theirs.items()}
            event = expected[number]
            event["message_type"] = ord(kind)
            event["kind"] = EventKind[kinds[kind]]
            event["instrument_id"] = theirs["stock_locate"]
            event["exchange_ts_ns"] = MIDNIGHT + theirs["timestamp"]
            event["feed_sequence"] = number + 1
            for slot, value in expectations.slots(kind, message).items():
                event[slot] = value
    assert number + 1 == len(real_decoded.events)
    for slot in (
        "message_type", "kind", "side", "instrument_id", "exchange_ts_ns", "feed_sequence", "price", "quantity",
        "order_reference", "replaced_order_reference", "match_number", "code",
    ):  # fmt: skip
        assert np.array_equal(real_decoded.events[slot], expected[slot]), slot


def test_the_final_depth_of_every_book_is_on_the_board(
    real_decoded: Any, data: Callable[[str], Path]
) -> None:
    with gzip.open(data("itch50/final_depth10_itchbook.json.gz"), "rt") as file:
        expected = json.load(file)
    board = {int(entry["instrument_id"]): entry for entry in real_decoded.decoder.board()}
    assert len(expected) == 664
    for locate, depth in expected.items():
        entry = board[int(locate)]
        assert bytes(entry["symbol"]).rstrip(b"\0").decode() == depth["symbol"]
        for side in ("bid", "ask"):
            for level in range(10):
                shown = entry[f"{side}s"][level]
                assert (shown["price"], shown["quantity"], shown["orders"]) == tuple(
                    depth[f"{side}_{part}_{level:02d}"] for part in ("px", "sz", "ct")
                ), (locate, side, level)
    empty = [entry for locate, entry in board.items() if str(locate) not in expected]
    assert not any(entry["bid_levels"] or entry["ask_levels"] for entry in empty)


def test_the_final_tops_equal_two_book_engines(real_decoded: Any, data: Callable[[str], Path]) -> None:
    board = {int(entry["instrument_id"]): entry for entry in real_decoded.decoder.board()}
    for row in rows(data("itch50/final_bbo_itchbook.csv")):
        entry = board[int(row["locate"])]
        for side in ("bid", "ask"):
            best = entry[f"{side}s"][0]
            assert [best["price"], best["quantity"], best["orders"]] == [
                int(row[f"{side}_{part}"]) for part in ("px_1e4", "sz", "ct")
            ], row["symbol"]


def test_every_trade_equals_the_independent_list(real_decoded: Any, data: Callable[[str], Path]) -> None:
    events = real_decoded.events
    traded = np.isin(events["kind"], [EventKind.EXECUTE, EventKind.EXECUTE_PRICED, EventKind.TRADE])
    ours = [
        (int(e["exchange_ts_ns"]), int(e["feed_sequence"]), int(e["instrument_id"]), chr(e["message_type"]),
         int(e["price"]), int(e["quantity"]), int(e["order_reference"]), int(e["match_number"]))
        for e in events[traded]
    ]  # fmt: skip
    theirs = [
        (int(r["ts_event"]), int(r["seq"]), int(r["locate"]), r["kind"], int(r["price"]), int(r["size"]),
         int(r["order_id"]), int(r["match_number"]))
        for r in rows(data("itch50/trades_itchbook.csv.gz"))
    ]  # fmt: skip
    assert ours == theirs


def test_a_whole_session_leaves_only_valid_books(real_decoded: Any) -> None:
    of_instruments = real_decoded.events[real_decoded.events["instrument_id"] != 0]
    assert set(of_instruments["validity"].tolist()) == {BookValidity.VALID}
    assert not any(real_decoded.decoder.book_problems().values())


def test_events_come_out_the_same_as_csv_and_parquet(
    real_day: Path, real_decoded: Any, command: Callable[..., int], tmp_path: Path
) -> None:
    assert command(real_day, "--events", tmp_path / "events.parquet") == 0
    assert command(real_day, "--events", tmp_path / "events.csv") == 0
    table = pyarrow.parquet.read_table(tmp_path / "events.parquet")
    assert np.array_equal(table["price"].to_numpy(), real_decoded.events["price"])
    assert np.array_equal(table["message_number"].to_numpy(), real_decoded.message_numbers)
    columns = table.to_pydict()
    with (tmp_path / "events.csv").open() as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % 97 == 0:
                assert row == {name: str(values[number]) for name, values in columns.items()}
    assert number + 1 == table.num_rows
