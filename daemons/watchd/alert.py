"""Telling people: a command with JSON on its standard input, a webhook with JSON as POST.

Each hook of each alert runs in a thread of its own with one deadline over everything, and nobody waits for it. What
became of it is told as an event: `alert_sent`, `alert_failed`. The caller only puts the document into a queue: starting
a thread means to wait until it runs, which takes long just when a machine is starved. Choices and limits:

* A command is started by posix_spawn: the signal mask, handlers and scheduling of the child are set before its
  first instruction, which subprocess leaves to code between fork and exec, in a process that has threads. It gets
  a session of its own, no descriptor but its three, none of watchd's ambient capabilities, and none of the variables
  that speak for watchd to systemd. At the deadline its process group is killed.
* Its standard input is a file in memory and its output goes to /dev/null, so that a command that does not
  read or that floods has nothing to block. Of its standard error the first 400 bytes are kept for the event.
* The webhook goes out of this process (urllib), because starting an interpreter needs a disk that works. A socket's
  time-out only limits one read; therefore a timer closes the socket at the deadline, or a server that sends a byte
  now and then would keep the thread for ever. Only a name server that hangs, or several addresses that swallow
  the connection, can outlast the deadline; that makes the event late and nothing else.
* At most eight hooks at once; what comes then is told as failed at once.

The webhook's path is a secret (who knows it may post): events and errors name scheme and host only.
"""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from watchd.alert_command import run_command
from watchd.alert_webhook import Webhook

CREDENTIAL_NAME: Final = "alert_webhook"
CREDENTIAL_BYTES_MAX: Final = 4096
HOOKS_AT_ONCE_MAX: Final = 8

Outcome = Callable[[str, Mapping[str, Any]], None]


class AlertConfigError(ValueError):
    """The webhook's address can not be used. The message names where it came from, not the address."""


def webhook_address(configured: str, environment: Mapping[str, str]) -> str:
    """The systemd credential `alert_webhook` when there is one, else what the file says. Raises AlertConfigError."""
    directory = environment.get("CREDENTIALS_DIRECTORY", "")
    path = Path(directory) / CREDENTIAL_NAME
    if not directory or not path.exists():
        return configured
    try:
        with path.open(encoding="ascii") as file:
            address = file.read(CREDENTIAL_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AlertConfigError(f"{path}: can not be read: {type(error).__name__}") from None
    if not re.fullmatch(r"https?://[!-.0-~]+(/[!-~]*)?", address):
        raise AlertConfigError(f"{path}: not an http or https address")
    return address


@dataclass(frozen=True)
class AlertCounts:
    """Since the start, over all hooks."""

    sent: int
    failed: int
    running: int
    last_error: str


class Alert:
    """The configured hooks; none is a quiet object. `prepare` runs first in each of its threads."""

    def __init__(
        self,
        command: tuple[str, ...],
        webhook: str,
        timeout_s: float,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self._prepare = prepare
        self._waiting: queue.SimpleQueue[tuple[Mapping[str, Any], Outcome]] = queue.SimpleQueue()
        self._lock = threading.Lock()  # of the counts: held for an addition, never while something is called
        self._sent = self._failed = self._running = 0
        self._last_error = ""
        self._dispatcher: threading.Thread | None = None
        self.configure(command, webhook, timeout_s)

    def configure(self, command: tuple[str, ...], webhook: str, timeout_s: float) -> None:
        """Other hooks from the next alert on. One thread at a time; the first call is the constructor's."""
        hooks: dict[str, Callable[[bytes, float], str | None]] = {}
        if command:
            hooks["command"] = lambda payload, deadline: run_command(command, payload, deadline)
        if webhook:
            hooks["webhook"] = Webhook(webhook).post
        self._timeout_s, self._hooks = timeout_s, hooks
        if hooks and self._dispatcher is None:
            self._dispatcher = threading.Thread(target=self._dispatch, name="watchd-alert", daemon=True)
            self._dispatcher.start()

    def send(self, document: Mapping[str, Any], outcome: Outcome) -> None:
        """Returns at once. `outcome(event name, fields)` comes from each hook's thread."""
        if self._hooks:
            self._waiting.put((dict(document), outcome))

    def counts(self) -> AlertCounts:
        return AlertCounts(self._sent, self._failed, self._running, self._last_error)

    def _dispatch(self) -> None:
        while True:
            document, outcome = self._waiting.get()
            for name, hook in self._hooks.items():
                try:
                    payload = json.dumps(document, default=str).encode() + b"\n"
                    work = partial(self._run, name, hook, payload, outcome)
                    threading.Thread(target=work, name=f"watchd-alert-{name}", daemon=True).start()
                except Exception as error:  # noqa: BLE001 (no thread to be had, a document that JSON can not say)
                    self._count(f"{name}: {error}")
                    outcome("alert_failed", {"hook": name, "took_ms": 0.0, "error": str(error)})

    def _run(
        self, name: str, hook: Callable[[bytes, float], str | None], payload: bytes, outcome: Outcome
    ) -> None:
        start = time.monotonic()
        with suppress(Exception):  # a thread with the wrong scheduling is better than no alert
            self._prepare()
        with self._lock:
            admitted = self._running < HOOKS_AT_ONCE_MAX
            self._running += admitted
        error: str | None = f"{HOOKS_AT_ONCE_MAX} hooks run already"
        if admitted:
            try:
                error = hook(payload, start + self._timeout_s)
            except Exception as raised:  # noqa: BLE001 (an alert that dies of a bug must be told like any other)
                error = type(raised).__name__
        with self._lock:
            self._running -= admitted
        self._count(None if error is None else f"{name}: {error}")
        fields = {"hook": name, "took_ms": round((time.monotonic() - start) * 1e3, 1)}
        outcome("alert_sent", fields) if error is None else outcome(
            "alert_failed", {**fields, "error": error}
        )

    def _count(self, error: str | None) -> None:
        with self._lock:
            self._sent += error is None
            self._failed += error is not None
            self._last_error = error or self._last_error
