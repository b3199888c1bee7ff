"""`limits show` and `limits set`, and the limits that watchd itself keeps to.

A change is on the page first, then on the disk, and is said to be made only when it is on both: a watchd that dies in
between believes the tighter of the two (limits.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hft.config import Risk
from hft.limits import NOT_SET
from watchd.actions import SaveLimits, WriteLimits
from watchd.ctl_protocol import Request
from watchd.ctl_words import ALREADY, DONE, LIMITS, LIMITS_OF_A_SYMBOL, REFUSED
from watchd.limits import PRICE_UNITS, Tightened, configured, in_force, page_of, refusal
from watchd.scribe import Completion
from watchd.states import Phase
from watchd.view import View

if TYPE_CHECKING:
    from watchd.monitor import Monitor


@dataclass(slots=True)
class _Waiting:
    """A change that is not on the disk, or not taken by the gateway."""

    request: Request
    text: str
    sequence: int
    deadline_ns: int


class LimitsInForce:
    """`tightened` as restored at start, on the page already; `durable`: on the disk, too."""

    def __init__(self, monitor: Monitor, risk: Risk, tightened: Tightened, *, durable: bool) -> None:
        self._monitor = monitor
        self._risk = risk
        self.tightened = tightened
        self.durable = durable
        self._saves = 0
        self._saving = 0  # ticket of the save that counts, 0 = none
        self._retry_ns = 0
        self._waiting: list[_Waiting] = []

    @property
    def sequence(self) -> int:
        return self.tightened.sequence

    @property
    def loss_max_value(self) -> int:
        """In price units × shares."""
        return in_force(self._risk, self.tightened, "loss_max") * PRICE_UNITS

    def is_taken(self, view: View) -> bool:
        return _has_taken(view, self.sequence)

    def show(self, view: View, request: Request) -> None:
        symbols = dict.fromkeys((*self._risk.instruments, *self.tightened.symbols))
        document = {
            "sequence": self.sequence,
            "gateway_sequence": None if view.gateway is None else view.gateway.limits_sequence,
            "taken": self.is_taken(view),
            "durable": self.durable,
            "venue": self._monitor.settings.venue,
            "account": {name: self._of(name) for name in LIMITS},
            "symbols": {
                symbol: {name: self._of(name, symbol) for name in LIMITS_OF_A_SYMBOL} for symbol in symbols
            },
        }
        self._monitor.reply(request.ticket, DONE, "", limits=document)

    def set(self, view: View, request: Request) -> None:
        monitor, change = self._monitor, request.limit
        assert change is not None, "parse_request requires it"
        may_loosen = monitor.phase is Phase.DISARMED
        if problem := refusal(self._risk, self.tightened, change, may_loosen=may_loosen):
            return monitor.reply(request.ticket, REFUSED, f"limits set: {problem}")
        before = in_force(self._risk, self.tightened, change.name, change.symbol)
        if change.value == before:
            return monitor.reply(request.ticket, ALREADY, f"limits set: {change} is {before:,} already")
        tightened = self.tightened.with_change(change)
        # Before it is saved: who is told that it is done finds it in the journal.
        monitor.note(
            "limits_changed", durable=True, name=change.name, symbol=change.symbol, before=before, after=change.value,
            sequence=tightened.sequence, by=request.by, uid=request.uid, reason=request.reason,
        )  # fmt: skip
        self._replace(tightened)
        text = f"{change}: {change.value:,} (was {before:,}), sequence {self.sequence}"
        deadline_ns = view.now_ns + monitor.settings.cancel_deadline_ns
        self._waiting.append(_Waiting(request, text, self.sequence, deadline_ns))
        return None

    def advance(self, view: View) -> None:
        """Each pass: names, the disk, the gateway."""
        if (
            self.tightened.symbols
            and (named := self.tightened.named(view.instrument_ids)) is not self.tightened
        ):
            self._replace(named)
            self._monitor.note("limits_renamed", durable=True, sequence=self.sequence, ids=dict(named.ids))
        self._take_completions(view.completions, view.now_ns)
        if not self.durable and not self._saving and view.now_ns >= self._retry_ns:
            self._save()
        for one in list(self._waiting):
            self._settle(view, one)

    def _replace(self, tightened: Tightened) -> None:
        self.tightened = tightened
        self._monitor.act(WriteLimits(page_of(tightened)))
        self._save()

    def _save(self) -> None:
        self.durable = False
        self._saves += 1
        self._saving = -self._saves
        self._monitor.act(SaveLimits(self.tightened, self._saving))

    def _take_completions(self, completions: Iterable[Completion], now_ns: int) -> None:
        for done in completions:
            if done.ticket != self._saving or not self._saving:
                continue
            self._saving = 0
            self.durable = done.error is None
            self._retry_ns = now_ns + self._monitor.settings.save_retry_ns
            if done.error is not None:
                self._monitor.note("limits_not_saved", sequence=self.sequence, problem=done.error)
                self._fail(done.error)

    def _fail(self, error: str) -> None:
        for one in self._waiting:
            text = f"limits set: {one.text}: in force, but not on the disk ({error}); tried again until it is"
            self._monitor.reply(one.request.ticket, REFUSED, text)
        self._waiting.clear()

    def _settle(self, view: View, one: _Waiting) -> None:
        if not self.durable:
            return
        if not self._monitor.settings.venue:
            taken = "no venue is configured, so nobody takes it"
        elif view.gateway is None:
            taken = "feedd is not running: taken when it comes"
        elif _has_taken(view, one.sequence):
            taken = "the gateway has taken it"
        elif view.now_ns < one.deadline_ns:
            return
        else:
            taken = "the gateway has NOT taken it yet (watchd ctl limits show)"
        self._waiting.remove(one)
        self._monitor.reply(
            one.request.ticket, DONE, f"limits set: {one.text}; {taken}", sequence=one.sequence
        )

    def _of(self, name: str, symbol: str = "") -> dict[str, int]:
        return {
            "config": configured(self._risk, name, symbol),
            "in_force": in_force(self._risk, self.tightened, name, symbol),
        }


def _has_taken(view: View, sequence: int) -> bool:
    """The gateway says 2^64-1 when it can not read the page."""
    return view.gateway is not None and sequence <= view.gateway.limits_sequence < NOT_SET
