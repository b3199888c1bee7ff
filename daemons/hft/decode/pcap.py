"""Records of packet captures: classic pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).

Written here because exact nanoseconds matter: dpkt's pcapng reader computes stamps in floating point.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hft.decode.capture_file import CaptureFile

_SECOND_NS = 1_000_000_000
_RECORD_BYTES_MAX = 16 << 20  # a longer record means that the lengths are not lengths any more

_CLASSIC = {  # magic: (byte order, nanoseconds a unit of the fraction)
    b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1),
}  # fmt: skip
_SECTION = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _SIMPLE_PACKET, _ENHANCED_PACKET = 1, 3, 6
_OPTION_RESOLUTION, _OPTION_OFFSET = 9, 14


class BrokenCapture(Exception):
    """The capture can not be read on from here; everything before was delivered."""


@dataclass(frozen=True)
class Frame:
    """`capture_ts_ns` UTC nanoseconds since the epoch, `link_type` LINKTYPE_*, `data` what was captured."""

    capture_ts_ns: int
    link_type: int
    data: bytes


def is_packet_capture(magic: bytes) -> bool:
    return magic[:4] in _CLASSIC or magic[:4] == _SECTION


def frames(file: CaptureFile) -> Iterator[Frame]:
    """All frames from the start of the file. Raises BrokenCapture where it is cut or damaged."""
    if file.peek(4) == _SECTION:
        yield from _pcapng_frames(file)
    else:
        yield from _classic_frames(file)


def _exactly(file: CaptureFile, count: int, what: str) -> bytes:
    if count > _RECORD_BYTES_MAX:
        raise BrokenCapture(f"{what} claims {count} bytes")
    data = file.read(count)
    if len(data) != count:
        raise BrokenCapture(f"{what} is cut off")
    return data


def _classic_frames(file: CaptureFile) -> Iterator[Frame]:
    order, unit_ns = _CLASSIC[file.peek(4)]
    link_type = struct.unpack(order + "20xI", _exactly(file, 24, "the file header"))[0] & 0xFFFF
    record = struct.Struct(order + "IIII")
    while header := file.read(record.size):
        if len(header) != record.size:
            raise BrokenCapture("a record header is cut off")
        seconds, fraction, captured, _ = record.unpack(header)
        data = _exactly(file, captured, "a packet")
        yield Frame(seconds * _SECOND_NS + fraction * unit_ns, link_type, data)


@dataclass(frozen=True)
class _Interface:
    link_type: int
    units_a_second: int
    offset_s: int

    def stamp_ns(self, high: int, low: int) -> int:
        return self.offset_s * _SECOND_NS + ((high << 32) | low) * _SECOND_NS // self.units_a_second


def _pcapng_frames(file: CaptureFile) -> Iterator[Frame]:
    order = "<"
    interfaces: list[_Interface] = []
    while head := file.read(8):
        if len(head) != 8:
            raise BrokenCapture("a block header is cut off")
        if head[:4] == _SECTION:
            found = _BYTE_ORDER.get(file.peek(4))
            if found is None:
                raise BrokenCapture("a section without a byte order mark")
            order, interfaces = found, []
        kind, length = struct.unpack(order + "II", head)
        if length < 12:
            raise BrokenCapture(f"a block claims {length} bytes")
        body = _exactly(file, length - 8, "a block")[:-4]
        try:
            if kind == _INTERFACE:
                interfaces.append(_interface(order, body))
            elif kind == _ENHANCED_PACKET:
                index, high, low, captured, _ = struct.unpack_from(order + "IIIII", body)
                interface = interfaces[index]
                yield Frame(interface.stamp_ns(high, low), interface.link_type, body[20 : 20 + captured])
            elif kind == _SIMPLE_PACKET:
                yield Frame(0, interfaces[0].link_type, body[4:])
        except (struct.error, IndexError) as error:
            raise BrokenCapture(f"a block of kind {kind} is damaged ({error})") from error


def _interface(order: str, body: bytes) -> _Interface:
    link_type = struct.unpack_from(order + "H", body)[0]
    units_a_second, offset_s = 1_000_000, 0
    position = 8
    while position + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, position)
        value = body[position + 4 : position + 4 + length]
        if code == 0:
            break
        if code == _OPTION_RESOLUTION and value:
            base = 2 if value[0] & 0x80 else 10
            units_a_second = int(base ** (value[0] & 0x7F))
        elif code == _OPTION_OFFSET:
            offset_s = struct.unpack(order + "q", value)[0]
        position += 4 + (length + 3) // 4 * 4
    return _Interface(link_type, units_a_second, offset_s)
