"""The thread that writes for the monitor, so that no fsync, fork or network ever delays a pass.

    monitor ──► plain events (at most 8192: the oldest go first, counted) ───────────┐
            ──► states (never dropped), reports, durable events (at most 4096) ──────┴─► scribe thread ──► disk
            ◄── completions (an eventfd says when) ◄─────────────────────────────────────┘
            ──► alerts: handed to the alert's own threads at once, never behind a disk that hangs

Why without a lock: whoever holds one can be descheduled with it, and then the monitor waits. The queues are deques
whose `append` and `popleft` are single steps of the interpreter; a `deque(maxlen=…)` drops the oldest in the same
step. Items carry a number, so the thread merges the two queues back into the order of the calls. Saves of the
state are written each, in order: the latest alone would lose what the earlier one was asked to make durable.

What remains is the interpreter's own lock: the scribe's turns are microseconds of Python around system calls that
release it. A monitor with real-time priority should give its threads the same (`prepare`), or a busy machine may
deschedule one while it holds that lock.

Times are taken by the caller's call, not when the disk gets to it. Errors: none are raised to the caller;
`completions` and `health` tell them.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Protocol

from watchd import durable, limits_file
from watchd.event_journal import EventJournal, stamped
from watchd.limits import Tightened
from watchd.state_file import StateFile, StateRecord

PLAIN_EVENTS_MAX: Final = 8192
KEPT_EVENTS_MAX: Final = 4096  # of durable events; states and reports are not limited
REPORT_NAME: Final = "last_kill.json"
REPORT_MODE: Final = 0o640

Outcome = Callable[[str, Mapping[str, Any]], None]


class Alerter(Protocol):
    """Who tells people (watchd.alert). Returns at once; `outcome(event name, fields)` may come from any thread."""

    def send(self, document: Mapping[str, Any], outcome: Outcome) -> None: ...


@dataclass(frozen=True)
class Completion:
    """What became of the call with that ticket. `error` None: it is durable."""

    ticket: int
    error: str | None


@dataclass(frozen=True)
class Health:
    """How the scribe is doing; counts since its start, reports are counted with the events.

    `busy_ms`: how long the call it is in has lasted.
    """

    waiting: int
    busy_ms: float
    events_dropped: int
    events_failed: int
    last_error: str


@dataclass(frozen=True, slots=True)
class _Item:
    number: int
    plain_number: int  # of plain events alone, so that dropped ones show as a gap; 0 for others
    work: Callable[[], None]
    ticket: int | None
    is_state: bool = False  # told by its completion alone; the failure of anything else is counted as well


class Scribe:
    """One caller's thread, one writing thread, one a process. `prepare` runs first in the latter.

    What is in `fields` and reports must not be changed after the call.
    """

    def __init__(
        self,
        state_file: StateFile,
        journal: EventJournal,
        alert: Alerter,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self._state_file, self._journal, self._alert = state_file, journal, alert
        self._numbers, self._plain_numbers = count(1), count(1)
        self._plain: deque[_Item] = deque(maxlen=PLAIN_EVENTS_MAX)
        self._kept: deque[_Item] = deque()
        self._held: _Item | None = None  # a plain one, taken and not yet due
        self._plain_seen = 0
        self._completions: deque[Completion] = deque()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._done = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closing = False
        self._busy_since_ns = 0
        self._dropped = self._refused = self._failed = self._failed_untold = 0
        self._last_error = ""
        self._report: dict[str, Any] | None = None  # that the disk has not taken yet
        self._prepare = prepare
        self._thread = threading.Thread(target=self._run, name="watchd-scribe", daemon=True)
        self._thread.start()

    # The caller's side: each returns at once.

    def save_state(self, record: StateRecord, ticket: int) -> None:
        """Its completion says whether the record is durable."""
        self._keep(lambda: self._state_file.save(record), ticket, is_state=True)

    def save_limits(self, tightened: Tightened, ticket: int) -> None:
        """Its completion says whether they are durable."""
        self._keep(lambda: limits_file.save(self._state_file.directory, tightened), ticket, is_state=True)

    def report(self, report: Mapping[str, Any]) -> None:
        """Replaces `<state_directory>/last_kill.json`; a disk that refuses gets it again after the next success."""
        copy = dict(report)
        self._keep(lambda: self._write_report(copy), None)

    def event(
        self, name: str, fields: Mapping[str, Any], *, durable: bool = False, ticket: int | None = None
    ) -> None:
        """Appends to the journal. With a ticket there is a completion; a ticket implies durable."""
        event = stamped(name, fields)
        if durable or ticket is not None:
            self._keep(lambda: self._journal.append(event, durable=True), ticket)
            return
        self._plain.append(
            _Item(
                next(self._numbers),
                next(self._plain_numbers),
                lambda: self._journal.append(event, durable=False),
                ticket=None,
            )
        )
        self._call()

    def alert(self, document: Mapping[str, Any]) -> None:
        """Starts the hooks. What becomes of them are durable events."""
        self._alert.send(document, lambda name, fields: self.event(name, fields, durable=True))

    def run(self, work: Callable[[], None]) -> None:
        """Something else that reads a disk, in the order of the calls; what it raises counts as a failed event."""
        self._keep(work, None)

    def completions(self) -> list[Completion]:
        """What was finished since the last call, in order."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._done)
        finished: list[Completion] = []
        with suppress(IndexError):
            while True:
                finished.append(self._completions.popleft())
        return finished

    def fileno(self) -> int:
        """Readable when completions wait."""
        return self._done

    def health(self) -> Health:
        since_ns = self._busy_since_ns
        return Health(
            waiting=len(self._plain) + len(self._kept),
            busy_ms=(time.monotonic_ns() - since_ns) / 1e6 if since_ns else 0.0,
            events_dropped=self._dropped + self._refused,
            events_failed=self._failed,
            last_error=self._last_error,
        )

    def close(self, timeout_s: float) -> bool:
        """Writes what waits. False: not everything in time; the thread is left behind and ends with the process."""
        self._closing = True
        self._call()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._journal.close()
        return True

    def _keep(self, work: Callable[[], None], ticket: int | None, *, is_state: bool = False) -> None:
        refusal = ""
        if self._closing:
            refusal = "the scribe is closed"
        elif not is_state and len(self._kept) >= KEPT_EVENTS_MAX:
            refusal = f"{KEPT_EVENTS_MAX} events wait for the disk already"
            self._refused += 1
        if refusal:
            self._complete(ticket, refusal)
            return
        self._kept.append(_Item(next(self._numbers), 0, work, ticket, is_state))
        self._call()

    def _call(self) -> None:
        os.eventfd_write(self._wake, 1)

    # The thread's side.

    def _run(self) -> None:
        self._prepare()
        while True:
            closing = self._closing  # read before the queues: what was put before it is seen
            item = self._next()
            if item is not None:
                self._do(item)
            elif closing:
                return
            else:
                os.eventfd_read(self._wake)

    def _next(self) -> _Item | None:
        """The lowest number of both queues.

        The kept one is looked at first: a plain one with a lower number was put before it and is seen then.
        """
        kept = self._kept[0] if self._kept else None
        if self._held is None:
            with suppress(IndexError):
                self._held = self._plain.popleft()
        if self._held is not None and (kept is None or self._held.number < kept.number):
            item, self._held = self._held, None
            self._tell_dropped(item)
            return item
        return self._kept.popleft() if kept else None

    def _tell_dropped(self, item: _Item) -> None:
        gap = item.plain_number - self._plain_seen - 1
        self._plain_seen = item.plain_number
        if gap:
            self._dropped += gap
            self._write(
                lambda: self._journal.append(stamped("events_dropped", {"count": gap}), durable=False)
            )

    def _do(self, item: _Item) -> None:
        error = self._write(item.work)
        if error is None and (report := self._report) is not None:
            self._write(lambda: self._write_report(report))
        if error is not None and not item.is_state:
            self._failed += 1
            self._failed_untold += 1
        elif error is None and self._failed_untold:
            told = stamped("events_failed", {"count": self._failed_untold, "last_error": self._last_error})
            if self._write(lambda: self._journal.append(told, durable=False)) is None:
                self._failed_untold = 0
        self._complete(item.ticket, error)

    def _write(self, work: Callable[[], None]) -> str | None:
        self._busy_since_ns = time.monotonic_ns()
        try:
            work()
        except Exception as error:  # noqa: BLE001 (a scribe that dies of one item would take the states with it)
            self._last_error = str(error) or repr(error)
            return self._last_error
        finally:
            self._busy_since_ns = 0
        return None

    def _write_report(self, report: dict[str, Any]) -> None:
        self._report = report
        data = json.dumps(report, indent=2, default=str).encode() + b"\n"
        durable.replace(self._state_file.directory / REPORT_NAME, data, REPORT_MODE)
        self._report = None

    def _complete(self, ticket: int | None, error: str | None) -> None:
        if ticket is not None:
            self._completions.append(Completion(ticket, error))
            os.eventfd_write(self._done, 1)
