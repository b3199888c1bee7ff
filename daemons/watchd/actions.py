"""What the monitor wants done: plain values, carried out in order by hands.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from hft.limits import Limits
from watchd.ctl_protocol import Answer, Scope
from watchd.limits import Tightened
from watchd.state_file import Paused, StateRecord

DaemonName = Literal["feedd", "braind"]


@dataclass(frozen=True, slots=True)
class CloseFence:
    """At once; idempotent. `reason` (CloseReason) stays on the page also when it was closed already."""

    reason: int


@dataclass(frozen=True, slots=True)
class OpenFence:
    """For one epoch of one feedd and one queue."""

    epoch: int
    token: int
    lease_deadline_ns: int


@dataclass(frozen=True, slots=True)
class SetReason:
    """What the closed page says from now on: a kill that was cleared no longer is one."""

    reason: int


@dataclass(frozen=True, slots=True)
class SigKill:
    """Through the pidfd that the daemon handed over."""

    daemon: DaemonName


@dataclass(frozen=True, slots=True)
class Forget:
    """The daemon is gone: its pidfd and maps can be dropped."""

    daemon: DaemonName


@dataclass(frozen=True, slots=True)
class ApplyPauses:
    """Write exactly these pauses to the fence page."""

    paused: Paused


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Ask the gateway; the next view has the ticket."""

    scope: Scope
    close_positions: bool = False


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """Put them on the page, under the sequence number after theirs."""

    limits: Limits


@dataclass(frozen=True, slots=True)
class SaveLimits:
    """Durably, off the loop; its Completion names `ticket`, which is negative."""

    tightened: Tightened
    ticket: int


@dataclass(frozen=True, slots=True)
class RebaseTally:
    """Count on from what the gateway says now: a person acknowledged."""


@dataclass(frozen=True, slots=True)
class SaveState:
    """Durably, off the loop; its Completion names `ticket`."""

    record: StateRecord
    ticket: int


@dataclass(frozen=True, slots=True)
class Note:
    """An event for the journal and the log; `durable`: fsynced."""

    event: str
    fields: dict[str, object]
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the request `ticket`."""

    ticket: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Report:
    """The last kill, for `watchd ctl report`."""

    document: dict[str, object]


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell people."""

    document: dict[str, object]


Action: TypeAlias = (
    CloseFence
    | OpenFence
    | SetReason
    | SigKill
    | Forget
    | ApplyPauses
    | CancelOrders
    | WriteLimits
    | SaveLimits
    | RebaseTally
    | SaveState
    | Note
    | Reply
    | Report
    | Alert
)
