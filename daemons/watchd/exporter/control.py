"""Who says yes and who says no: the fence, what the gateway sees of it, and the vetoes.

Words are loaded one by one: each is exact, together they are not one moment. CLOCK_MONOTONIC stamps become UTC with
the clocks' present distance, rounded to milliseconds so that a stamp that stands still is exposed as one number.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hft.layout.dtypes import CloseReason, VenueSession, VetoReason, dtype
from hft.limits import NOT_SET
from hft.regions import (
    RECORDS_OFFSET,
    Region,
    load_words,
    monotonic_ns,
    read_control_record,
    read_gateway_state,
)
from watchd.exporter.readings import Reading, counter, gauge, one_hot
from watchd.limits import PRICE_UNITS

CLOSE_REASONS: Final = tuple(reason.name.lower() for reason in CloseReason)
SESSIONS: Final = tuple(session.name.lower() for session in VenueSession)
VETO_REASONS: Final = tuple(reason.name.lower() for reason in VetoReason)
# Bits of GatewayState.veto_seen.
_VETO_BITS = {"operator": 1, "braind": 2, "feedd": 4}


@dataclass(frozen=True, slots=True)
class Now:
    """Both clocks at the beginning of a scrape."""

    monotonic_ns: int
    realtime_ns: int

    @staticmethod
    def read() -> Now:
        return Now(monotonic_ns(), time.time_ns())

    def utc_s(self, stamp_ns: int) -> float:
        """UTC of a CLOCK_MONOTONIC stamp."""
        return round((self.realtime_ns - (self.monotonic_ns - stamp_ns)) / 1e9, 3)


def read_fence(region: Region, now: Now) -> list[Reading]:
    """`watchd/fence`."""
    layout = dtype("Fence")
    words = load_words(region, RECORDS_OFFSET, layout.itemsize // 8)
    fence = words.view(layout)[0]
    is_open = int(fence["token"]) != 0
    deadline_ns = int(fence["lease_deadline_ns"])  # 0 while closed, and for a moment while closing
    remaining_ns = deadline_ns - now.monotonic_ns if is_open and deadline_ns else 0
    reason = int(fence["reason"])
    readings = [
        gauge("hft_fence_open", float(is_open)),
        gauge("hft_fence_epoch", int(fence["epoch"])),
        gauge("hft_fence_lease_remaining_seconds", remaining_ns / 1e9),
        gauge("hft_fence_paused_all", float(int(fence["paused_all"]) != 0)),
        gauge("hft_fence_paused_strategies", _bits(fence["paused_strategies"])),
        gauge("hft_fence_paused_instruments", _bits(fence["paused_instruments"])),
        *one_hot("hft_fence_close_reason", "reason", CLOSE_REASONS, _name(CLOSE_REASONS, reason)),
    ]
    if closed_ns := int(fence["closed_ts_ns"]):
        readings.append(gauge("hft_fence_closed_timestamp_seconds", now.utc_s(closed_ns)))
    return readings


def read_gateway(region: Region) -> list[Reading]:
    """`feedd/gateway.state`: what the one thread that may say yes has seen and done."""
    words = read_gateway_state(region)
    return [
        gauge("hft_gateway_fence_open", words["fence_open"]),
        gauge("hft_gateway_fence_token_seen", float(words["fence_token_seen"] != 0)),
        gauge("hft_gateway_fence_epoch", words["fence_epoch_seen"]),
        gauge("hft_gateway_latched_epoch", words["epoch_latched"]),
        gauge("hft_gateway_drained_epoch", words["drained"]),
        gauge("hft_gateway_reconciled", words["reconciled"]),
        gauge("hft_gateway_open_orders", words["open_orders"]),
        gauge("hft_gateway_intents_attached", float(words["intents_generation"] != 0)),
        gauge("hft_gateway_intents_cursor", words["intents_cursor"]),
        *one_hot("hft_gateway_venue_session", "state", SESSIONS, _name(SESSIONS, words["venue_session"])),
        gauge("hft_gateway_unacknowledged_messages", words["unacknowledged"]),
        counter("hft_gateway_orders_sent_total", words["orders_sent"]),
        counter("hft_gateway_cancels_sent_total", words["cancels_sent"]),
        counter("hft_gateway_sent_after_close_total", words["sent_after_close"]),
        counter("hft_gateway_sent_in_window_total", words["sent_in_window"]),
        gauge("hft_gateway_open_at_close_orders", words["open_at_close"]),
        gauge(
            "hft_gateway_limits_sequence",
            -1 if words["limits_sequence"] == NOT_SET else words["limits_sequence"],
        ),
        *_value("hft_gateway_realized_value", words["realized_value"]),
        *_value("hft_gateway_marked_value", words["marked_value"]),
        counter("hft_gateway_intents_refused_total", words["intents_refused"]),
        counter("hft_gateway_intents_would_send_total", words["intents_would_send"]),
        counter("hft_gateway_updates_published_total", words["updates_watermark"]),
        *(
            gauge("hft_gateway_veto_seen", float(words["veto_seen"] & bit != 0), by=by)
            for by, bit in _VETO_BITS.items()
        ),
    ]


def read_veto(region: Region, by: str) -> list[Reading]:
    """The word that `by` says no with, in the header of a region of its own."""
    word = region.veto
    return [
        gauge("hft_veto", float(word != 0), by=by),
        *one_hot("hft_veto_reason", "reason", VETO_REASONS, _name(VETO_REASONS, word), by=by),
    ]


def read_operator_veto(region: Region) -> list[Reading]:
    """`operator/veto`: the word, and when a person wrote it."""
    readings = read_veto(region, "operator")
    if set_ns := read_control_record(region, "VetoNote")["set_ts_ns"]:
        readings.append(gauge("hft_operator_veto_timestamp_seconds", round(set_ns / 1e9, 3)))
    return readings


def _value(name: str, word: int) -> list[Reading]:
    """In currency; nothing while the gateway does not know it (a position without a mark)."""
    signed = word - (1 << 64) if word >= 1 << 63 else word
    return [] if signed == -(1 << 63) else [gauge(name, signed / PRICE_UNITS)]


def _bits(words: NDArray[np.uint64]) -> int:
    return int(np.bitwise_count(words).sum())


def _name(names: tuple[str, ...], value: int) -> str:
    return names[value] if value < len(names) else "unknown"
