"""`cancel-all` and `flatten`: one command at a time on the gateway's page, each answered with what it found.

    asked ─► on the page (one at a time) ─► obeyed: the cancels are on the wire ─► settled: nothing open, or waited

A flatten pauses its scope first, so that no strategy opens again what is being closed, and has the gateway send the
closing orders, through its own gate. So it needs an armed suite; the pause stays.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hft.layout.dtypes import RefusalReason
from watchd.actions import CancelOrders
from watchd.ctl_protocol import Request, Scope
from watchd.ctl_words import DONE, REFUSED
from watchd.states import Phase
from watchd.tally import Holding
from watchd.view import View

if TYPE_CHECKING:
    from watchd.monitor import Monitor

SETTLE_NS: Final = 300_000_000  # for the venue's answers; new orders may come all the time
QUEUE_MAX: Final = 32


@dataclass(slots=True)
class _Command:
    request: Request
    open_before: int | None
    issued_ns: int = 0
    ticket: int = 0  # 0 = the page has been written, its number is not known yet
    obeyed_ns: int = 0

    @property
    def flattens(self) -> bool:
        return self.request.verb == "flatten"


class Cancels:
    """Answers when the gateway has obeyed, or did not in time."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._queue: deque[_Command] = deque()
        self._current: _Command | None = None
        self._settling: list[_Command] = []

    @property
    def scopes(self) -> set[Scope]:
        """Whose open orders the next view must count."""
        commands = [*self._queue, *self._settling, *([self._current] if self._current else [])]
        return {command.request.scope for command in commands}

    def ask(self, view: View, request: Request) -> None:
        monitor = self._monitor
        if problem := self._problem(view, request):
            return monitor.reply(request.ticket, REFUSED, f"{request.verb}: {problem}")
        if request.verb == "flatten":
            monitor.pause(view, request.scope)
        self._queue.append(_Command(request, _open_in(view, request.scope)))
        return self._issue_next(view)

    def advance(self, view: View) -> None:
        """Each pass."""
        current = self._current
        if current is not None and view.now_ns > current.issued_ns:  # else the view is older than the page
            current.ticket = current.ticket or view.command_ticket
            if view.gateway is not None and view.gateway.cancel_all_done >= current.ticket:
                current.obeyed_ns = view.now_ns
                self._settling.append(current)
                self._current = None
            elif view.now_ns - current.issued_ns >= self._monitor.settings.cancel_deadline_ns:
                self._current = None
                self._answer(
                    view, current, REFUSED, "the gateway did not obey in time", docs="→ watchd ctl kill"
                )
        self._issue_next(view)
        for command in list(self._settling):
            if (outcome := self._outcome(view, command)) is not None:
                self._settling.remove(command)
                self._answer(view, command, *outcome)

    def abandon(self, why: str) -> None:
        """A kill cancels everything by itself."""
        for command in (*self._queue, *self._settling, *([self._current] if self._current else [])):
            request = command.request
            self._monitor.reply(request.ticket, REFUSED, f"{request.verb}: {why}")
        self._queue.clear()
        self._settling.clear()
        self._current = None

    def _issue_next(self, view: View) -> None:
        if self._current is None and self._queue:
            self._current = self._queue.popleft()
            self._current.issued_ns = view.now_ns
            self._monitor.act(CancelOrders(self._current.request.scope, self._current.flattens))

    def _problem(self, view: View, request: Request) -> str:
        monitor = self._monitor
        if not monitor.settings.venue:
            return "no venue is configured (feedd.gateway.venue), so there are no orders"
        if view.gateway is None:
            return "feedd is not running: what rests is the venue's to cancel (cancel-on-disconnect)"
        if len(self._queue) >= QUEUE_MAX:
            return f"{QUEUE_MAX} such requests wait already"
        return self._flatten_problem(request) if request.verb == "flatten" else ""

    def _flatten_problem(self, request: Request) -> str:
        phase = self._monitor.phase
        if request.scope.strategy is not None:
            return (
                "positions are kept per instrument, not per strategy: nothing was done. "
                "pause and cancel-all take --strategy, flatten --symbol"
            )
        if phase is not Phase.ARMED:
            return f"the suite is {phase}: orders that close positions can not be sent, nothing was done"
        return ""

    def _outcome(self, view: View, command: _Command) -> tuple[str, str] | None:
        if not command.flattens:
            over = view.now_ns - command.obeyed_ns >= SETTLE_NS or _open_in(view, command.request.scope) == 0
            return (DONE, "every cancel is on the wire") if over else None
        held = _held(view, command.request.scope)
        if view.gateway is not None and view.gateway.flatten_done >= command.ticket:
            refusal = view.gateway.flatten_refusal
            why = RefusalReason(refusal).name.lower() if refusal else "nobody took the other side"
            gave_up = f"the gateway gave up ({why}): {held or 'unknown'} left; paused"
            return (REFUSED, gave_up) if held or refusal else (DONE, "flat, and paused")
        if view.now_ns - command.issued_ns >= self._monitor.settings.flatten_deadline_ns:
            return REFUSED, f"cancelled and paused, but positions are not closed in time: {held or 'unknown'}"
        return None

    def _answer(self, view: View, command: _Command, code: str, what: str, docs: str = "") -> None:
        request, after = command.request, _open_in(view, command.request.scope)
        counted = f"{_count(command.open_before)} open before, {_count(after)} now"
        text = f"{request.verb} {request.scope}: {what}; {counted}" + (f" {docs}" if docs else "")
        fields = {"open_before": command.open_before, "open_after": after, "scope": str(request.scope)}
        self._monitor.note(
            f"{request.verb.replace('-', '_')}_answered", durable=True, code=code, what=what, **fields
        )
        self._monitor.reply(request.ticket, code, text, **fields)


def _open_in(view: View, scope: Scope) -> int | None:
    if scope.all:
        return None if view.gateway is None else view.gateway.open_orders
    return view.open_in.get(scope)


def _held(view: View, scope: Scope) -> str:
    holdings = view.tally.holdings.values() if view.tally is not None else ()
    return ", ".join(
        _told(one) for one in holdings if one.position and scope.instrument in (None, one.instrument_id)
    )


def _told(holding: Holding) -> str:
    return f"{holding.symbol or f'instrument {holding.instrument_id}'} {holding.position:+,}"


def _count(orders: int | None) -> str:
    return "unknown" if orders is None else f"{orders:,}"
