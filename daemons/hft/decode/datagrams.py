"""UDP payloads out of captured frames: Ethernet (with 802.1Q and 802.1ad tags), Linux cooked and raw IP, IPv4 only.

Written here because a capture has millions of frames, and because a cut frame must be told from a whole one.
"""

from __future__ import annotations

import struct
from collections import Counter

from hft.decode.pcap import Frame

_ETHERNET, _RAW_OLD, _RAW, _LINUX_COOKED = 1, 12, 101, 113
_TYPE_IPV4 = 0x0800
_TAG_TYPES = (0x8100, 0x88A8)
_PROTOCOL_UDP = 17
_MORE_FRAGMENTS_OR_OFFSET = 0x3FFF
_UDP_HEADER_BYTES = 8

_ETHER_TYPE = struct.Struct(">H")
_IPV4 = struct.Struct(">BxH2xHxB")  # version and header length, total length, fragment, protocol
_UDP_LENGTH = struct.Struct(">4xH2x")


class Datagrams:
    """Counts the frames that hold no whole datagram, by reason, in `skipped`."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()

    def payload(self, frame: Frame) -> bytes | None:
        """The frame's UDP payload; None (and counted) when it has none that is whole."""
        try:
            return _udp_payload(frame)
        except struct.error:  # the frame ends inside a header
            self.skipped["damaged_headers"] += 1
        except _NoDatagram as reason:
            self.skipped[str(reason)] += 1
        return None


class _NoDatagram(Exception):
    """Its text is the reason."""


def _udp_payload(frame: Frame) -> bytes:
    data = frame.data
    network = _network_offset(frame.link_type, data)
    version_and_words, total_bytes, fragment, protocol = _IPV4.unpack_from(data, network)
    if version_and_words >> 4 != 4:
        raise _NoDatagram("not_ipv4")
    if fragment & _MORE_FRAGMENTS_OR_OFFSET:
        raise _NoDatagram("ip_fragment")
    if protocol != _PROTOCOL_UDP:
        raise _NoDatagram("not_udp")
    header_bytes = (version_and_words & 0xF) * 4
    transport = network + header_bytes
    (udp_bytes,) = _UDP_LENGTH.unpack_from(data, transport)
    if header_bytes < 20 or udp_bytes < _UDP_HEADER_BYTES or header_bytes + udp_bytes > total_bytes:
        raise _NoDatagram("damaged_headers")
    if transport + udp_bytes > len(data):
        raise _NoDatagram("cut_by_the_capture")
    return data[transport + _UDP_HEADER_BYTES : transport + udp_bytes]


def _network_offset(link_type: int, data: bytes) -> int:
    """Where the IPv4 header starts."""
    if link_type in (_RAW_OLD, _RAW):
        return 0
    if link_type not in (_ETHERNET, _LINUX_COOKED):
        raise _NoDatagram("unknown_link_type")
    offset = 12 if link_type == _ETHERNET else 14
    (ether_type,) = _ETHER_TYPE.unpack_from(data, offset)
    while ether_type in _TAG_TYPES:
        offset += 4
        (ether_type,) = _ETHER_TYPE.unpack_from(data, offset)
    if ether_type != _TYPE_IPV4:
        raise _NoDatagram("not_ipv4")
    return offset + 2
