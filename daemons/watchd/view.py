"""What the monitor sees in one pass: plain values, read by eyes.py, made up by tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from watchd.ctl_protocol import Request, Scope
from watchd.scribe import Completion
from watchd.tally import TallyLook


@dataclass(slots=True)
class LoopLook:
    """One hot loop's progress words (schema: LoopProgress), and what is known of it from elsewhere.

    `offered`: a monotone count, from another process's words, of what this loop has been given to consume;
    0 where nobody else counts it. `heartbeats`: accepted ones since registration. `run_delay_ns`: how long its thread
    has waited for a core in all its life, looked up only while it does not move (0 = not looked up, or unknown).
    """

    iterations: int
    consumed: int
    produced: int
    lag_records: int
    state: int
    offered: int = 0
    heartbeats: int = 0
    run_delay_ns: int = 0


@dataclass(slots=True)
class DaemonLook:
    """A registered daemon. `alive` is its pidfd's word; `loops` is empty when its progress can not be read."""

    pid: int
    generation: int
    start_ts_ns: int
    alive: bool
    loops: tuple[LoopLook, ...]


@dataclass(slots=True)
class GatewayLook:
    """Words of gateway.state (schema: GatewayState), of the registered feedd's own region only."""

    generation: int
    intents_generation: int
    fence_token_seen: int
    fence_epoch_seen: int
    veto_seen: int
    open_orders: int
    drained: int
    epoch_latched: int
    fence_open: int
    reconciled: int
    venue_session: int = 0
    unacknowledged: int = 0
    orders_sent: int = 0
    cancels_sent: int = 0
    sent_after_close: int = 0
    sent_in_window: int = 0
    open_at_close: int = 0
    close_seen_ts_ns: int = 0
    last_cancel_ts_ns: int = 0
    drained_ts_ns: int = 0
    limits_sequence: int = 0
    realized_value: int = 0
    marked_value: int = 0
    cancel_all_done: int = 0
    flatten_done: int = 0
    flatten_refusal: int = 0


@dataclass(slots=True)
class OperatorVeto:
    """operator/veto: the word, and the note beside it."""

    word: int = 0
    uid: int = 0
    pid: int = 0
    set_ts_ns: int = 0


@dataclass(slots=True)
class View:
    """One look at everything. `now_ns` is CLOCK_MONOTONIC, `wall_ns` is for people only."""

    now_ns: int
    wall_ns: int
    feedd: DaemonLook | None = None
    braind: DaemonLook | None = None
    gateway: GatewayLook | None = None
    intents_generation: int = 0  # of the registered braind's queue, 0 = none
    braind_veto: int = 0
    operator: OperatorVeto = field(default_factory=OperatorVeto)
    fence_closed_ns: int = 0  # CLOCK_MONOTONIC, of the last closing
    tally: TallyLook | None = None  # watchd's own count of fills; None = nothing to count from
    instrument_ids: Mapping[str, int] = field(
        default_factory=dict
    )  # of risk.symbols and of what is paused, as the board names them
    absent_symbols: Collection[str] = ()  # of those: looked for, and not on this feedd's board
    names: Mapping[int, str] = field(
        default_factory=dict
    )  # symbols of the instruments that requests are about, by id, as far as the board has them
    command_ticket: int = 0  # of the last command on the page
    open_in: Mapping[Scope, int] = field(
        default_factory=dict
    )  # open orders, of the scopes that people asked about
    requests: list[Request] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)

    def name_of(self, scope: Scope) -> str:
        """The symbol of its instrument, "" = nobody knows, or it is not one instrument."""
        if scope.symbol:
            return scope.symbol
        return "" if scope.instrument is None else self.names.get(scope.instrument, "")
