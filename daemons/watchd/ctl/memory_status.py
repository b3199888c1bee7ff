"""What can be known about the suite while watchd does not answer: the fence, vetoes, progress, the state file.

The same document as watchd's (docs/RUNBOOK.md), as far as memory knows it; `problems` says what could not be read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from hft.layout.dtypes import CloseReason, LoopState, RegionKind, VetoReason
from hft.locks import lock_holder
from hft.regions import Region, RegionError, monotonic_ns, read_control_record, read_gateway_state
from watchd import pauses
from watchd.ctl.settings import Settings
from watchd.state_file import StateFile, StateUnreadable

LOOPS: Final = {"feedd": ("market", "gateway"), "braind": ("brain",)}
VETOES: Final = {
    "operator": ("operator/veto", RegionKind.VETO),
    "braind": ("braind/intents.ring", RegionKind.INTENTS_RING),
    "feedd": ("feedd/gateway.state", RegionKind.GATEWAY_STATE),
}
_Value = TypeVar("_Value")


def read_memory(settings: Settings) -> dict[str, Any]:
    """Never raises for what can not be read."""
    run = Path(settings.run_directory)
    problems: list[str] = []

    def attempt(read: Callable[[], _Value]) -> _Value | None:
        try:
            return read()
        except (RegionError, StateUnreadable, OSError) as error:
            problems.append(str(error))
            return None

    document: dict[str, Any] = attempt(lambda: _state(settings.state_directory)) or {"state": "unknown"}
    document["fence"] = attempt(lambda: _fence(Region.open(str(run / "watchd/fence"), RegionKind.FENCE)))
    document["gateway"] = attempt(
        lambda: read_gateway_state(Region.open(str(run / "feedd/gateway.state"), RegionKind.GATEWAY_STATE))
    )
    document["vetoes"] = {
        who: attempt(partial(_veto, run / path, kind)) for who, (path, kind) in VETOES.items()
    }
    document["daemons"] = {name: attempt(partial(_daemon, run / name, name)) for name in LOOPS}
    document["watchd"] = None
    document["problems"] = list(dict.fromkeys(problems))
    return document


def _state(directory: str) -> dict[str, Any]:
    record = StateFile(directory).load()
    return {
        "state": str(record.state),
        "reason": record.reason,
        "detail": record.detail,
        "by": record.by,
        "at": record.at,
        "epoch": record.epoch,
        "pauses": pauses.document(record.paused),
    }


def _fence(fence: Region) -> dict[str, Any]:
    words = read_control_record(fence, "Fence")
    now_ns = monotonic_ns()
    is_open = words["token"] != 0
    return {
        "open": is_open and now_ns < words["lease_deadline_ns"],
        "reason": _name(CloseReason, words["reason"]),
        "lease_remaining_ms": (words["lease_deadline_ns"] - now_ns) / 1e6 if is_open else None,
        "closed_for_ms": None
        if is_open or not words["closed_ts_ns"]
        else (now_ns - words["closed_ts_ns"]) / 1e6,
        "epoch": words["epoch"],
    }


def _veto(path: Path, kind: int) -> str:
    return _name(VetoReason, Region.open(str(path), kind).veto)


def _daemon(directory: Path, name: str) -> dict[str, Any]:
    progress = Region.open(str(directory / "progress"), RegionKind.PROGRESS)
    pid = None
    with suppress(OSError):
        pid = lock_holder(str(directory / "lock")) or None
    loops = []
    for index, loop in enumerate(LOOPS[name][: progress.capacity_records]):
        words = read_control_record(progress, "LoopProgress", index)
        loops.append(
            {
                "name": loop,
                "state": _name(LoopState, words["state"]).upper(),
                "iterations": words["iterations"],
                "consumed": words["consumed"],
                "produced": words["produced"],
                "lag": words["lag_records"],
            }
        )
    return {"registered": False, "pid": pid, "alive": pid is not None, "loops": loops}


def _name(enum: Any, value: int) -> str:
    try:
        return str(enum(value).name.lower())
    except ValueError:
        return str(value)
