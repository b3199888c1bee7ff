"""The parts of the made-up suite: loops, processes, the fence page, a gateway, a disk.

The gateway is written a second time here, in a few lines, from the rules of DESIGN 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hft.layout.dtypes import LoopState
from hft.limits import Limits
from hft.regions import fence_token
from watchd.ctl_protocol import Scope
from watchd.limits import Tightened
from watchd.state_file import StateRecord
from watchd.view import DaemonLook, GatewayLook, LoopLook

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
    reconciled: bool = True
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
            self.open_orders, self.drained, self.latched, int(self.fence_open), int(self.reconciled),
            self.venue_session,
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
