"""[watchd]: deadlines, what it remembers, who may order it about."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from hft.config.checks import check_absolute, check_endpoint
from hft.config.errors import ConfigError
from hft.config.machine import Run


class Alert(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told of a kill; every hook has a time-out and none is waited for."""

    command: tuple[str, ...] = ()
    webhook: str = ""
    timeout_s: Annotated[float, Meta(ge=0.1, le=60.0)] = 5.0


class Exporter(Struct, frozen=True, forbid_unknown_fields=True):
    """Where `watchd exporter` listens, and what it reads beside shared memory; "" = not."""

    listen: str = "127.0.0.1:9482"
    doctor_report: str = "/run/hft-doctor/report.json"


class Watchd(Struct, frozen=True, forbid_unknown_fields=True):
    """Watchd's section: deadlines, what it remembers, who may order it about."""

    state_directory: str = "/var/lib/hft/watchd"
    pass_interval_ms: Annotated[int, Meta(ge=1, le=1000)] = 10
    lease_ms: Annotated[int, Meta(ge=2, le=10_000)] = 100
    deadline_ms: Annotated[int, Meta(ge=2, le=60_000)] = 30
    stall_deadline_ms: Annotated[int, Meta(ge=2, le=60_000)] = 300
    heartbeat_deadline_ms: Annotated[int, Meta(ge=2, le=60_000)] = 300
    warmup_deadline_s: Annotated[float, Meta(ge=0.1, le=3600.0)] = 300.0
    drain_deadline_ms: Annotated[int, Meta(ge=1, le=60_000)] = 2000
    arm_on_start: bool | None = None  # None: only in mode "paper"
    operators_group: str = ""  # "": watchd's own group
    realtime_priority: Annotated[int, Meta(ge=0, le=99)] = 0
    alert: Alert = Alert()
    exporter: Exporter = Exporter()


def check_watchd(watchd: Watchd, run: Run) -> None:
    check_absolute("watchd.state_directory", watchd.state_directory)
    if watchd.lease_ms < 2 * watchd.pass_interval_ms:
        raise ConfigError(
            "watchd.lease_ms", f"{watchd.lease_ms} is less than two passes (watchd.pass_interval_ms)"
        )
    if watchd.deadline_ms < 2 * watchd.pass_interval_ms:
        raise ConfigError(
            "watchd.deadline_ms", f"{watchd.deadline_ms} is less than two passes (watchd.pass_interval_ms)"
        )
    if watchd.heartbeat_deadline_ms < 2 * run.heartbeat_interval_ms:
        raise ConfigError(
            "watchd.heartbeat_deadline_ms",
            f"{watchd.heartbeat_deadline_ms} is less than two heartbeats (run.heartbeat_interval_ms)",
        )
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}|", watchd.operators_group, re.ASCII):
        raise ConfigError("watchd.operators_group", f'"{watchd.operators_group}" is not a group name')
    check_endpoint("watchd.exporter.listen", watchd.exporter.listen)
    if watchd.exporter.doctor_report:
        check_absolute("watchd.exporter.doctor_report", watchd.exporter.doctor_report)
    alert = watchd.alert
    if alert.command and not alert.command[0].startswith("/"):
        raise ConfigError("watchd.alert.command[0]", f'"{alert.command[0]}" is not an absolute path')
    if alert.webhook and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", alert.webhook, re.ASCII):
        raise ConfigError("watchd.alert.webhook", f'"{alert.webhook}" is not an http or https address')
