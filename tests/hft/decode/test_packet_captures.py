"""Genuine production packets against tshark's dissection, and packet files made here."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dpkt
import numpy as np
import pytest

from hft.layout.dtypes import EventKind
from paperd.itch50 import decode as decode_message
from paperd.itch50 import encode

NAMES = [
    "AddOrderNoMpidAttributionMessage", "MarketParticipantPositionMessage", "Multiple.Packets",
    "NetOrderImbalanceIndicatorMessage", "OrderDeleteMessage", "OrderExecutedMessage", "OrderReplaceMessage",
    "StockTradingActionMessage",
]  # fmt: skip
MIDNIGHT_20230822 = 1_692_676_800_000_000_000


def dissected(path: Path) -> list[tuple[int, bytes]]:
    """(sequence, message) of every message that tshark saw."""
    found = []
    for line in path.read_text().splitlines():
        sequence = 0
        for field, _, hexadecimal in json.loads(line)["fields"]:
            if field == "sequencenumber":
                sequence = int(hexadecimal, 16)
            elif field == "message":
                found.append((sequence, bytes.fromhex(hexadecimal)[2:]))
                sequence += 1
    return found


@pytest.mark.capture
@pytest.mark.parametrize("name", NAMES)
def test_real_packets_decode_as_tshark_reads_them(
    name: str, data: Callable[[str], Path], decode: Any, expectations: Any, kinds: dict[str, str]
) -> None:
    expected = dissected(data(f"itch50_packets/decoded/{name}.pcap.jsonl"))
    decoded = decode(data(f"itch50_packets/{name}.pcap"))
    events = decoded.events[decoded.events["message_type"] != 0]
    assert len(events) == len(expected)
    for event, (sequence, bytes_) in zip(events, expected, strict=True):
        message = decode_message(bytes_)
        kind = str(message["type"])
        assert event["feed_sequence"] == sequence
        assert event["instrument_id"] == message["stock_locate"]
        assert event["exchange_ts_ns"] == MIDNIGHT_20230822 + int(message["timestamp_ns"])
        assert EventKind(event["kind"]).name == kinds[kind]
        slots = expectations.slots(kind, message)
        for slot in (
            "side",
            "price",
            "quantity",
            "order_reference",
            "replaced_order_reference",
            "match_number",
        ):
            assert event[slot] == slots.get(slot, 0), (kind, slot)


@pytest.mark.capture
def test_the_capture_stamp_is_the_receive_time_to_the_nanosecond(
    data: Callable[[str], Path], decode: Any
) -> None:
    decoded = decode(data("itch50_packets/OrderDeleteMessage.pcap"))
    line = json.loads(data("itch50_packets/decoded/OrderDeleteMessage.pcap.jsonl").read_text())
    seconds, fraction = line["cap_ts"].split(".")
    assert decoded.events[-1]["receive_ts_ns"] == int(seconds) * 10**9 + int(fraction)


@pytest.mark.capture
def test_packets_that_the_capture_lacks_become_one_gap(data: Callable[[str], Path], decode: Any) -> None:
    path = data("itch50_packets/Multiple.Packets.pcap")
    first, second = (json.loads(line) for line in
                     path.with_name("decoded").joinpath(path.name + ".jsonl").read_text().splitlines())  # fmt: skip
    gaps = decode(path).events
    gaps = gaps[gaps["kind"] == EventKind.GAP]
    sequences = [int({f[0]: f[2] for f in line["fields"]}["sequencenumber"], 16) for line in (first, second)]
    assert gaps["order_reference"].tolist() == [sequences[0] + 1]
    assert gaps["quantity"].tolist() == [sequences[1] - sequences[0] - 1]


def mold(sequence: int, *messages: bytes) -> bytes:
    blocks = b"".join(struct.pack(">H", len(message)) + message for message in messages)
    return struct.pack(">10sQH", b"TESTDAY001", sequence, len(messages)) + blocks


def system_event(code: str, nanosecond: int = 0) -> bytes:
    return encode("S", stock_locate=0, tracking_number=0, timestamp_ns=nanosecond, event_code=code)


def ethernet(payload: bytes) -> bytes:
    udp = dpkt.udp.UDP(sport=1, dport=26477, data=payload)
    udp.ulen = len(udp)
    ip = dpkt.ip.IP(src=b"\x0a\0\0\1", dst=b"\xe9\x36\x0c\x6f", p=dpkt.ip.IP_PROTO_UDP, data=udp)
    ip.len = len(ip)
    return bytes(dpkt.ethernet.Ethernet(data=ip, type=dpkt.ethernet.ETH_TYPE_IP))


STAMP_NS = 1_692_711_000_123_456_789


def pcap(frames: list[bytes]) -> bytes:
    made = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    for frame in frames:
        made += struct.pack("<IIII", *divmod(STAMP_NS, 10**9), len(frame), len(frame)) + frame
    return made


def pcapng(frames: list[bytes], order: str = "<") -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += b"\0" * (-len(body) % 4)
        return (
            struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)
        )

    nanoseconds = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
    made = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    made += block(1, struct.pack(order + "HHI", 1, 0, 0) + nanoseconds)
    for frame in frames:
        lengths = (len(frame), len(frame))
        made += block(
            6, struct.pack(order + "IIIII", 0, STAMP_NS >> 32, STAMP_NS & 0xFFFFFFFF, *lengths) + frame
        )
    return made


FRAMES = [ethernet(mold(1, system_event("O"))), ethernet(mold(2, system_event("Q"), system_event("M")))]


def test_every_link_layer_leads_to_the_same_datagram(decode: Any, tmp_path: Path) -> None:
    plain = FRAMES[0]
    tag = b"\x81\x00\x00\x05"
    framed = {
        1: [plain, plain[:12] + tag + plain[12:], plain[:12] + b"\x88\xa8\x00\x07" + tag + plain[12:]],
        101: [plain[14:]],
        113: [b"\0" * 14 + plain[12:]],
    }
    for link_type, frames in framed.items():
        for frame in frames:
            path = tmp_path / "link.pcap"
            file = bytearray(pcap([frame]))
            file[20] = link_type
            path.write_bytes(bytes(file))
            assert decode(path).decoder.counts()["by_type"] == {"S": 1}, link_type


@pytest.mark.parametrize(
    "bytes_",
    [pcap(FRAMES), pcapng(FRAMES), pcapng(FRAMES, ">"), gzip.compress(pcap(FRAMES))],
    ids=["pcap", "pcapng little-endian", "pcapng big-endian", "pcap.gz"],
)
def test_a_packet_file_is_known_by_its_first_bytes(bytes_: bytes, decode: Any, tmp_path: Path) -> None:
    path = tmp_path / "named_wrongly.itch50"
    path.write_bytes(bytes_)
    decoded = decode(path)
    messages = decoded.events[decoded.events["message_type"] != 0]
    assert bytes(messages["code"]) == b"OQM"
    assert decoded.message_numbers[decoded.events["message_type"] != 0].tolist() == [0, 1, 2]
    assert set(messages["receive_ts_ns"].tolist()) == {STAMP_NS}
    assert decoded.decoder.date == "2023-08-22"
    assert decoded.decoder.problems == []


def test_packets_seen_on_both_lines_are_decoded_once(decode: Any, tmp_path: Path) -> None:
    path = tmp_path / "lines.pcap"
    path.write_bytes(pcap([FRAMES[0], FRAMES[0], FRAMES[1], FRAMES[1]]))
    decoded = decode(path)
    assert decoded.decoder.counts()["messages"] == 3
    assert decoded.decoder.counts()["packets"]["duplicate_messages"] == 3


def test_frames_without_a_whole_datagram_are_counted(decode: Any, tmp_path: Path) -> None:
    fragment = bytearray(FRAMES[0])
    fragment[20] |= 0x20
    short = bytearray(FRAMES[0])
    short[14] = 0x44
    tcp = bytearray(FRAMES[0])
    tcp[23] = 6
    arp = bytes(dpkt.ethernet.Ethernet(data=dpkt.arp.ARP(), type=dpkt.ethernet.ETH_TYPE_ARP))
    path = tmp_path / "mixed.pcap"
    path.write_bytes(
        pcap([arp, FRAMES[0], b"\0" * 3, FRAMES[1][:-5], bytes(fragment), bytes(short), bytes(tcp)])
    )
    decoded = decode(path)
    skipped = decoded.decoder.counts()["packets"]["skipped_frames"]
    assert skipped == {
        "not_ipv4": 1, "damaged_headers": 2, "cut_by_the_capture": 1, "ip_fragment": 1, "not_udp": 1,
    }  # fmt: skip
    assert decoded.decoder.counts()["messages"] == 1


@pytest.mark.parametrize("make", [pcap, pcapng], ids=["pcap", "pcapng"])
def test_a_cut_packet_file_gives_everything_before_the_cut(
    make: Callable[[list[bytes]], bytes], decode: Any, tmp_path: Path
) -> None:
    whole = make(FRAMES)
    for cut in range(len(make(FRAMES[:1])) + 1, len(whole)):
        path = tmp_path / "cut.pcap"
        path.write_bytes(whole[:cut])
        decoded = decode(path, "2023-08-22")
        assert decoded.decoder.counts()["messages"] == 1
        assert len(decoded.decoder.problems) == 1, cut


def test_a_malformed_packet_is_named_by_its_number(decode: Any, tmp_path: Path) -> None:
    path = tmp_path / "broken.pcap"
    path.write_bytes(pcap([FRAMES[0], ethernet(mold(2, system_event("Q"))[:-1]), FRAMES[1]]))
    decoded = decode(path)
    assert decoded.decoder.problems == ["malformed input, the first in packet 1: block_cut"]
    assert bytes(decoded.events["code"][decoded.events["message_type"] != 0]) == b"OQM"
    assert np.count_nonzero(decoded.events["kind"] == EventKind.GAP) == 0
