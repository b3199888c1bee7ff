"""Genuine production packets of OUCH 5.0 in SoupBinTCP: feedd's codec against tshark's dissection."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import dpkt
import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "ouch50_packets"
NAMES = [
    "CancelOrderMessage", "CanceledMessage", "ClientHeartbeatPacket", "EnterOrderMessage",
    "OrderAcceptedMessage", "ServerHeartbeatPacket",
]  # fmt: skip
WHOLE = {
    "soupbintcppacket", "packetheader", "packetlength", "unsequenceddatapacket", "unsequencedmessagetype",
    "sequenceddatapacket", "sequencedmessagetype", "enterordermessage", "cancelordermessage",
    "canceledmessage", "orderacceptedmessage", "enterorderappendage", "orderacceptedappendage",
    "optionalfieldlength", "enterorderoptionalfield", "orderacceptedoptionalfield",
}  # fmt: skip
"""Of the dissection: framing and groups, whose parts are named besides."""

pytestmark = pytest.mark.capture


def payload(name: str) -> bytes:
    """The TCP payload of a capture's one packet, without Ethernet's padding."""
    path = DATA / f"{name}.pcap"
    if not path.exists():
        pytest.skip(
            "the real captures are absent: expected ../shared/data/ouch50_packets beside the repository"
        )
    with path.open("rb") as file:
        [(_, frame)] = list(dpkt.pcap.Reader(file))
    data = dpkt.ethernet.Ethernet(frame).data.data.data
    return data[: 2 + int.from_bytes(data[:2], "big")]


def dissected(name: str) -> list[tuple[str, str]]:
    fields = json.loads((DATA / "decoded" / f"{name}.pcap.jsonl").read_text())["fields"]
    return sorted((field, hexadecimal) for field, _, hexadecimal in fields if field not in WHOLE)


def read_by_feedd(build: Path, packet: bytes) -> list[tuple[str, str]]:
    done = subprocess.run([build / "tests" / "ouch50_fields"], input=packet, capture_output=True, check=True)
    return [tuple(line.split(" ")) for line in done.stdout.decode().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_where_the_dissector_sees_it(asan_build: Path, name: str) -> None:
    ours = {"encoded", "token", "quantity_decoded", "price_e4"}
    read = [(field, value) for field, value in read_by_feedd(asan_build, payload(name)) if field not in ours]
    assert sorted(read) == dissected(name)


def test_what_the_venue_says_is_read_as_it_was_meant(asan_build: Path) -> None:
    accepted = dict(read_by_feedd(asan_build, payload("OrderAcceptedMessage")))
    assert (accepted["token"], accepted["quantity_decoded"], accepted["price_e4"]) == (
        "7682701",
        "40",
        "4777800",
    )
    canceled = dict(read_by_feedd(asan_build, payload("CanceledMessage")))
    assert (canceled["token"], canceled["quantity_decoded"]) == ("7682701", "40")


def test_the_same_orders_are_encoded_to_the_same_bytes(asan_build: Path) -> None:
    cancel = payload("CancelOrderMessage")
    assert bytes.fromhex(dict(read_by_feedd(asan_build, cancel))["encoded"]) == cancel
    enter = payload("EnterOrderMessage")
    encoded = bytes.fromhex(dict(read_by_feedd(asan_build, enter))["encoded"])
    assert encoded[8:9] == b"S"  # the captured order is marked as a short sale, which feedd does not send
    assert encoded[:8] + b"T" + encoded[9:] == enter
