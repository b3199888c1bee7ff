"""Message types that no capture here holds: encoded by paperd (judged there by meatpy and itchfeed)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hft.decode.dates import date_from_name
from hft.layout.dtypes import MARKET_EVENT, EventKind
from paperd.capture import index_messages
from paperd.day import DayConfig, generate_day
from paperd.itch50 import LAYOUTS, encode, frame
from paperd.itch50 import decode as decode_message

MIDNIGHT = 1_577_682_000_000_000_000
NAMED = ("symbol", "bid_price", "ask_price")


def distinct_values(kind: str) -> dict[str, Any]:
    """A message whose every field has a value of its own, so that a swapped pair shows."""
    values: dict[str, Any] = {"stock_locate": 7}
    for number, field in enumerate(LAYOUTS[kind].fields):
        if field.name in values:
            continue
        if field.name == "side":
            values[field.name] = "S"
        elif field.is_text:
            values[field.name] = chr(ord("A") + number) * field.width
        else:
            values[field.name] = int.from_bytes(bytes(range(number + 1, number + 1 + field.width)), "big")
    return values


@pytest.mark.parametrize("kind", sorted(LAYOUTS))
def test_every_type_fills_exactly_its_slots(
    kind: str, decode: Any, expectations: Any, kinds: dict[str, str], tmp_path: Path
) -> None:
    values = distinct_values(kind)
    path = tmp_path / "one.20191230"
    path.write_bytes(frame(encode(kind, **values)))
    (event,) = decode(path).events
    slots = expectations.slots(kind, values)
    expected = {
        "kind": int(EventKind[kinds[kind]]),
        "message_type": ord(kind),
        "instrument_id": 7,
        "exchange_ts_ns": MIDNIGHT + values["timestamp_ns"],
        "sequence": 1,
        "feed_sequence": 1,
    } | slots
    of_book = {"flags", "trade_state", "validity"} | {
        n for n in MARKET_EVENT.names or () if n[:4] in ("bid_", "ask_")
    }
    for slot in set(MARKET_EVENT.names or ()) - of_book:
        assert event[slot] == expected.get(slot, 0), slot


def test_a_generated_day_decodes_to_its_own_fields(
    decode: Any, expectations: Any, kinds: dict[str, str], tmp_path: Path
) -> None:
    day = index_messages(generate_day(DayConfig(seed=11, instruments=20, messages=20_000)))
    path = tmp_path / "day.20191230.itch50"
    path.write_bytes(day.data.tobytes())
    decoded = decode(path)
    assert decoded.decoder.counts()["by_type"] == day.counts()
    assert set(day.counts()) == set(LAYOUTS), "the generator makes every type"
    expected = np.zeros(len(day), MARKET_EVENT)
    for number in range(len(day)):
        message = decode_message(day.message(number))
        kind = str(message["type"])
        expected[number]["kind"] = EventKind[kinds[kind]]
        expected[number]["instrument_id"] = message["stock_locate"]
        expected[number]["exchange_ts_ns"] = MIDNIGHT + int(message["timestamp_ns"])
        for slot, value in expectations.slots(kind, message).items():
            expected[number][slot] = value
    for slot in ("kind", "side", "instrument_id", "exchange_ts_ns", "price", "quantity", "order_reference",
                 "replaced_order_reference", "match_number", "code"):  # fmt: skip
        assert np.array_equal(decoded.events[slot], expected[slot]), slot
    assert not any(decoded.decoder.book_problems().values())


def test_a_capture_may_be_fed_in_chunks_that_end_anywhere(
    decode: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    path = tmp_path / "day.20191230.itch50"
    path.write_bytes(generate_day(DayConfig(seed=3, instruments=5, messages=2_000)).tobytes())
    whole = decode(path)
    assert date_from_name(path) == "2019-12-30"
    for read_bytes in (1, 7, 64):
        monkeypatch.setattr("hft.decode.capture_file._READ_BYTES", read_bytes)
        assert decode(path).events.tobytes() == whole.events.tobytes()
