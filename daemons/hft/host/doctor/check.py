"""A check of the host: what it asks for, what it found, how much that weighs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hft.host.doctor.subject import Subject

DOCUMENT = "docs/TUNING.md"


class Severity(StrEnum):
    """FATAL: not fit to trade. WARNING: slower, or fragile. INFO: worth knowing, never held against the host."""

    FATAL = "fatal"
    WARNING = "warning"
    INFO = "info"


class State(StrEnum):
    """HIDDEN: not visible here (a container, a virtual machine, no permission). NOT_ASKED: not part of this plan."""

    PASSED = "passed"
    FAILED = "failed"
    HIDDEN = "hidden"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look at the host gave."""

    required: str
    current: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Check:
    """`look` returns None when the plan does not ask for it, and raises Hidden when it can not see.

    `always`: also an untuned host needs it, because the daemons would not start, or not be safe, without.
    `fix`: shell lines, `{config}` being the configuration's path; empty: no command can, and `by_hand` says what can.
    """

    id: str
    condition: str
    severity: Severity
    reason: str
    look: Callable[[Subject], Verdict | None]
    fix: tuple[str, ...] = ()
    by_hand: str = ""
    always: bool = False

    @property
    def document(self) -> str:
        """The section about it."""
        return f"{DOCUMENT}#{self.id}"


@dataclass(frozen=True, slots=True)
class Result:
    """A check's outcome. `severity` is the one that counts for this profile; `current` says why when hidden."""

    check: Check
    severity: Severity
    state: State
    required: str
    current: str
