"""Documents for people and scripts: the report of a kill, times as text."""

from __future__ import annotations

from datetime import UTC, datetime

from watchd.kill_orders import orders_of
from watchd.killing import Kill
from watchd.settings import Settings
from watchd.states import reason_name
from watchd.tally import TallyLook


def utc(wall_ns: int) -> str:
    """ISO 8601 with microseconds, in UTC."""
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).isoformat(timespec="microseconds")


def kill_report(kill: Kill, tally: TallyLook | None, settings: Settings) -> dict[str, object]:
    """What `watchd ctl report` shows: cause, person, and each step in microseconds after the fence was closed."""
    return {
        "reason": reason_name(kill.reason),
        "detail": kill.detail,
        "by": kill.by,
        "uid": kill.uid,
        "at": utc(kill.wall_ns),
        "epoch": kill.epoch,
        "fence_was_open": kill.was_open,
        "open_orders": kill.open_orders,
        "drained": "drained" in kill.steps_ns,
        **orders_of(kill, tally, settings),
        "steps_us": {step: ns // 1000 for step, ns in kill.steps_ns.items()},
    }
