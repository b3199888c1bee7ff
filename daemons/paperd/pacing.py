"""Which messages share a datagram, and when it is due: decided once, before anything is sent.

Pure functions on arrays. A packet is due when its last message is, so no message leaves early.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from paperd.capture import Capture
from paperd.compiled import compiled
from paperd.mold import BLOCK_LENGTH_BYTES, COUNT_MAX, HEADER_BYTES

SECOND_NS = 1_000_000_000
AS_FAST_AS_POSSIBLE = float("inf")


@dataclass(frozen=True)
class Pacing:
    """How capture time becomes sending time.

    Messages before `start` are sent at `prefix_per_s`, in full datagrams; from there on the capture's own
    spacing is divided by `speed` (AS_FAST_AS_POSSIBLE allowed). Messages due within `coalesce_ns` (sending
    time) of a datagram's first one share it, up to `payload_bytes` of UDP payload. `cap_per_s` bounds the
    messages a second throughout.
    """

    speed: float = 1.0
    start: int = 0
    prefix_per_s: float = 200_000.0
    coalesce_ns: int = 50_000
    payload_bytes: int = 1_400
    cap_per_s: float | None = None


class PacketPlan(NamedTuple):
    """One entry a packet: first message number, how many messages, byte range in the capture, due time from start."""

    first: npt.NDArray[np.int64]
    messages: npt.NDArray[np.int64]
    start_byte: npt.NDArray[np.int64]
    end_byte: npt.NDArray[np.int64]
    due_ns: npt.NDArray[np.int64]


def plan_packets(capture: Capture, pacing: Pacing) -> PacketPlan:
    """Cut a capture into MoldUDP64 packets. The byte ranges hold whole length-prefixed message blocks."""
    due_ns = message_due_ns(capture.timestamp_ns, pacing)
    end_byte = capture.offset + capture.length
    first = _cut(
        due_ns, end_byte, pacing.start, pacing.coalesce_ns, pacing.payload_bytes - HEADER_BYTES, COUNT_MAX
    )
    last = np.append(first[1:], len(capture)) - 1
    count = last - first + 1
    packet_due_ns = due_ns[last]
    if pacing.cap_per_s is not None:
        packet_due_ns = _capped(packet_due_ns, count, SECOND_NS / pacing.cap_per_s)
    start_byte = capture.offset[first] - BLOCK_LENGTH_BYTES
    return PacketPlan(first, count, start_byte, end_byte[last], packet_due_ns)


def message_due_ns(timestamp_ns: npt.NDArray[np.int64], pacing: Pacing) -> npt.NDArray[np.int64]:
    """When each message is due, int64[n] from the start of sending, never falling."""
    due_ns = np.empty(len(timestamp_ns), np.int64)
    prefix = np.arange(pacing.start) * (SECOND_NS / pacing.prefix_per_s)
    due_ns[: pacing.start] = prefix.astype(np.int64)
    if pacing.start < len(timestamp_ns):
        base_ns = int(pacing.start * SECOND_NS / pacing.prefix_per_s)
        session_ns = np.maximum.accumulate(timestamp_ns[pacing.start :])
        due_ns[pacing.start :] = base_ns + ((session_ns - session_ns[0]) / pacing.speed).astype(np.int64)
    return due_ns


@compiled
def _cut(
    due_ns: npt.NDArray[np.int64],
    end_byte: npt.NDArray[np.int64],
    prefix: int,
    coalesce_ns: int,
    block_bytes_max: int,
    count_max: int,
) -> npt.NDArray[np.int64]:
    """Numbers of the messages that open a packet; one longer than the ceiling gets its own."""
    opens = np.empty(len(due_ns), np.int64)
    packets = 0
    first, packet_start_byte, previous_end = 0, 0, 0
    for message in range(len(due_ns)):
        fits = end_byte[message] - packet_start_byte <= block_bytes_max and message - first < count_max
        near = message < prefix or due_ns[message] - due_ns[first] <= coalesce_ns
        if message == 0 or message == prefix or not (fits and near):  # noqa: PLR1714 (compiled)
            opens[packets] = message
            packets += 1
            first, packet_start_byte = message, previous_end
        previous_end = end_byte[message]
    return opens[:packets].copy()


@compiled
def _capped(
    due_ns: npt.NDArray[np.int64], count: npt.NDArray[np.int64], message_ns: float
) -> npt.NDArray[np.int64]:
    capped = np.empty_like(due_ns)
    free_ns = 0.0
    for packet in range(len(due_ns)):
        at_ns = max(float(due_ns[packet]), free_ns)
        capped[packet] = int(at_ns)
        free_ns = at_ns + count[packet] * message_ns
    return capped
