"""One feed line: a UDP socket that works off its plan, and says where it stands when it is idle."""

import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from paperd.faults import LOST, SENT, LinePlan, PacketDice
from paperd.mold import HEADER
from paperd.pacing import PacketPlan

Address = tuple[str, int]
SEND_BUFFER_BYTES = 4 << 20
WINDOW_ENTRIES = 512
FATE_NAMES = ("in_order", "duplicated", "reordered", "dropped", "silenced")


@dataclass(frozen=True)
class Destination:
    """Where a line sends: unicast or multicast; interface (its IPv4 address) and TTL are multicast's."""

    address: Address
    interface: str | None = None
    ttl: int = 1


def open_sender(destination: Destination) -> socket.socket:
    """A UDP socket for a destination. OSError when the interface is not this host's."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if ipaddress.ip_address(destination.address[0]).is_multicast:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", destination.ttl))
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        if destination.interface is not None:
            sender.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(destination.interface)
            )
    return sender


class _Entry(NamedTuple):
    due_ns: int
    fate: int
    header: bytes
    start_byte: int
    end_byte: int
    next_sequence: int
    packet: int


class Line:
    """Sends packets by a plan, once `start_ns` is set; all times are on the caller's clock.

    `next_due_ns` is when the next packet is due, from `start_ns`; None when the plan is worked off.
    """

    def __init__(
        self,
        name: str,
        destination: Destination,
        session: bytes,
        data: npt.NDArray[np.uint8],
        packets: PacketPlan,
        plan: LinePlan,
        control_dice: PacketDice,
    ) -> None:
        self._name = name
        self._destination = destination
        self._socket = open_sender(destination)
        self._session = session
        self._data = memoryview(data)  # type: ignore[arg-type]
        self._packets = packets
        self._plan = plan
        self._dice = control_dice
        self.start_ns: int | None = None
        self.last_sent_ns = -(1 << 62)
        self.next_sequence = 1
        self.packets_released = 0
        self._datagrams = 0
        self._controls = 0
        self._send_errors = 0
        self._late_ns_max = 0
        self._fates = [0] * len(FATE_NAMES)
        self._loaded = 0
        self._at = 0
        self._window: list[_Entry] = []
        self.next_due_ns: int | None = None
        self._load()

    @property
    def done(self) -> bool:
        return self.next_due_ns is None

    def send_due(self, now_ns: int, limit: int) -> int:
        """Work off at most `limit` entries that are due; returns how many were."""
        elapsed_ns = -1 if self.start_ns is None else now_ns - self.start_ns
        if self.next_due_ns is None or self.next_due_ns > elapsed_ns:
            return 0
        self._late_ns_max = max(self._late_ns_max, elapsed_ns - self.next_due_ns)
        self.last_sent_ns = now_ns
        work = 0
        while work < limit and self.next_due_ns is not None and self.next_due_ns <= elapsed_ns:
            self._release(self._window[self._at])
            self._at += 1
            work += 1
            if self._at == len(self._window):
                self._load()
            else:
                self.next_due_ns = self._window[self._at].due_ns
        return work

    def _release(self, entry: "_Entry") -> None:
        self._fates[entry.fate] += 1
        if entry.fate < LOST:
            self._send(entry.header, self._data[entry.start_byte : entry.end_byte])
        if entry.next_sequence > self.next_sequence:
            self.next_sequence = entry.next_sequence
            self.packets_released = entry.packet + 1

    def _load(self) -> None:
        """Prepare the next entries of the plan, headers packed."""
        rows = slice(self._loaded, self._loaded + WINDOW_ENTRIES)
        packet = self._plan.packet[rows]
        self._loaded += len(packet)
        first, count = self._packets.first[packet], self._packets.messages[packet]
        columns = (
            self._plan.due_ns[rows].tolist(),
            self._plan.fate[rows].tolist(),
            [
                HEADER.pack(self._session, *row)
                for row in zip((first + 1).tolist(), count.tolist(), strict=True)
            ],
            self._packets.start_byte[packet].tolist(),
            self._packets.end_byte[packet].tolist(),
            (first + count + 1).tolist(),
            packet.tolist(),
        )
        self._window = [_Entry(*row) for row in zip(*columns, strict=True)]
        self._at = 0
        self.next_due_ns = self._window[0].due_ns if self._window else None

    def send_control(self, now_ns: int, count: int) -> None:
        """A heartbeat or an end-of-session packet, with this line's next sequence number."""
        self.last_sent_ns = now_ns
        if self._dice.fate(-1 if self.start_ns is None else now_ns - self.start_ns) == SENT:
            self._controls += 1
            self._send(HEADER.pack(self._session, self.next_sequence, count), memoryview(b""))

    def _send(self, header: bytes, blocks: memoryview) -> None:
        try:
            self._socket.sendmsg((header, blocks), (), 0, self._destination.address)
        except OSError:
            self._send_errors += 1
        else:
            self._datagrams += 1

    def status(self) -> dict[str, Any]:
        """The line's counters, for scripts; names end in the line's letter. Datagrams include control."""
        counts = dict(zip(FATE_NAMES, self._fates, strict=True)) | {
            "datagrams": self._datagrams,
            "control": self._controls,
            "send_errors": self._send_errors,
            "late_ns_max": self._late_ns_max,
        }
        named = {f"{name}_{self._name}": count for name, count in counts.items()}
        return {f"line_{self._name}": "{}:{}".format(*self._destination.address)} | named

    def close(self) -> None:
        self._socket.close()
