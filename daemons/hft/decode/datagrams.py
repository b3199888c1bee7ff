"""UDP payloads out of captured frames: Ethernet (with 802.1Q tags), Linux cooked and raw IP, IPv4 only."""

from __future__ import annotations

from collections import Counter
from typing import Any

import dpkt  # type: ignore[import-untyped]

from hft.decode.pcap import Frame

_ETHERNET, _RAW_OLD, _RAW, _LINUX_COOKED = 1, 12, 101, 113


class Datagrams:
    """Counts the frames that hold no whole datagram, by reason, in `skipped`."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()

    def payload(self, frame: Frame) -> bytes | None:
        """The frame's UDP payload; None (and counted) when it has none that is whole."""
        try:
            return _udp_payload(frame)
        except dpkt.UnpackError:
            self.skipped["damaged_headers"] += 1
        except _NoDatagram as reason:
            self.skipped[str(reason)] += 1
        return None


class _NoDatagram(Exception):
    """Its text is the reason."""


def _udp_payload(frame: Frame) -> bytes:
    network = _network_layer(frame)
    if not isinstance(network, dpkt.ip.IP):
        raise _NoDatagram("not_ipv4")
    if network.mf or network.offset:
        raise _NoDatagram("ip_fragment")
    datagram = network.data
    if not isinstance(datagram, dpkt.udp.UDP):
        raise _NoDatagram("not_udp")
    data = bytes(datagram.data)
    wanted = int(datagram.ulen) - 8
    if wanted < 0 or len(data) < wanted:
        raise _NoDatagram("cut_by_the_capture")
    return data[:wanted]


def _network_layer(frame: Frame) -> Any:
    if frame.link_type == _ETHERNET:
        return dpkt.ethernet.Ethernet(frame.data).data
    if frame.link_type == _LINUX_COOKED:
        return dpkt.sll.SLL(frame.data).data
    if frame.link_type in (_RAW_OLD, _RAW):
        return dpkt.ip.IP(frame.data)
    return None
