"""People's requests to the monitor: what each verb needs, does and answers. Permission was checked at the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hft.layout.dtypes import CloseReason
from watchd.ctl_protocol import Request
from watchd.ctl_words import ALREADY, DONE, LOOKING, REFUSED, SCOPED
from watchd.pauses import paused_after
from watchd.states import Phase, SuiteState
from watchd.status import status_document
from watchd.verdicts import Verdict
from watchd.view import View

if TYPE_CHECKING:
    from watchd.monitor import Monitor


class Requests:
    """Answers at once, or remembers the ticket until the phase it asked for is reached."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._waiting: dict[str, list[int]] = {}
        self._verbs = {
            "status": self._status, "kill": self._kill, "clear": self._clear, "arm": self._arm,
            "disarm": self._disarm, "pause": self._pause, "resume": self._pause,
            "cancel-all": monitor.cancels.ask, "flatten": monitor.cancels.ask,
            "limits show": monitor.limits.show, "limits set": monitor.limits.set,
        }  # fmt: skip

    def take(self, view: View) -> None:
        for request in view.requests:
            if request.verb not in LOOKING:
                self._monitor.note(
                    "request", durable=True, verb=request.verb, by=request.by, user=request.user, uid=request.uid,
                    pid=request.pid, reason=request.reason, **_subject(request),
                )  # fmt: skip
            known = request.scope.symbol in self._monitor.record.paused.symbols
            if request.scope.unknown and not (request.verb == "resume" and known):
                self._refuse(request, _unknown(view, request.scope.symbol))
            else:
                self._verbs[request.verb](view, request)

    def settle(self, verb: str, code: str, text: str, **fields: object) -> None:
        """Answers everyone who waits for `verb`."""
        for ticket in self._waiting.pop(verb, []):
            self._monitor.reply(ticket, code, text, **fields)

    def abandon(self, why: str) -> None:
        for verb in [verb for verb in self._waiting if verb != "kill"]:
            self.settle(verb, REFUSED, f"{verb}: {why}")

    def _wait(self, request: Request) -> None:
        self._waiting.setdefault(request.verb, []).append(request.ticket)

    def _refuse(self, request: Request, why: str, **fields: object) -> None:
        self._monitor.reply(request.ticket, REFUSED, f"{request.verb}: {why}", **fields)

    def _status(self, view: View, request: Request) -> None:
        self._monitor.reply(request.ticket, DONE, "", **status_document(self._monitor, view))

    def _kill(self, view: View, request: Request) -> None:
        monitor = self._monitor
        self._wait(request)
        # The veto that the client writes along with its request is this kill, not another one.
        monitor.operator.served(request.pid, view.now_ns)
        # One that is under way goes on: begun anew it would forget its deadlines and whom it has to kill.
        if monitor.phase is not Phase.KILLING:
            monitor.begin_kill(view, _verdict(CloseReason.OPERATOR, request))

    def _clear(self, view: View, request: Request) -> None:
        monitor = self._monitor
        if monitor.phase is Phase.DISARMED:
            return monitor.reply(request.ticket, ALREADY, "nothing to clear: the suite is disarmed")
        if monitor.phase is not Phase.KILLED:
            return self._refuse(request, f"the suite is {monitor.phase}")
        if not request.by or not request.reason:
            return self._refuse(request, "a named person must stand behind it: --by and --reason")
        if problem := _unsettled(view):
            return self._refuse(request, problem)
        self._wait(request)
        return monitor.save_as(
            SuiteState.DISARMED, view, int(CloseReason.DISARMED), request.reason, request.by, request.uid
        )

    def _arm(self, view: View, request: Request) -> None:
        monitor = self._monitor
        if monitor.phase is Phase.ARMED:
            return monitor.reply(request.ticket, ALREADY, f"armed already: epoch {monitor.epoch}")
        if not request.by:
            return self._refuse(request, "a named person must stand behind it: --by")
        if problems := monitor.blockers(view):
            return self._refuse(request, "; ".join(problems), arm_blockers=problems)
        self._wait(request)
        if monitor.phase is Phase.DISARMED:
            monitor.begin_arming(view, request.by, request.uid)
        return None

    def _disarm(self, view: View, request: Request) -> None:
        monitor = self._monitor
        monitor.auto_arm = False
        if monitor.phase is Phase.DISARMED:
            return monitor.reply(request.ticket, ALREADY, "disarmed already")
        if monitor.phase is Phase.ARMED:
            monitor.begin_closing(view, _verdict(CloseReason.DISARMED, request))
        if monitor.phase is not Phase.DISARMING:
            return self._refuse(request, f"the suite is {monitor.phase}")
        return self._wait(request)

    def _pause(self, view: View, request: Request) -> None:
        monitor, symbol = self._monitor, view.name_of(request.scope)
        paused = paused_after(monitor.record.paused, request.scope, symbol, on=request.verb == "pause")
        what = f"{request.verb} {request.scope}" + (
            f" ({symbol})" if symbol and not request.scope.symbol else ""
        )
        if paused == monitor.record.paused:
            return monitor.reply(request.ticket, ALREADY, f"{what}: already so")
        monitor.set_paused(paused)
        return monitor.reply(request.ticket, DONE, f"{what}: done")


def _unknown(view: View, symbol: str) -> str:
    if view.feedd is None:
        return f"feedd is not running, so nobody can say which instrument {symbol} is; nothing was done"
    return f"{symbol}: no such symbol on feedd's board; nothing was done"


def _unsettled(view: View) -> str:
    """What keeps a killed suite from being cleared; "" = nothing is open and nothing is on its way out."""
    gateway = view.gateway
    if gateway is None:
        return "open orders can not be confirmed: feedd is not running (start it, it is cancel-only)"
    if gateway.open_orders:
        return f"{gateway.open_orders} orders are open or unknown"
    if not gateway.reconciled:
        return "the gateway has not reconciled with the venue"
    # A watchd that died in the middle of a kill left `killed` without having waited for a gateway thread that stands
    # still between its look and its send.
    return "the gateway has not seen yet that the fence is closed" if gateway.fence_open else ""


def _subject(request: Request) -> dict[str, object]:
    """What the request is about, for the journal."""
    if request.limit is not None:
        return {"limit": str(request.limit), "value": request.limit.value}
    return {"scope": str(request.scope)} if request.verb in SCOPED else {}


def _verdict(reason: Any, request: Request) -> Verdict:
    return Verdict(int(reason), request.reason, by=request.by, uid=request.uid)
