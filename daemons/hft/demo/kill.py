"""The kill, measured from outside: braind is frozen, and the demo's own clock and pidfd say what follows.

SIGSTOP takes braind off its core without a word, as a hang would. From the call on, the fence page and the pidfd
are looked at until the fence is closed and the process is dead; watchd knows nothing of the experiment.
"""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import asdict, dataclass

import numpy as np

from hft.layout.dtypes import ORDER_UPDATE, IntentAction, RegionKind, UpdateKind
from hft.regions import Region, RingReader, monotonic_ns, read_control_record, read_gateway_state

AWAITED_NS_MAX = 5_000_000_000
LOOK_INTERVAL_S = 200e-6


@dataclass(frozen=True)
class KillFigures:
    """Milliseconds from the SIGSTOP call; None = it did not happen within 5 s."""

    fence_ms: float | None
    dead_ms: float | None
    intents_after_fence: int = 0
    orders: OrdersAtKill | None = None  # None: no venue

    def as_json(self) -> dict[str, object]:
        return {
            "fence_ms": self.fence_ms,
            "dead_ms": self.dead_ms,
            "intents_after_fence": self.intents_after_fence,
            **({} if self.orders is None else asdict(self.orders)),
        }

    def problems(self) -> list[str]:
        """What should not be, in words."""
        problems = []
        if self.fence_ms is None:
            problems.append("braind was frozen, and the fence did not close within 5 s")
        if self.dead_ms is None:
            problems.append("braind was frozen, and was not killed within 5 s")
        if self.intents_after_fence:
            problems.append(f"{self.intents_after_fence} intents passed after the fence was closed")
        if self.orders is not None:
            problems += self.orders.problems()
        return problems


@dataclass(frozen=True)
class OrdersAtKill:
    """What the gateway says of its orders at the kill; None = it did not happen."""

    sent_after_fence: int
    open_at_kill: int
    last_cancel_ms: float | None  # from the closed fence to the last cancel on the wire
    drained: bool

    def problems(self) -> list[str]:
        problems = []
        if self.sent_after_fence:
            problems.append(f"{self.sent_after_fence} orders were sent after the fence was closed")
        if not self.drained:
            problems.append("the gateway did not drain: orders may still be open at the venue")
        return problems


def await_drained(fence: Region, gateway: Region) -> OrdersAtKill:
    """Waits, bounded, until the gateway says that nothing of the killed epoch is open."""
    page = read_control_record(fence, "Fence")
    deadline_ns = monotonic_ns() + AWAITED_NS_MAX
    while (words := read_gateway_state(gateway))["drained"] != page["epoch"] and monotonic_ns() < deadline_ns:
        time.sleep(LOOK_INTERVAL_S)
    cancelled_ns = words["last_cancel_ts_ns"]
    late = cancelled_ns > page["closed_ts_ns"]
    return OrdersAtKill(
        sent_after_fence=words["sent_after_close"],
        open_at_kill=words["open_at_close"],
        last_cancel_ms=_ms(cancelled_ns, page["closed_ts_ns"]) if late else None,
        drained=words["drained"] == page["epoch"],
    )


def freeze_and_measure(pid: int, fence: Region) -> KillFigures:
    """SIGSTOP to `pid`, a child that the caller has not reaped; then looks until all is over or 5 s have passed."""
    descriptor = os.pidfd_open(pid)
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        stopped_ns = monotonic_ns()
        signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
        closed_ns = dead_ns = 0
        while not closed_ns and monotonic_ns() - stopped_ns < AWAITED_NS_MAX:
            time.sleep(LOOK_INTERVAL_S)
            if read_control_record(fence, "Fence")["token"] == 0:
                closed_ns = monotonic_ns()
        # The kernel wakes us at the moment of death; looking for it would take the time that dying needs.
        if poller.poll(AWAITED_NS_MAX / 1e6):
            dead_ns = monotonic_ns()
    finally:
        os.close(descriptor)
    return KillFigures(_ms(closed_ns, stopped_ns), _ms(dead_ns, stopped_ns))


def _ms(at_ns: int, start_ns: int) -> float | None:
    return round((at_ns - start_ns) / 1e6, 3) if at_ns else None


def intents_after_fence(run_directory: str, fence: Region) -> int:
    """Intents that passed a check which began after the page says that it was shut. Raises RegionError."""
    shut_ts_ns = read_control_record(fence, "Fence")["shut_ts_ns"]
    ring = Region.open(f"{run_directory}/feedd/updates.ring", int(RegionKind.UPDATES_RING))
    reader, records = RingReader(ring, 0), ring.records(ORDER_UPDATE)
    passed = 0
    while count := reader.poll(4096):
        batch = records[reader.start : reader.start + count].copy()
        if reader.validate():
            would_send = batch["kind"] == int(UpdateKind.WOULD_SEND)
            sent = (batch["kind"] == int(UpdateKind.SENT)) & (batch["action"] != int(IntentAction.CANCEL))
            looked_ns = np.where(would_send, batch["publish_ts_ns"], batch["send_ts_ns"])
            late = (would_send | sent) & (looked_ns > shut_ts_ns) & (batch["in_window"] == 0)
            passed += int(np.count_nonzero(late))
            reader.advance(count)
    return passed
