"""Faults of the venue's behaviour towards orders and messages, each armed on demand and used up as it happens."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

ENTER, REPLACE = "O", "U"
PENDING, REFUSED = "pending", "reject"


@dataclass
class RejectFault:
    """Reject the next `count` (0 = all) messages of a kind, of one symbol or any."""

    code: int
    symbol: str | None = None
    count: int = 1
    kind: str = ENTER


@dataclass(frozen=True)
class NoCancel:
    """Orders can not be cancelled for now: cancels are answered `P` and kept, or `I`."""

    answer: str
    symbol: str | None = None


@dataclass
class OrderFaults:
    """What the venue does differently. As made, nothing."""

    rejects: list[RejectFault] = field(default_factory=list)
    dead: int = 0
    amend: dict[str, Any] = field(default_factory=dict)
    drop: int = 0
    drop_types: str = ""
    no_cancel: list[NoCancel] = field(default_factory=list)

    def reject_code(self, kind: str, symbol: str) -> int:
        """The armed code for this message, 0 for none."""
        for fault in self.rejects:
            if fault.kind == kind and fault.symbol in (None, symbol):
                if fault.count == 1:
                    self.rejects.remove(fault)
                fault.count = max(fault.count - 1, 0)
                return fault.code
        return 0

    def takes_dead(self) -> bool:
        """The next order is accepted dead."""
        dead = self.dead > 0
        self.dead -= dead
        return dead

    def takes_amendment(self) -> dict[str, Any]:
        """Fields the next order is accepted with, in place of what it asked for."""
        amendment, self.amend = self.amend, {}
        return amendment

    def drops(self, kind: str) -> bool:
        """The inbound message is lost."""
        dropped = self.drop > 0 and (not self.drop_types or kind in self.drop_types)
        self.drop -= dropped
        return dropped

    def hold_of(self, symbol: str) -> NoCancel | None:
        """What keeps this symbol's orders from being cancelled."""
        return next((hold for hold in self.no_cancel if hold.symbol in (None, symbol)), None)


@dataclass(frozen=True)
class Outgoing:
    """A message on its way out. Those of one chain keep their order whatever is done to them."""

    chain: int
    message: dict[str, Any]
    copy: bool = False


@dataclass
class OutboxFaults:
    """Delay of outbound messages, reordering of a number of them, doubling."""

    delay_ns: int = 0
    delay_types: str = ""
    reorder: int = 0
    reorder_ns: int = 0
    duplicate: int = 0
    duplicate_types: str = ""


class Outbox:
    """Between the venue and its numbered stream: holds messages back, changes their order, doubles them.

    Without a fault everything passes at once. A delayed message holds up all after it (one stream has one order). A
    reordering collects `reorder` messages, or what came within `reorder_ns`, and lets them go in an order drawn from
    the seed, each chain's own order kept.
    """

    def __init__(self, emit: Callable[[Outgoing], None], seed: int) -> None:
        self.faults = OutboxFaults()
        self._emit = emit
        self._random = Random(seed)
        self._queue: list[tuple[int, Outgoing]] = []
        self._collected: list[Outgoing] = []
        self._collected_until_ns = 0

    def put(self, outgoing: Outgoing, now_ns: int) -> None:
        faults = self.faults
        delayed = faults.delay_ns and (
            not faults.delay_types or outgoing.message["type"] in faults.delay_types
        )
        self._queue.append((now_ns + (faults.delay_ns if delayed else 0), outgoing))

    def next_due_ns(self) -> int | None:
        """When something can be released, None when nothing waits."""
        due = [self._queue[0][0]] if self._queue else []
        if self._collected:
            due.append(self._collected_until_ns)
        return min(due, default=None)

    def release(self, now_ns: int) -> None:
        """Let go what is due."""
        passed = 0
        for due_ns, outgoing in self._queue:
            if due_ns > now_ns:
                break
            passed += 1
            self._pass(outgoing, now_ns)
        del self._queue[:passed]
        if self._collected and now_ns >= self._collected_until_ns:
            self._mix()

    def flush(self) -> None:
        """Let go everything, due or not."""
        self.release(1 << 62)
        if self._collected:
            self._mix()

    def _pass(self, outgoing: Outgoing, now_ns: int) -> None:
        if self.faults.reorder > 0 or self._collected:
            if not self._collected:
                self._collected_until_ns = now_ns + self.faults.reorder_ns
            self._collected.append(outgoing)
            if len(self._collected) >= self.faults.reorder:
                self._mix()
        else:
            self._out(outgoing)

    def _mix(self) -> None:
        """In an order drawn anew; places are drawn for chains, each chain fills its places in its own order."""
        collected, self._collected = self._collected, []
        self.faults.reorder = 0
        places = [outgoing.chain for outgoing in collected]
        self._random.shuffle(places)
        chains = {chain: iter([o for o in collected if o.chain == chain]) for chain in places}
        for chain in places:
            self._out(next(chains[chain]))

    def _out(self, outgoing: Outgoing) -> None:
        self._emit(outgoing)
        faults = self.faults
        if faults.duplicate and (
            not faults.duplicate_types or outgoing.message["type"] in faults.duplicate_types
        ):
            faults.duplicate -= 1
            self._emit(Outgoing(outgoing.chain, outgoing.message, copy=True))
