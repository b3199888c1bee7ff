"""The codec against real packets, against the tests' own encoder, and against damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dpkt
import pytest
from ouch_client import SIZES, cancel, decoded, enter, modify, replace

from paperd.orders import soup
from paperd.orders.ouch50 import INBOUND, OUTBOUND, OuchError, decode, encode

CAPTURES = Path(__file__).resolve().parents[4] / "shared" / "data" / "ouch50_packets"
FIELDS = {
    "userrefnum": "user_ref", "side": "side", "quantity": "quantity", "symbol": "symbol", "price": "price_e4",
    "timeinforce": "time_in_force", "display": "display", "capacity": "capacity", "timestamp": "timestamp_ns",
    "intermarketsweepeligibility": "iso", "crosstype": "cross", "clordid": "client_id",
    "orderreferencenumber": "order_reference", "orderstate": "state", "cancelorderreason": "reason",
}  # fmt: skip
"""tshark's names → ours."""
OPTIONS = {"firm": "firm", "bboweightindicator": "bbo_weight"}


def payload(path: Path) -> bytes:
    """The TCP payload of a capture's only packet."""
    with path.open("rb") as file:
        ((_, frame),) = list(dpkt.pcap.Reader(file))
    layer: Any = dpkt.ethernet.Ethernet(frame)
    while not isinstance(layer, dpkt.tcp.TCP):
        layer = layer.data
    return bytes(layer.data)


def same(value: int | str, hexadecimal: str) -> bool:
    raw = bytes.fromhex(hexadecimal)
    return value == (raw.decode("ascii").rstrip() if isinstance(value, str) else int.from_bytes(raw, "big"))


@pytest.mark.capture
@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("EnterOrderMessage", "O", 11), ("CancelOrderMessage", "X", 2), ("OrderAcceptedMessage", "A", 14),
        ("CanceledMessage", "C", 4), ("ClientHeartbeatPacket", "R", 0), ("ServerHeartbeatPacket", "H", 0),
    ],
)  # fmt: skip
def test_real_packets_decode_as_tshark_reads_them(name: str, kind: str, count: int) -> None:
    if not CAPTURES.exists():
        pytest.skip(f"the real captures are absent: expected {CAPTURES}")
    data = payload(CAPTURES / f"{name}.pcap")
    answer = json.loads((CAPTURES / "decoded" / f"{name}.pcap.jsonl").read_text())
    ((packet_kind, message_bytes),) = soup.Splitter().feed(data)
    assert soup.packet(packet_kind, message_bytes) == data
    if not count:
        assert (packet_kind.decode(), message_bytes) == (kind, b"")
        return
    layouts = INBOUND if packet_kind == soup.UNSEQUENCED else OUTBOUND
    message = decode(layouts, message_bytes)
    assert message["type"] == kind
    assert encode(layouts, message) == message_bytes
    compared = 0
    for field, _, hexadecimal in answer["fields"]:
        if field in FIELDS:
            assert same(message[FIELDS[field]], hexadecimal), field
            compared += 1
        elif field in OPTIONS:
            assert same(message["options"][OPTIONS[field]], hexadecimal), field
    assert compared == count
    assert len(message) == 1 + count + ("options" in message)


def test_inbound_messages_of_the_tests_encoder_decode_to_what_was_meant() -> None:
    message = decode(
        INBOUND, enter(9, "T", 225, "CVLT", 630_200, "3", "A", "R", "Y", "O", "ID 1", ((2, b"LIME"),))
    )
    assert message == {
        "type": "O", "user_ref": 9, "side": "T", "quantity": 225, "symbol": "CVLT", "price_e4": 630_200,
        "time_in_force": "3", "display": "A", "capacity": "R", "iso": "Y", "cross": "O", "client_id": "ID 1",
        "options": {"firm": "LIME"},
    }  # fmt: skip
    message = decode(INBOUND, replace(9, 10, 300, 630_300, "5", "N", "Y", "ID 2", ((12, b"P"),)))
    assert message == {
        "type": "U", "original_ref": 9, "user_ref": 10, "quantity": 300, "price_e4": 630_300, "time_in_force": "5",
        "display": "N", "iso": "Y", "client_id": "ID 2", "options": {"post_only": "P"},
    }  # fmt: skip
    assert decode(INBOUND, cancel(9, 70)) == {"type": "X", "user_ref": 9, "quantity": 70}
    assert decode(INBOUND, modify(9, "E", 70)) == {"type": "M", "user_ref": 9, "side": "E", "quantity": 70}
    assert decode(INBOUND, b"Q") == {"type": "Q"}


VALUES = {
    "timestamp_ns": 0x0102030405060708, "user_ref": 0x11121314, "original_ref": 0x21222324, "next_ref": 0x31323334,
    "quantity": 0x41424344, "prevented_quantity": 0x51525354, "price_e4": 0x6162636465666768, "side": "S",
    "symbol": "ABCDEFGH", "time_in_force": "0", "display": "Y", "order_reference": 0x7172737475767778,
    "match_number": 0x8182838485868788, "capacity": "P", "iso": "N", "cross": "C", "state": "L", "event_code": "S",
    "client_id": "ABCDEFGHIJKLMN", "liquidity": "R", "strategy": "O",
}  # fmt: skip
THEIR_NAMES = {
    "timestamp": "timestamp_ns", "price": "price_e4", "tif": "time_in_force", "reference": "order_reference",
    "match": "match_number", "prevented": "prevented_quantity",
}  # fmt: skip


@pytest.mark.parametrize("kind", SIZES)
def test_outbound_messages_read_the_same_in_the_tests_own_decoder(kind: str) -> None:
    values = VALUES | {"type": kind, "reason": 0x1F2E if kind == "J" else "Z", "options": {"bbo_weight": "S"}}
    data = encode(OUTBOUND, values)
    theirs = decoded(data)
    assert len(data) == SIZES[kind] + (3 if "tail" in theirs else 0)
    for name, value in theirs.items():
        if name not in ("appendage", "tail"):
            assert value == values[THEIR_NAMES.get(name, name)], name
    assert theirs.get("tail", b"\x02\x12S") == b"\x02\x12S"
    assert encode(OUTBOUND, decode(OUTBOUND, data)) == data


@pytest.mark.parametrize(
    ("options", "tail"),
    [
        ({"peg_offset_e4": -1}, "0507ffffffff"), ({"discretion_price_e4": 1}, "09090000000000000001"),
        ({"group_id": 258, "shares_located": "Y"}, "03180102021959"), ({"tag_99": "0a0b"}, "03630a0b"),
        ({"firm": "AB"}, "050241422020"),
    ],
)  # fmt: skip
def test_options_are_written_and_read_back(options: dict[str, Any], tail: str) -> None:
    data = encode(INBOUND, decode(INBOUND, enter(1)) | {"options": options})
    assert data[47:].hex() == tail
    assert decode(INBOUND, data)["options"] == options


@pytest.mark.parametrize(
    "data",
    [b"", b"Z", b"QQ", enter(1)[:46], enter(1) + b"\x00", enter(1)[:-2] + b"\x00\x01\x00",
     enter(1)[:-2] + b"\x00\x02\x09\x02", enter(1)[:-2] + b"\x00\x03\x02\x02A", enter(1)[:-2] + b"\xff\xff"],
)  # fmt: skip
def test_damage_is_refused(data: bytes) -> None:
    with pytest.raises(OuchError):
        decode(INBOUND, data)


@pytest.mark.parametrize(
    "change",
    [{"user_ref": 1 << 32}, {"symbol": "TOOLONGNAME"}, {"price_e4": -1}, {"side": 5}, {"quantity": "x"}],
)
def test_values_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(OuchError):
        encode(INBOUND, decode(INBOUND, enter(1)) | change)


# SoupBinTCP


def test_packets_are_split_wherever_the_stream_is_cut() -> None:
    data = soup.packet(b"S", b"abc") + soup.packet(b"H") + soup.packet(b"U", b"x" * 65_534)
    expected = [(b"S", b"abc"), (b"H", b""), (b"U", b"x" * 65_534)]
    for size in (1, 2, 3, 7, 100_000):
        splitter = soup.Splitter()
        got = [p for at in range(0, len(data), size) for p in splitter.feed(data[at : at + size])]
        assert got == expected, size


def test_a_length_of_zero_is_no_packet() -> None:
    with pytest.raises(soup.SoupError):
        soup.Splitter().feed(soup.packet(b"H") + b"\x00\x00\x00")


def test_login_requests_are_read() -> None:
    head = b"AB    " + b"secret    " + b"    SESS01" + b"%20d" % 17
    assert soup.parse_login(head) == soup.Login("AB", "secret", "SESS01", 17, None)
    assert soup.parse_login(head + b" 5000").heartbeat_timeout_ms == 5_000


@pytest.mark.parametrize(
    "payload_bytes", [b"", b"x" * 46, b" " * 46, b" " * 47, b" " * 26 + b"%20d" % -1, b"\xff" * 46]
)
def test_what_is_no_login_request_is_refused(payload_bytes: bytes) -> None:
    with pytest.raises(soup.SoupError):
        soup.parse_login(payload_bytes)
