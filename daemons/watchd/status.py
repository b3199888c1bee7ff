"""The status document: everything the monitor knows, for `watchd ctl status`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from hft.layout.dtypes import LoopState
from watchd import pauses
from watchd.arming import session_name
from watchd.limits import PRICE_UNITS
from watchd.liveness import DaemonTrack
from watchd.states import reason_name
from watchd.view import DaemonLook, View

if TYPE_CHECKING:
    from watchd.monitor import Monitor


def status_document(monitor: Monitor, view: View) -> dict[str, object]:
    """Fields as `watchd ctl status --json` prints them. Times in milliseconds."""
    record, lease_ns = monitor.record, monitor.lease_deadline_ns - view.now_ns
    is_open = monitor.lease_deadline_ns != 0
    return {
        "state": str(monitor.phase),
        "reason": record.reason,
        "detail": record.detail,
        "by": record.by,
        "at": record.at,
        "epoch": monitor.epoch,
        "fence": {
            "open": is_open,
            "reason": reason_name(monitor.closed_for),
            "lease_remaining_ms": round(lease_ns / 1e6, 1) if is_open else 0.0,
        },
        "paused": pauses.document(record.paused),
        "daemons": {
            name: _daemon(monitor.roster.tracks.get(name), getattr(view, name))
            for name in ("feedd", "braind")
        },
        "gateway": None if view.gateway is None else asdict(view.gateway),
        "orders": _orders(monitor, view),
        "vetoes": {"operator": view.operator.word, "braind": view.braind_veto},
        "watchd": {
            "passes": monitor.passes,
            "passes_late": monitor.late_passes,
            "longest_gap_ms": round(monitor.longest_gap_ns / 1e6, 1),
        },
        "state_durable": monitor.ledger.durable,
        "arm_blockers": monitor.blockers(view),
        "arms_by_itself": monitor.auto_arm,
    }


def _orders(monitor: Monitor, view: View) -> dict[str, object] | None:
    """What is at the venue, what we hold, and whose word it is: gateway's first, then watchd's own count."""
    gateway, tally, limits = view.gateway, view.tally, monitor.limits
    if gateway is None:
        return None
    return {
        "venue": monitor.settings.venue,
        "venue_session": session_name(gateway.venue_session),
        "open_orders": gateway.open_orders,
        "unacknowledged": gateway.unacknowledged,
        "sent_after_close": gateway.sent_after_close,
        "sent_in_window": gateway.sent_in_window,
        "limits_sequence": limits.sequence,
        "limits_taken": limits.is_taken(view),
        "loss_max": limits.loss_max_value / PRICE_UNITS,
        "marked_value_gateway": gateway.marked_value / PRICE_UNITS,
        "counted": None
        if tally is None
        else {
            "positions": tally.positions,
            "marked_value": tally.marked_value / PRICE_UNITS,
            "realized_value": tally.realized_value / PRICE_UNITS,
            "disagreement": tally.disagreement,
            "lost_records": tally.lost_records,
        },
    }


def _daemon(track: DaemonTrack | None, look: DaemonLook | None) -> dict[str, object]:
    if track is None or look is None:
        return {"registered": False}
    return {
        "registered": True,
        "pid": track.pid,
        "alive": track.alive,
        "loops": [
            {
                "name": loop.name,
                "state": _state_name(loop.state),
                "iterations": loop.iterations,
                "consumed": loop.consumed,
                "produced": seen.produced,
                "lag": seen.lag_records,
                "silent_ms": round(loop.silent_ns / 1e6, 1),
                "heartbeat_age_ms": round(loop.heartbeatless_ns / 1e6, 1),
            }
            for loop, seen in zip(track.loops, look.loops, strict=False)
        ],
    }


def _state_name(state: int) -> str:
    return str(LoopState(state).name.lower()) if state in list(LoopState) else str(state)
