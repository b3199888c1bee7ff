"""What watchd has on its disk: the suite's state and the report of the last kill.

The state is read as watchd reads it (watchd/state_file.py): what it would refuse, and take for killed, is an error of
this source and exposes nothing. The report is for people and carries no checksum, so every field is doubted.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from watchd.exporter.control import CLOSE_REASONS
from watchd.exporter.readings import Reading, gauge, one_hot
from watchd.scribe import REPORT_NAME
from watchd.state_file import StateFile, StateUnreadable
from watchd.states import SuiteState

KILL_REPORT: Final = REPORT_NAME
BYTES_MAX: Final = 1 << 20  # about 130 bytes a position
STEPS_MAX: Final = 16
_STEP = re.compile(r"[a-z][a-z0-9_]{0,39}")


def read_state(directory: Path) -> list[Reading]:
    """`state.json`. Raises FileNotFoundError (never installed), ValueError when watchd would not believe it."""
    try:
        record = StateFile(directory).load()
    except StateUnreadable as error:
        if error.missing:
            raise FileNotFoundError(str(error)) from error
        raise ValueError(str(error)) from error
    return [
        *one_hot("hft_suite_state", "state", list(SuiteState), record.state),
        *one_hot("hft_suite_state_reason", "reason", CLOSE_REASONS, record.reason),
        gauge("hft_suite_state_timestamp_seconds", utc_seconds(record.at)),
        gauge("hft_suite_state_epoch", record.epoch),
    ]


def read_kill_report(directory: Path) -> list[Reading]:
    """`last_kill.json`. Raises OSError (FileNotFoundError: never killed), ValueError when it can not be believed."""
    report = read_document(directory / KILL_REPORT)
    steps = report.get("steps_us", {})
    if not isinstance(steps, dict) or len(steps) > STEPS_MAX or not all(map(_STEP.fullmatch, steps)):
        raise ValueError(f"{KILL_REPORT}: steps_us is not a table of steps")
    readings = [
        gauge("hft_last_kill_timestamp_seconds", utc_seconds(report.get("at"))),
        *one_hot("hft_last_kill_reason", "reason", CLOSE_REASONS, str(report.get("reason"))),
        *(gauge("hft_last_kill_step_seconds", _count(steps, step) / 1e6, step=step) for step in steps),
    ]
    readings += [
        gauge(f"hft_last_kill_{name}", float(report[name]))
        for name in ("fence_was_open", "drained", "cancel_on_disconnect_relied_on", "feedd_died_by_itself")
        if isinstance(report.get(name), bool)
    ]
    readings += [
        gauge(f"hft_last_kill_{name}", _count(report, name))
        for name in ("open_orders", "open_at_kill", "cancelled", "sent_after_fence", "sent_in_window")
        if report.get(name) is not None
    ]
    if isinstance(report.get("last_cancel_ms"), int | float):
        readings.append(gauge("hft_last_kill_last_cancel_seconds", float(report["last_cancel_ms"]) / 1e3))
    return readings


def read_document(path: Path) -> dict[str, Any]:
    """A JSON object from a file of at most BYTES_MAX. Raises OSError, ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        raw = file.read(BYTES_MAX + 1)
    if len(raw) > BYTES_MAX:
        raise ValueError(f"{path.name}: longer than {BYTES_MAX} bytes")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path.name}: not an object")  # noqa: TRY004  the file is wrong, not the caller
    return document


def _count(document: dict[str, Any], key: str) -> int:
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise ValueError(f"{key}: {value!r} is not a count")
    return value


def utc_seconds(at: object) -> float:
    """ISO 8601 (with its zone) as seconds since the epoch. Raises ValueError."""
    try:
        stamp = datetime.fromisoformat(str(at))
    except ValueError as error:
        raise ValueError(f"at: {error}") from error
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
