"""The monitor's actions carried out, in the order given. Nothing here blocks: disk and network are the scribe's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import singledispatchmethod
from pathlib import Path

from hft.layout.dtypes import CommandScope
from hft.limits import write_limits
from hft.regions import FENCE_INSTRUMENTS, FENCE_STRATEGIES, CommandsWriter, FenceWriter, LimitsWriter
from watchd.actions import (
    Action,
    Alert,
    ApplyPauses,
    CancelOrders,
    CloseFence,
    Forget,
    Note,
    OpenFence,
    RebaseTally,
    Reply,
    Report,
    SaveLimits,
    SaveState,
    SetReason,
    SigKill,
    WriteLimits,
)
from watchd.ctl_protocol import Scope
from watchd.ctl_server import CtlServer
from watchd.registry import Registered
from watchd.scribe import Scribe
from watchd.state_file import Paused


@dataclass(frozen=True)
class OrderPages:
    """What the gateway reads of watchd beside the fence."""

    limits: LimitsWriter
    commands: CommandsWriter


class Hands:
    """`registered` is shared with the loop that reads it; `forget(name)` drops a daemon everywhere.

    `realtime`: what is killed gets real-time priority to die with (hasten_death).
    """

    def __init__(
        self,
        fence: FenceWriter,
        pages: OrderPages,
        scribe: Scribe,
        ctl: CtlServer,
        registered: dict[str, Registered],
        forget: Callable[[str], None],
        rebase_tally: Callable[[], None],
        *,
        realtime: bool,
    ) -> None:
        self._fence = fence
        self._pages = pages
        self._rebase_tally = rebase_tally
        self._scribe = scribe
        self._ctl = ctl
        self._registered = registered
        self._forget = forget
        self._realtime = realtime
        self._paused = Paused()

    @singledispatchmethod
    def do(self, action: Action) -> None:
        """One action of the closed list in actions.py."""
        raise TypeError(f"not an action: {action!r}")

    @do.register
    def _(self, action: CloseFence) -> None:
        self._fence.close(action.reason)
        self._fence.set_reason(action.reason)

    @do.register
    def _(self, action: SetReason) -> None:
        self._fence.set_reason(action.reason)

    @do.register
    def _(self, action: OpenFence) -> None:
        self._fence.open(action.epoch, action.token, action.lease_deadline_ns)

    @do.register
    def _(self, action: SigKill) -> None:
        registered = self._registered.get(action.daemon)
        if registered is None:
            return
        try:
            signal.pidfd_send_signal(registered.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return  # it is gone already, and its pidfd will say so
        except PermissionError as error:
            fields = {
                "daemon": action.daemon,
                "pid": registered.pid,
                "problem": f"{error.strerror}: watchd lacks CAP_KILL",
            }
            self._scribe.event("can_not_kill", fields, durable=True)
            return
        if self._realtime and registered.alive:
            hasten_death(registered.pid)

    @do.register
    def _(self, action: Forget) -> None:
        self._forget(action.daemon)

    @do.register
    def _(self, action: ApplyPauses) -> None:
        self.apply_pauses(action.paused)

    @do.register
    def _(self, action: CancelOrders) -> None:
        kind, subject = _command_scope(action.scope)
        self._pages.commands.cancel(kind, subject, action.close_positions)

    @do.register
    def _(self, action: WriteLimits) -> None:
        write_limits(self._pages.limits, action.limits)

    @do.register
    def _(self, action: SaveLimits) -> None:
        self._scribe.save_limits(action.tightened, action.ticket)

    @do.register
    def _(self, _action: RebaseTally) -> None:
        self._rebase_tally()

    @do.register
    def _(self, action: SaveState) -> None:
        self._scribe.save_state(action.record, action.ticket)

    @do.register
    def _(self, action: Note) -> None:
        self._scribe.event(action.event, action.fields, durable=action.durable)

    @do.register
    def _(self, action: Reply) -> None:
        self._ctl.answer(action.ticket, action.answer)

    @do.register
    def _(self, action: Report) -> None:
        self._scribe.report(action.document)

    @do.register
    def _(self, action: Alert) -> None:
        self._scribe.alert(action.document)

    def reset_pauses(self, paused: Paused) -> None:
        """At start: the page shows exactly these, whatever an earlier life left."""
        for instrument_id in range(FENCE_INSTRUMENTS):
            self._fence.pause_instrument(instrument_id, False)
        for strategy_id in range(FENCE_STRATEGIES):
            self._fence.pause_strategy(strategy_id, False)
        self._paused = Paused()
        self.apply_pauses(paused)

    def apply_pauses(self, paused: Paused) -> None:
        """New pauses before old ones are lifted."""
        before, self._paused = self._paused, paused
        self._fence.pause_all(paused.all)
        for ids, on in ((set(paused.on_page), True), (set(before.on_page) - set(paused.on_page), False)):
            for instrument_id in sorted(ids):
                self._fence.pause_instrument(instrument_id, on)
        for strategy_id in sorted({*before.strategies, *paused.strategies}):
            self._fence.pause_strategy(strategy_id, strategy_id in paused.strategies)


def _command_scope(scope: Scope) -> tuple[int, int]:
    if scope.instrument is not None:
        return int(CommandScope.INSTRUMENT), scope.instrument
    if scope.strategy is not None:
        return int(CommandScope.STRATEGY), scope.strategy
    return int(CommandScope.ALL), 0


def try_realtime(priority: int) -> str:
    """SCHED_FIFO for the calling thread and nobody it starts; returns why not, "" when it worked."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as error:
        return str(error.strerror)
    return ""


def hasten_death(pid: int) -> None:
    """Real-time priority, below watchd's own, for every thread of a process that was sent SIGKILL.

    It runs no instruction of its own any more: what is left is the kernel freeing its memory, on whatever time of a
    core its threads get. Beside two spinning processes a core that took 20 ms at the median and 50 or 100 at worst,
    at this priority 3 and 4. Needs CAP_SYS_NICE for another user's process; without it nothing happens.
    """
    with suppress(OSError):  # it is dead already
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):  # this thread is, or we may not
                os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(1))
