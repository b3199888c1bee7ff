"""A made-up suite around the real monitor, on a manual clock of one millisecond: feedd with its gateway, braind, the
fence page, the disk, people, and everything that can go wrong with them.

The gateway here is written a second time, in a few lines, from the rules of DESIGN 5. `World.tick` moves the
clock; `World.watchd_pass` is one pass of watchd, which a test calls or which happens every interval.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hft.config import Risk
from hft.layout.dtypes import CloseReason, LoopState
from hft.limits import Limits
from hft.regions import fence_token
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
from watchd.view import DaemonLook, GatewayLook, LoopLook, OperatorVeto, View

MS = 1_000_000
READY, DRAINING = int(LoopState.READY), int(LoopState.DRAINING)


@dataclass
class Loop:
    """A hot loop: moves a round a tick unless it is frozen; a stalled one makes rounds for nothing."""

    state: int = READY
    iterations: int = 0
    consumed: int = 0
    produced: int = 0
    heartbeats: int = 0
    frozen: bool = False
    stalled: bool = False
    mute: bool = False
    run_delay_ns: int = 0

    def tick(self) -> None:
        if self.frozen or self.state not in (READY, DRAINING):
            return
        self.iterations += 1
        if not self.stalled:
            self.consumed += 1
            self.produced += 1
        if not self.mute and self.iterations % 10 == 0:
            self.heartbeats += 1


@dataclass
class Process:
    """A registered daemon."""

    pid: int
    start_ts_ns: int
    loops: list[Loop]
    alive: bool = True

    def look(self, offered: list[int]) -> DaemonLook:
        return DaemonLook(
            self.pid, self.pid, self.start_ts_ns, self.alive,
            tuple(
                LoopLook(
                    one.iterations, one.consumed, one.produced, 0, one.state, given, one.heartbeats, one.run_delay_ns
                )
                for one, given in zip(self.loops, offered, strict=True)
            ),
        )  # fmt: skip


@dataclass
class Fence:
    """The page."""

    token: int = 0
    lease_deadline_ns: int = 0
    epoch: int = 0
    reason: int = 0


@dataclass
class Pages:
    """watchd/limits and watchd/commands."""

    limits: Limits = field(default_factory=Limits)
    ticket: int = 0
    scope: Scope = field(default_factory=Scope)
    closes: bool = False


@dataclass
class Gateway:
    """What the gateway thread of one feedd believes and reports."""

    generation: int
    intents_generation: int = 0
    token_seen: int = 0
    epoch_seen: int = 0
    veto_seen: int = 0
    latched: int = 0
    drained: int = 0
    open_orders: int = 0
    fence_open: bool = False
    cancel_ticks: int = 0
    slow_to_drain: bool = False
    venue_session: int = 0
    sent_after_close: int = 0
    limits_sequence: int = 0
    takes_limits: bool = True
    obeys: bool = True
    closes: bool = True
    cancel_all_done: int = 0
    flatten_done: int = 0
    flatten_refusal: int = 0
    cancels_sent: int = 0
    sent_in_window: int = 0
    open_at_close: int = 0
    close_seen_ts_ns: int = 0
    last_cancel_ts_ns: int = 0
    drained_ts_ns: int = 0

    def tick(
        self, fence: Fence, now_ns: int, intents_generation: int, operator_veto: bool, braind_veto: bool
    ) -> None:
        self.intents_generation = intents_generation
        self.token_seen, self.epoch_seen, self.veto_seen = fence.token, fence.epoch, int(operator_veto)
        mine = fence.token != 0 and fence.token == fence_token(
            fence.epoch, self.generation, intents_generation
        )
        if mine and now_ns >= fence.lease_deadline_ns:
            self.latched = fence.epoch
        was_open = self.fence_open
        self.fence_open = mine and self.latched != fence.epoch and not operator_veto and not braind_veto
        if was_open and not self.fence_open:
            self.open_at_close, self.close_seen_ts_ns = self.open_orders, now_ns
        if self.fence_open:
            self.open_orders = min(self.open_orders + 1, 5)
        elif not self.slow_to_drain and self.open_orders:
            self.open_orders -= 1
            self.cancels_sent += 1
            self.last_cancel_ts_ns = now_ns
            self.drained_ts_ns = now_ns if self.open_orders == 0 else self.drained_ts_ns
        still_armed = mine and self.latched != fence.epoch and not operator_veto
        if not still_armed and self.open_orders == 0:
            self.drained = fence.epoch

    def obey(self, pages: Pages) -> None:
        """What watchd's other pages say, at once."""
        if self.takes_limits:
            self.limits_sequence = pages.limits.sequence
        if self.obeys and pages.ticket > self.cancel_all_done:
            self.cancels_sent += self.open_orders
            self.cancel_all_done, self.open_orders = pages.ticket, 0
            if pages.closes and self.closes:
                self.flatten_done = pages.ticket

    def look(self) -> GatewayLook:
        return GatewayLook(
            self.generation, self.intents_generation, self.token_seen, self.epoch_seen, self.veto_seen,
            self.open_orders, self.drained, self.latched, int(self.fence_open), 1, self.venue_session,
            sent_after_close=self.sent_after_close, limits_sequence=self.limits_sequence,
            cancel_all_done=self.cancel_all_done, flatten_done=self.flatten_done, flatten_refusal=self.flatten_refusal,
            cancels_sent=self.cancels_sent,
            sent_in_window=self.sent_in_window, open_at_close=self.open_at_close,
            close_seen_ts_ns=self.close_seen_ts_ns, last_cancel_ts_ns=self.last_cancel_ts_ns,
            drained_ts_ns=self.drained_ts_ns,
        )  # fmt: skip


@dataclass
class Disk:
    """The state file and the limits: what is durable, and what is on its way there."""

    record: StateRecord | None
    limits: Tightened | None = None
    slow_ticks: int = 2
    full: bool = False
    queue: list[tuple[StateRecord | Tightened, int, int]] = field(
        default_factory=list
    )  # what, ticket, due tick

    def store(self, what: StateRecord | Tightened) -> None:
        if isinstance(what, Tightened):
            self.limits = what
        else:
            self.record = what


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
        view.instrument_ids = self.instrument_ids
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
