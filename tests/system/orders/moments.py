"""One moment: the suite trades, a daemon is killed or frozen, and what must hold is looked at."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import dataclass, field

from order_world import SETTLE_S, OrderWorld
from suite import wait_until

from hft.regions import monotonic_ns

ANSWERS_LATE_MS = (0, 2, 10)  # so that messages are on their way
# Why watchd closes the fence, when the machine lets everybody run.
REASONS = {
    ("braind", "SIGKILL"): "process_died",
    ("braind", "SIGSTOP"): "loop_silent",
    ("feedd", "SIGKILL"): "process_died",
    ("feedd", "SIGSTOP"): "loop_silent",
    ("watchd", "SIGKILL"): "died_armed",
    ("watchd", "SIGSTOP"): "lease_lapsed",
}


@dataclass
class Figures:
    """Of a case. `starved`: why the fence was shut where the machine was the first to do it. Times in nanoseconds."""

    in_flight: int = 0
    resting: int = 0
    starved: list[str] = field(default_factory=list)
    shut_to_off_ns: list[int] = field(default_factory=list)
    fault_to_off_ns: list[int] = field(default_factory=list)

    def add(self, world: OrderWorld, fault_ns: int, shut_ns: int) -> None:
        off_ns = world.ledger.last_off_ns
        self.shut_to_off_ns.append(max(0, off_ns - shut_ns))
        self.fault_to_off_ns.append(max(0, off_ns - fault_ns))


def one_moment(
    world: OrderWorld,
    name: str,
    number: str,
    dice: random.Random,
    figures: Figures,
    *,
    trades_s: float = 0.0,
    rests: bool = False,
) -> None:
    """`trades_s`: how long it trades at least. `rests`: and on, until an order rests."""
    suite = world.suite
    world.trade()
    world.ctl("delay", ms=dice.choice(ANSWERS_LATE_MS))
    time.sleep(trades_s + dice.uniform(0.0, 0.2))
    words = when_one_rests(world) if rests else suite.gateway()
    figures.in_flight += words["unacknowledged"] > 0
    figures.resting += words["open_orders"] > 0
    epoch, fault_ns = suite.fence()["epoch"], monotonic_ns()
    suite.signal(name, getattr(signal, number))
    if name == "watchd":
        shut_ns = wait_for_the_lapse(world, epoch)
        world.quiet()
        if number == "SIGSTOP":
            suite.signal(name, signal.SIGCONT)
        else:
            suite.processes[name].wait()
            suite.start_watchd()
    suite.wait_for_state("killed", "disarmed")
    wait_until(lambda: suite.status()["state_durable"], "the state is on the disk")
    if name != "watchd":
        shut_ns = suite.fence()["shut_ts_ns"]
    if suite.record().reason != REASONS[name, number]:
        figures.starved.append(suite.record().reason)
    world.judge(shut_ns, feedd_died=not suite.alive("feedd"))
    if suite.record().state == "killed":
        world.stays_shut()
    figures.add(world, fault_ns, shut_ns)


def when_one_rests(world: OrderWorld) -> dict[str, int]:
    """The gateway's words at a moment at which an order rests."""
    suite, words = world.suite, world.suite.gateway()

    def one_rests() -> bool:
        nonlocal words
        words = suite.gateway()
        return words["open_orders"] > 0

    wait_until(one_rests, lambda: f"an order rests: {words} {suite.status()}", SETTLE_S)
    return words


def wait_for_the_lapse(world: OrderWorld, epoch: int) -> int:
    """Nobody is there to close the fence: the gateway shuts the epoch. The end of its lease."""
    suite = world.suite
    wait_until(
        lambda: suite.gateway()["epoch_latched"] == epoch or not suite.fence()["token"],
        "the epoch is shut",
        10,
    )
    page = suite.fence()
    return page["lease_deadline_ns"] or page["shut_ts_ns"]
