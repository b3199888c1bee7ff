"""The monitor: a pure function of what is seen, in order and in time. `step(view)` says what is to be done.

It owns the phase (transitions.py), who is registered (roster.py), the record that belongs on the disk (ledger.py)
and the kill in progress (killing.py). Why an armed suite must end is in verdicts.py, what stands before arming in
arming.py, people's requests in requests.py, the status document in status.py. No clock, no file, no process is
touched here; daemon.py gives it views and carries its actions out.

Order of a step: looks → completions → requests → kills → armed invariants → phase → disk. The lease comes after.
"""

from __future__ import annotations

from dataclasses import replace

from hft.config import Risk
from hft.layout.dtypes import CloseReason
from hft.regions import fence_token
from watchd.actions import (
    Action,
    Alert,
    ApplyPauses,
    CloseFence,
    Note,
    OpenFence,
    RebaseTally,
    Reply,
    Report,
    SetReason,
)
from watchd.arming import blockers
from watchd.cancels import Cancels
from watchd.ctl_protocol import Answer, Scope
from watchd.ctl_words import ALREADY, DONE, REFUSED
from watchd.documents import kill_report, utc
from watchd.killing import Kill
from watchd.ledger import Ledger
from watchd.limit_requests import LimitsInForce
from watchd.limits import Tightened
from watchd.pauses import followed, paused_after
from watchd.requests import Requests
from watchd.roster import Roster
from watchd.settings import Settings
from watchd.state_file import Paused, StateRecord
from watchd.states import Phase, SuiteState, is_kill, reason_name
from watchd.transitions import Step, follow
from watchd.verdicts import (
    BY_WATCHD,
    Armed,
    Doubt,
    OperatorWatch,
    Verdict,
    armed_verdict,
    disagreement,
    missed,
    sent_after_close,
)
from watchd.view import View


class Monitor:
    """`record`: what the state file said, already judged by restore.py."""

    def __init__(
        self,
        settings: Settings,
        record: StateRecord,
        fence_epoch: int,
        now_ns: int,
        *,
        durable: bool = True,
        risk: Risk | None = None,
        tightened: Tightened | None = None,
        limits_durable: bool = True,
    ) -> None:
        """`durable`: the record is on the disk already; otherwise the first pass saves it. So with `limits_durable`."""
        self.settings = settings
        self.ledger = Ledger(record, settings, durable=durable)
        self.phase = Phase.KILLED if record.state is SuiteState.KILLED else Phase.DISARMED
        self.armed: Armed | None = None  # from the opening to the next arming
        self.kill: Kill | None = None  # the last one, until it is cleared
        self.operator = OperatorWatch()
        self._doubt = Doubt()
        self.epoch = max(record.epoch, fence_epoch)
        self.lease_deadline_ns = 0  # 0 = the fence is closed
        self.closed_for = int(CloseReason.NONE)
        # Once, and only out of a start that found `disarmed`: a kill that is cleared needs a person to arm.
        self.auto_arm = settings.arm_on_start and record.state is SuiteState.DISARMED
        self.stopping = False
        self.passes = self.late_passes = 0
        self.observed_ns = 0  # of its life: what passed while it was looking (liveness.py)
        self.longest_gap_ns = 0
        self._died_armed = record.state is SuiteState.ARMED
        self._last_now_ns = now_ns
        self._closing = (Verdict(int(CloseReason.NONE), ""), 0)  # why, since
        self._sent_judged = 0  # generation of the gateway whose sending after the closing has been a kill
        self._actions: list[Action] = []
        self.roster = Roster(self)
        self.limits = LimitsInForce(self, risk or Risk(), tightened or Tightened(), durable=limits_durable)
        self.cancels = Cancels(self)
        self._requests = Requests(self)

    @property
    def record(self) -> StateRecord:
        return self.ledger.record

    # -- one pass -------------------------------------------------------------------------------------------------

    def step(self, view: View) -> list[Action]:
        """One pass over everything seen; what is to be done, in order."""
        self._actions = []
        self._look(view)
        self._take_completions(view)
        if self._died_armed:
            self._died_armed = False
            self.begin_kill(
                view, Verdict(int(CloseReason.DIED_ARMED), "the last run ended while it was armed")
            )
        self._follow_symbols(view)
        self._requests.take(view)
        self.limits.advance(view)
        self.cancels.advance(view)
        self._judge(view)
        self._advance(view)
        if self.phase is not Phase.ARMING and (again := self.ledger.retry(view.now_ns)) is not None:
            self.act(again)
        if self.phase not in (Phase.KILLING, Phase.DISARMING):
            self.roster.forget_dead()
        return self._actions

    def renew(self, now_ns: int) -> int | None:
        """The lease's new deadline at the end of a full pass, None when there is nothing to renew.

        A lease that has run out is never renewed: the gateway may have latched the epoch already.
        """
        if self.phase is not Phase.ARMED or now_ns >= self.lease_deadline_ns:
            return None
        self.lease_deadline_ns = now_ns + self.settings.lease_ns
        return self.lease_deadline_ns

    def stop(self) -> None:
        """The process is told to end: the fence closes, and `stopped` becomes true when that is on the disk."""
        self.stopping = True

    @property
    def stopped(self) -> bool:
        return self.stopping and self.phase in (Phase.DISARMED, Phase.KILLED) and not self.ledger.saving

    # -- what the steps share -------------------------------------------------------------------------------------

    def act(self, action: Action) -> None:
        self._actions.append(action)

    def note(self, event: str, *, durable: bool = False, **fields: object) -> None:
        self.act(Note(event, fields, durable))

    def reply(self, ticket: int, code: str, text: str, **fields: object) -> None:
        ok = code in (DONE, ALREADY)
        self.act(Reply(ticket, Answer(ok, code, text, {"state": str(self.phase), **fields})))

    def move(self, step: Step) -> None:
        """Follows the table of transitions."""
        was, self.phase = self.phase, follow(self.phase, step)
        if was is not self.phase:
            self.note("phase", durable=True, was=str(was), now=str(self.phase), step=str(step))

    def save_as(self, state: SuiteState, view: View, reason: int, detail: str, by: str, uid: int) -> None:
        record = replace(
            self.record, state=state, reason=reason_name(reason), detail=detail, by=by, uid=uid,
            at=utc(view.wall_ns), epoch=self.epoch, open_orders=_open_orders(view),
        )  # fmt: skip
        self.act(self.ledger.save(record))

    def set_paused(self, paused: Paused) -> None:
        """On the page at once, on the disk as soon as it takes it."""
        self.act(ApplyPauses(paused))
        self.act(self.ledger.save(replace(self.record, paused=paused)))

    def pause(self, view: View, scope: Scope) -> None:
        paused = paused_after(self.record.paused, scope, view.name_of(scope), on=True)
        if paused != self.record.paused:
            self.set_paused(paused)

    def blockers(self, view: View) -> list[str]:
        loss_max_value = self.limits.loss_max_value
        return blockers(
            view, self.roster.tracks, self.settings, self.phase, self.ledger.durable, loss_max_value
        )

    # -- seeing ---------------------------------------------------------------------------------------------------

    def _look(self, view: View) -> None:
        self.passes += 1
        gap_ns = view.now_ns - self._last_now_ns
        self._last_now_ns = view.now_ns
        interval_ns = self.settings.pass_interval_ns
        self.longest_gap_ns = max(self.longest_gap_ns, gap_ns)
        if gap_ns > 2 * interval_ns and self.passes > 1:
            self.late_passes += 1
            if gap_ns >= self.settings.deadline_ns:
                self.note("stalled", gap_ms=round(gap_ns / 1e6, 1))
        counted_ns = min(gap_ns, 2 * interval_ns)
        self.observed_ns += counted_ns
        self.roster.look(view, counted_ns)

    def _follow_symbols(self, view: View) -> None:
        """Pauses go where the feed has given their symbols other ids."""
        paused = followed(self.record.paused, view.instrument_ids, view.absent_symbols)
        if paused is not self.record.paused:
            self.set_paused(paused)
            self.note("pauses_renamed", durable=True, ids=dict(paused.symbols))

    # -- judging --------------------------------------------------------------------------------------------------

    def _judge(self, view: View) -> None:
        old = self.phase is Phase.KILLED and self.passes == 1
        if (
            asked := self.operator.look(view.operator, view.now_ns, old=old)
        ) and self.phase is not Phase.KILLING:
            return self.begin_kill(view, asked)
        if self.phase is Phase.KILLING:
            return None
        wrong = None if self.phase is Phase.KILLED else disagreement(view)
        if (cause := self._sent_too_late(view) or wrong or self._missed()) is not None:
            return self.begin_kill(view, cause)
        return self._judge_armed(view, self.armed) if self.phase is Phase.ARMED and self.armed else None

    def _judge_armed(self, view: View, armed: Armed) -> None:
        verdict = self._doubt.look(view) or armed_verdict(
            view, self.roster.tracks, armed, self.lease_deadline_ns, self.settings,
            observed_ns=self.observed_ns, stopping=self.stopping, loss_max_value=self.limits.loss_max_value,
        )  # fmt: skip
        if verdict is not None:
            (self.begin_kill if is_kill(verdict.reason) else self.begin_closing)(view, verdict)

    def _sent_too_late(self, view: View) -> Verdict | None:
        """Once for each gateway: it is killed for it."""
        sent = sent_after_close(view)
        if sent is None or view.gateway is None or self._sent_judged == view.gateway.generation:
            return None
        self._sent_judged = view.gateway.generation
        return sent

    def _missed(self) -> Verdict | None:
        miss = missed(self.roster.tracks, self.settings)
        return None if miss is None or self._is_being_killed(miss) else miss

    def _is_being_killed(self, miss: Verdict) -> bool:
        """A corpse that does not die is reported once, not every pass."""
        kill = self.kill
        return (
            self.phase is Phase.KILLED
            and kill is not None
            and f"{miss.culprit}_does_not_die" in kill.steps_ns
        )

    # -- the disk -------------------------------------------------------------------------------------------------

    def _take_completions(self, view: View) -> None:
        done = self.ledger.take(view.completions, view.now_ns)
        if done is None:
            return
        if done.error is not None:
            self.note("state_not_saved", state=str(self.record.state), problem=done.error)
        if self.phase is Phase.ARMING:
            self._finish_arming(view, done.error)
        elif self.record.state is not SuiteState.DISARMED:
            return
        elif self.phase is Phase.DISARMING and done.error is None:
            self.move(Step.DISARM_DURABLE)
            self._requests.settle("disarm", DONE, "disarmed: nothing is open")
        elif self.phase is Phase.KILLED:
            self._finish_clearing(view, done.error)

    def _finish_clearing(self, view: View, error: str | None) -> None:
        if error is None:
            view.tally = None  # acknowledged: the next view's has begun anew
            self.move(Step.CLEARED)
            self.kill = None
            # Below OPERATOR: the gateway logs on at the venue again, and reconciles, before anything can be armed.
            self.act(SetReason(int(CloseReason.DISARMED)))
            self.act(RebaseTally())
            self._requests.settle("clear", DONE, "cleared: disarmed")
            return
        # Still killed, in memory and on the fence page; the person has to ask again.
        self.act(self.ledger.save(replace(self.record, state=SuiteState.KILLED)))
        self._requests.settle("clear", REFUSED, f"the state file can not be written: {error}")

    # -- arming ---------------------------------------------------------------------------------------------------

    def begin_arming(self, view: View, by: str, uid: int) -> None:
        """Nothing blocks: `armed` goes to the disk first."""
        self.auto_arm = False
        self.epoch += 1
        self.armed = None
        self.move(Step.ARM_ASKED)
        self.save_as(SuiteState.ARMED, view, int(CloseReason.NONE), "", by, uid)

    def _finish_arming(self, view: View, error: str | None) -> None:
        problems = [f"the state file can not be written: {error}"] if error else self.blockers(view)
        if self.stopping:
            problems.append("watchd is stopping")
        if problems:
            self.note("arm_failed", durable=True, blockers=problems)
            self._requests.settle("arm", REFUSED, "not armed: " + "; ".join(problems), arm_blockers=problems)
            self.move(Step.ARM_FAILED)
            self.save_as(SuiteState.DISARMED, view, int(CloseReason.DISARMED), problems[0], BY_WATCHD, 0)
            return
        assert view.gateway is not None, "its absence blocks"
        self.move(Step.ARM_DURABLE)
        bound = (self.epoch, view.gateway.generation, view.intents_generation)
        self.armed = Armed(*bound, fence_token(*bound), self.observed_ns)
        self._doubt = Doubt()
        self.lease_deadline_ns = view.now_ns + self.settings.lease_ns
        self.act(OpenFence(self.epoch, self.armed.token, self.lease_deadline_ns))
        self.note("armed", durable=True, epoch=self.epoch, by=self.record.by)
        self._requests.settle("arm", DONE, f"armed: epoch {self.epoch}", epoch=self.epoch)

    # -- closing and killing --------------------------------------------------------------------------------------

    def begin_closing(self, view: View, why: Verdict) -> None:
        """Short of a kill: disarm, an orderly stop, a lapsed lease. Only from `armed`."""
        self._close_fence(why.reason)
        self.move(Step.CLOSE)
        self._closing = (why, view.now_ns)
        self.note("closed", durable=True, reason=reason_name(why.reason), detail=why.detail, by=why.by)
        if why.reason == int(CloseReason.LEASE_LAPSED):
            at = utc(view.wall_ns)
            self.act(Alert({"event": "lease_lapsed", "detail": why.detail, "at": at, "epoch": self.epoch}))

    def begin_kill(self, view: View, why: Verdict) -> None:
        """From any phase, as often as there is cause."""
        was_open = self.armed is not None and self.phase in (Phase.ARMED, Phase.DISARMING)
        self.auto_arm = False
        self._close_fence(why.reason)
        self.move(Step.KILL)
        self.kill = Kill(
            why.reason, why.detail, why.by, why.uid, why.culprit, view.now_ns, view.wall_ns, self.epoch, was_open,
            blind=why.reason == int(CloseReason.DIED_ARMED), open_orders=_open_orders(view), first=view.gateway,
        )  # fmt: skip
        self.cancels.abandon("a kill came first, and cancels everything")
        self._requests.abandon("a kill came first")
        fields = {"reason": reason_name(why.reason), "detail": why.detail, "by": why.by, "uid": why.uid}
        self.note("kill", durable=True, epoch=self.epoch, **fields)
        self.save_as(SuiteState.KILLED, view, why.reason, why.detail, why.by, why.uid)

    def _close_fence(self, reason: int) -> None:
        self.closed_for = reason
        self.lease_deadline_ns = 0
        self.act(CloseFence(reason))

    def _finish_kill(self, view: View, kill: Kill) -> None:
        self.move(Step.KILL_DONE)
        document = kill_report(kill, view.tally, self.settings)
        self.act(Report(document))
        self.act(self.ledger.save(replace(self.record, open_orders=_open_orders(view))))
        self.note("killed", durable=True, **document)
        self.act(Alert({"event": "killed", **document}))
        self._requests.settle("kill", DONE, "killed", report=document)

    # -- the phases that go on by themselves ----------------------------------------------------------------------

    def _advance(self, view: View) -> None:
        if self.phase is Phase.DISARMED and self.auto_arm and not self.stopping and not self.blockers(view):
            self.begin_arming(view, "arm_on_start", 0)
        elif self.phase is Phase.DISARMING and self.record.state is not SuiteState.DISARMED:
            self._advance_closing(view)
        elif self.phase is Phase.KILLING and self.kill is not None:
            actions, over = self.kill.advance(view, self.roster.tracks, self.settings)
            self._actions.extend(actions)
            if over:
                self._finish_kill(view, self.kill)

    def _advance_closing(self, view: View) -> None:
        """`disarmed` belongs on the disk when the gateway has confirmed that nothing is open, and not before."""
        why, since_ns = self._closing
        if view.now_ns == since_ns:
            return  # looked at before the fence was closed: that proves nothing about afterwards
        gateway = view.gateway
        if gateway is not None and gateway.drained == self.epoch and gateway.open_orders == 0:
            self.save_as(SuiteState.DISARMED, view, why.reason, why.detail, why.by, why.uid)
        elif view.now_ns - since_ns >= self.settings.drain_deadline_ns:
            detail = "the gateway does not confirm that nothing is open"
            self.begin_kill(view, Verdict(int(CloseReason.DRAIN_DEADLINE), detail, "feedd"))


def _open_orders(view: View) -> int | None:
    return None if view.gateway is None else view.gateway.open_orders
