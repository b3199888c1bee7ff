"""The record that belongs on the disk, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable

from watchd.actions import SaveState
from watchd.scribe import Completion
from watchd.settings import Settings
from watchd.state_file import StateRecord


class Ledger:
    """One save counts at a time: the latest. What was asked before it is written all the same, in order."""

    def __init__(self, record: StateRecord, settings: Settings, *, durable: bool) -> None:
        self.record = record
        self.durable = durable
        self._retry_interval_ns = settings.save_retry_ns
        self._ticket = 0
        self._saving = 0  # ticket of the save whose outcome counts, 0 = none under way
        self._retry_ns = 0

    @property
    def saving(self) -> bool:
        return self._saving != 0

    def save(self, record: StateRecord) -> SaveState:
        """What the scribe is to do; not durable until it says so."""
        self.record, self.durable = record, False
        self._ticket += 1
        self._saving = self._ticket
        return SaveState(record, self._ticket)

    def take(self, completions: Iterable[Completion], now_ns: int) -> Completion | None:
        """The outcome of the save that counts, when it is among them."""
        for done in completions:
            if self._saving and done.ticket == self._saving:
                self._saving = 0
                self.durable = done.error is None
                self._retry_ns = now_ns + self._retry_interval_ns
                return done
        return None

    def retry(self, now_ns: int) -> SaveState | None:
        """The same record again, when its last save failed long enough ago."""
        if self.durable or self._saving or now_ns < self._retry_ns:
            return None
        return self.save(self.record)
