"""A made-up suite around the real monitor, on a manual clock of one millisecond: feedd with its gateway, braind, the
fence page, the disk, people, and everything that can go wrong with them.

`World.tick` moves the clock; `World.watchd_pass` is one pass of watchd, which a test calls or which happens every
interval.
"""

from __future__ import annotations

from dataclasses import replace

from fakes import MS, READY, Disk, Fence, Gateway, Loop, Pages, Process

from hft.config import Risk
from hft.layout.dtypes import CloseReason
from watchd import actions
from watchd.ctl_protocol import LimitChange, Request, Scope
from watchd.limits import Tightened
from watchd.limits import restored as restored_limits
from watchd.monitor import Monitor
from watchd.restore import restored
from watchd.scribe import Completion
from watchd.settings import Settings
from watchd.state_file import Paused, StateRecord
from watchd.states import SuiteState
from watchd.tally import TallyLook
from watchd.view import OperatorVeto, View


class World:
    """`feedd` and `braind` are None while they do not run."""

    def __init__(
        self,
        settings: Settings | None = None,
        state: SuiteState | None = SuiteState.DISARMED,
        risk: Risk | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.risk = risk or Risk()
        self.pages = Pages()
        self.tally = TallyLook()
        self.fence_closed_ns = 0
        self.instrument_ids: dict[str, int] = {}
        self.absent_symbols: set[str] = set()
        self.now_ns = 1_000 * MS
        self.fence = Fence()
        record = None
        if state is not None:
            record = StateRecord(state, "none", "", "test", 0, "2026-01-01T00:00:00+00:00", 0, 0, Paused())
        self.disk = Disk(record)
        self.feedd: Process | None = None
        self.braind: Process | None = None
        self.gateway: Gateway | None = None
        self.intents_generation = 0
        self.braind_veto = 0
        self.operator = OperatorVeto()
        self.monitor: Monitor | None = None
        self.answers: dict[int, dict[str, object]] = {}
        self.alerts: list[dict[str, object]] = []
        self.report: dict[str, object] = {}
        self.notes: list[actions.Note] = []
        self.paused = Paused()
        self.next_pass_ns = 0
        self._requests: list[Request] = []
        self._completions: list[Completion] = []
        self._ids = 100
        self._tickets = 0

    # -- who runs -------------------------------------------------------------------------------------------------

    def new_id(self) -> int:
        self._ids += 1
        return self._ids

    def start_feedd(self, state: int = READY) -> Process:
        pid = self.new_id()
        self.feedd = Process(pid, self.now_ns, [Loop(state), Loop(state)])
        self.gateway = Gateway(pid)
        return self.feedd

    def start_braind(self, state: int = READY) -> Process:
        self.braind = Process(self.new_id(), self.now_ns, [Loop(state)])
        self.intents_generation = self.new_id()
        self.braind_veto = 0
        return self.braind

    def start_watchd(self) -> Monitor:
        if self.fence.token:
            self.fence.token, self.fence.reason = 0, int(CloseReason.DIED_ARMED)
        found = restored(self.disk.record, "missing", self.fence.reason, self.fence.epoch, 0)
        self.fence.reason = found.kill_reason or self.fence.reason
        self.disk.queue.clear()
        self._requests, self._completions = [], []
        tightened = restored_limits(
            self.pages.limits, self.disk.limits, file_is_missing=self.disk.limits is None
        )
        self.monitor = Monitor(
            self.settings, found.record, self.fence.epoch, self.now_ns, durable=found.durable, risk=self.risk,
            tightened=tightened, limits_durable=tightened in (self.disk.limits, Tightened()),
        )  # fmt: skip
        self.paused = found.record.paused
        self.next_pass_ns = self.now_ns
        return self.monitor

    def started(self) -> World:
        self.start_feedd()
        self.start_braind()
        self.start_watchd()
        self.run_ms(60)
        return self

    def armed(self) -> World:
        self.started()
        assert self.ask("arm", by="alice")["code"] == "done", self.answers
        return self

    # -- people ---------------------------------------------------------------------------------------------------

    def send(
        self,
        verb: str,
        by: str = "alice",
        reason: str = "because",
        scope: Scope | None = None,
        limit: LimitChange | None = None,
    ) -> int:
        self._tickets += 1
        request = Request(verb, by, reason, scope or Scope(), 0, 0, 7, "root", self._tickets, limit)
        self._requests.append(request)
        return self._tickets

    def ask(
        self,
        verb: str,
        by: str = "alice",
        reason: str = "because",
        scope: Scope | None = None,
        limit: LimitChange | None = None,
    ) -> dict[str, object]:
        """Sends and waits for the answer."""
        ticket = self.send(verb, by, reason, scope, limit)
        for _ in range(10_000):
            if ticket in self.answers:
                return self.answers[ticket]
            self.tick()
        raise AssertionError(f"{verb}: no answer")

    def set_operator_veto(self, pid: int = 8) -> None:
        self.operator = OperatorVeto(1, 1000, pid, self.now_ns)

    def clear(self, by: str = "alice", reason: str = "looked at it") -> dict[str, object]:
        """As the client does: ask, then take the veto back."""
        answer = self.ask("clear", by, reason)
        if answer["ok"]:
            self.operator = OperatorVeto()
        return answer

    # -- time -----------------------------------------------------------------------------------------------------

    def tick(self, watchd_runs: bool = True) -> None:
        """One millisecond."""
        self.now_ns += MS
        for process in (self.feedd, self.braind):
            if process is not None and process.alive:
                for loop in process.loops:
                    loop.tick()
        runs = self.feedd is not None and self.feedd.alive and not self.feedd.loops[1].frozen
        if self.gateway is not None and runs:
            intents = self.intents_generation if self.braind is not None else 0
            vetoes = self.operator.word != 0, self.braind_veto != 0
            self.gateway.tick(self.fence, self.now_ns, intents, *vetoes)
            self.gateway.obey(self.pages)
        self._disk_tick()
        if watchd_runs and self.monitor is not None and self.now_ns >= self.next_pass_ns:
            self.next_pass_ns = self.now_ns + self.settings.pass_interval_ns
            self.watchd_pass()

    def run_ms(self, count: int, watchd_runs: bool = True) -> None:
        for _ in range(count):
            self.tick(watchd_runs)

    def _disk_tick(self) -> None:
        while self.disk.queue and self.disk.queue[0][2] <= self.now_ns:
            what, ticket, _ = self.disk.queue.pop(0)
            if self.disk.full:
                self._completions.append(Completion(ticket, "No space left on device"))
            else:
                self.disk.store(what)
                self._completions.append(Completion(ticket, None))

    # -- one pass of watchd ---------------------------------------------------------------------------------------

    def view(self) -> View:
        view = View(self.now_ns, self.now_ns, operator=self.operator)
        view.fence_closed_ns, view.command_ticket = self.fence_closed_ns, self.pages.ticket
        view.instrument_ids, view.absent_symbols = self.instrument_ids, self.absent_symbols
        view.names = {at: symbol for symbol, at in self.instrument_ids.items()}
        if self.feedd is not None:
            queue_head = self.braind.loops[0].produced if self.braind is not None else 0
            view.feedd = self.feedd.look([0, queue_head])
            view.gateway = self.gateway.look() if self.gateway is not None else None
            view.tally = self.tally
            assert self.gateway is not None
            view.open_in = dict.fromkeys(self.monitor.cancels.scopes, self.gateway.open_orders)
        if self.braind is not None:
            offered = self.feedd.loops[0].produced if self.feedd is not None else 0
            view.braind = self.braind.look([offered])
            if self.braind.alive:
                view.intents_generation, view.braind_veto = self.intents_generation, self.braind_veto
        view.requests, self._requests = self._requests, []
        view.completions, self._completions = self._completions, []
        return view

    def watchd_pass(self) -> list[actions.Action]:
        assert self.monitor is not None
        done = self.monitor.step(self.view())
        for action in done:
            self._do(action)
        if (deadline_ns := self.monitor.renew(self.now_ns)) is not None:
            self.fence.lease_deadline_ns = deadline_ns
        return done

    def _do(self, action: actions.Action) -> None:  # noqa: C901, PLR0912 - one case an action
        match action:
            case actions.CloseFence(reason):
                self.fence_closed_ns = self.now_ns if self.fence.token else self.fence_closed_ns
                self.fence.token, self.fence.lease_deadline_ns, self.fence.reason = 0, 0, reason
            case actions.SetReason(reason):
                self.fence.reason = reason
            case actions.OpenFence(epoch, token, lease_deadline_ns):
                self.fence = Fence(token, lease_deadline_ns, epoch, self.fence.reason)
            case actions.SigKill(name):
                process = getattr(self, name)
                if process is not None:
                    process.alive = False
            case actions.Forget(name):
                setattr(self, name, None)
            case actions.SaveState(what, ticket) | actions.SaveLimits(what, ticket):
                self.disk.queue.append((what, ticket, self.now_ns + self.disk.slow_ticks * MS))
            case actions.WriteLimits(limits):
                self.pages.limits = replace(limits, sequence=limits.sequence + 1)
            case actions.CancelOrders(scope, closes):
                self.pages.ticket += 2
                self.pages.scope, self.pages.closes = scope, closes
            case actions.RebaseTally():
                self.tally.disagreement = ""
            case actions.Reply(ticket, answer):
                assert ticket not in self.answers, "answered twice"
                self.answers[ticket] = {
                    **answer.fields,
                    "ok": answer.ok,
                    "code": answer.code,
                    "text": answer.text,
                }
            case actions.Alert(document):
                self.alerts.append(document)
            case actions.Note():
                self.notes.append(action)
            case actions.ApplyPauses(paused):
                self.paused = paused
            case actions.Report(document):
                self.report = document
