"""The layouts, judged by two decoders that are not ours."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import pytest
from itch.parser import MessageParser
from meatpy.itch50.itch50_market_message import ITCH50MarketMessage

from paperd.capture import Capture, load_capture
from paperd.itch50 import LAYOUTS, Field, decode, encode, frame, framed_table

SIZES = {
    "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "A": 36, "F": 40,
    "E": 31, "C": 36, "X": 23, "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20, "O": 48,
}  # fmt: skip

# Our field name → theirs, where itchfeed differs. Per type only where a name means different things.
ITCHFEED = {
    "timestamp_ns": "timestamp", "financial_status": "financial_status_indicator",
    "round_lot_shares": "round_lot_size", "short_sale_threshold": "short_sale_threshold_indicator",
    "luld_tier": "luld_ref", "inverse": "inverse_indicator", "participant_state": "market_participant_state",
    "level_1_e8": "level1_price", "level_2_e8": "level2_price", "level_3_e8": "level3_price",
    "release_time_s": "ipo_release_time", "release_qualifier": "ipo_release_qualifier",
    "ipo_price_e4": "ipo_price", "upper_price_e4": "upper_auction_collar_price",
    "lower_price_e4": "lower_auction_collar_price", "extension": "auction_collar_extention",
    "halt_action": "operational_halt_action", "order_reference": "order_reference_number",
    "new_order_reference": "new_order_reference_number", "side": "buy_sell_indicator", "price_e4": "price",
    "execution_price_e4": "execution_price", "cross_shares": "shares", "cross_price_e4": "cross_price",
    "far_price_e4": "far_price", "near_price_e4": "near_price", "price_variation": "variation_indicator",
    "open_eligibility": "open_eligibility_status", "minimum_price_e4": "minimum_allowable_price",
    "maximum_price_e4": "maximum_allowable_price", "near_execution_time_ns": "near_execution_time",
    "lower_collar_e4": "lower_price_range_collar", "upper_collar_e4": "upper_price_range_collar",
    "J.reference_price_e4": "auction_collar_reference_price",
    "I.reference_price_e4": "current_reference_price", "O.near_price_e4": "near_execution_price",
}  # fmt: skip
MEATPY = {
    "timestamp_ns": "timestamp", "event_code": "code", "market_category": "category",
    "financial_status": "status", "round_lot_shares": "lotsize", "round_lots_only": "lotsonly",
    "issue_classification": "issue_class", "issue_sub_type": "issue_sub",
    "short_sale_threshold": "shortsale_thresh", "luld_tier": "luld_ref",
    "etp_leverage_factor": "etp_leverage", "inverse": "inverse_ind", "trading_state": "state",
    "reg_sho_action": "action", "participant_state": "state", "level_1_e8": "level1",
    "level_2_e8": "level2", "level_3_e8": "level3", "release_time_s": "ipo_quotation_release_time",
    "release_qualifier": "ipo_quotation_release_qualifier", "ipo_price_e4": "ipo_price",
    "upper_price_e4": "upper_auction_collar_price", "lower_price_e4": "lower_auction_collar_price",
    "extension": "auction_collar_extension", "market_code": "halt_status", "halt_action": "halt_reason",
    "order_reference": "order_ref", "U.order_reference": "original_ref", "new_order_reference": "new_ref",
    "side": "bsindicator", "price_e4": "price", "executed_shares": "shares", "match_number": "match",
    "execution_price_e4": "execution_price", "cancelled_shares": "canceled_shares",
    "cross_shares": "shares", "cross_price_e4": "cross_price", "far_price_e4": "far_price",
    "near_price_e4": "near_price", "I.reference_price_e4": "current_ref_price",
    "J.reference_price_e4": "auction_collar_ref_price", "price_variation": "price_variation_indicator",
    "interest_flag": "interest",
}  # fmt: skip


def distinct_value(field: Field, position: int) -> int | str:
    """A value that fills its field and occurs in no other field."""
    if field.is_text:
        return "".join(chr(ord("A") + (position + k) % 26) for k in range(field.width))
    return int.from_bytes(bytes(0x11 + position + k for k in range(field.width)), "big")


def sample(kind: str) -> dict[str, int | str]:
    return {field.name: distinct_value(field, k) for k, field in enumerate(LAYOUTS[kind].fields)}


def seen_by(other: object, kind: str, names: Mapping[str, str]) -> dict[str, int | str]:
    """The other decoder's values under our names."""
    seen: dict[str, int | str] = {}
    for field in LAYOUTS[kind].fields:
        theirs = names.get(f"{kind}.{field.name}", names.get(field.name, field.name))
        value = getattr(other, theirs)
        seen[field.name] = value.decode("latin-1") if isinstance(value, bytes) else value
    return seen


def test_all_23_types_have_the_size_of_the_specification() -> None:
    assert {kind: layout.size for kind, layout in LAYOUTS.items()} == SIZES


@pytest.mark.parametrize("kind", LAYOUTS)
def test_itchfeed_reads_every_field_as_encoded(kind: str) -> None:
    message = MessageParser().get_message_type(encode(kind, **sample(kind)))
    assert seen_by(message, kind, ITCHFEED) == sample(kind)


@pytest.mark.parametrize("kind", [kind for kind in LAYOUTS if kind != "O"])
def test_meatpy_reads_every_field_as_encoded(kind: str) -> None:
    message = ITCH50MarketMessage.from_bytes(encode(kind, **sample(kind)))
    assert seen_by(message, kind, MEATPY) == sample(kind)


def test_meatpy_is_known_to_expect_52_bytes_of_a_direct_listing() -> None:
    with pytest.raises(struct.error, match="51 bytes"):
        ITCH50MarketMessage.from_bytes(encode("O", **sample("O")))


def test_every_generated_message_reads_the_same_in_both_decoders(small_day: Capture) -> None:
    parser = MessageParser()
    for number in range(len(small_day)):
        raw = small_day.message(number)
        ours = decode(raw)
        kind = str(ours.pop("type"))
        assert seen_by(parser.get_message_type(raw), kind, ITCHFEED) == ours
        if kind != "O":
            assert seen_by(ITCH50MarketMessage.from_bytes(raw), kind, MEATPY) == ours


def test_real_messages_are_encoded_back_to_their_bytes(real_capture_path: Path) -> None:
    capture = load_capture(real_capture_path)
    for number in range(240_000, len(capture)):
        raw = capture.message(number)
        values = decode(raw)
        assert encode(str(values.pop("type")), **values) == raw


def test_an_add_order_is_these_bytes() -> None:
    golden = bytes.fromhex(
        "41 0102 0304 050607080900 1112131415161718 42 00000064 5041414120202020 000186a0".replace(" ", "")
    )
    encoded = encode(
        "A", stock_locate=0x0102, tracking_number=0x0304, timestamp_ns=0x050607080900,
        order_reference=0x1112131415161718, side="B", shares=100, stock="PAAA", price_e4=100_000,
    )  # fmt: skip
    assert encoded == golden


@pytest.mark.parametrize("kind", LAYOUTS)
def test_the_numpy_row_of_a_type_is_the_framed_message(kind: str) -> None:
    table = framed_table(kind, 1)
    for name, value in sample(kind).items():
        if name == "timestamp_ns":
            table["timestamp_ns_high"], table["timestamp_ns_low"] = int(value) >> 32, int(value) & 0xFFFFFFFF
        else:
            table[name] = value.encode() if isinstance(value, str) else value
    assert table.tobytes() == frame(encode(kind, **sample(kind)))


def test_a_missing_field_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="event_code is missing"):
        encode("S", stock_locate=0, tracking_number=0, timestamp_ns=0)


def test_a_number_too_wide_for_its_field_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"D\.order_reference"):
        encode("D", stock_locate=1, tracking_number=0, timestamp_ns=0, order_reference=1 << 64)


def test_a_text_too_long_for_its_field_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"S\.event_code"):
        encode("S", stock_locate=0, tracking_number=0, timestamp_ns=0, event_code="OO")


def test_a_message_of_the_wrong_length_is_not_decoded() -> None:
    with pytest.raises(ValueError, match="19 bytes, got 18"):
        decode(b"D" + bytes(17))
