"""Each daemon killed and frozen at random moments with orders resting and messages on their way.

After every moment: nothing rests at the venue, the ledgers agree, nothing was sent once the fence was shut, no order came
twice, no limit was exceeded, and a person had to bring it back. HFT_ORDER_KILLS says how many moments (default 100, over
all cases; `make order-kills` for more). A failure names its moment, which is its seed.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from material import Material
from order_world import OrderWorld
from suite import wait_until

from hft.regions import monotonic_ns

MOMENTS = int(os.environ.get("HFT_ORDER_KILLS", "100"))
WORLD_S_MAX = 600.0  # before the day that it trades on ends
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
    """Of a case. Times in nanoseconds."""

    in_flight: int = 0
    resting: int = 0
    starved: list[str] = field(
        default_factory=list
    )  # why it was closed where the fault was not the first to do it
    shut_to_off_ns: list[int] = field(default_factory=list)
    fault_to_off_ns: list[int] = field(default_factory=list)

    def add(self, world: OrderWorld, fault_ns: int, shut_ns: int) -> None:
        off_ns = world.ledger.last_off_ns
        self.shut_to_off_ns.append(max(0, off_ns - shut_ns))
        self.fault_to_off_ns.append(max(0, off_ns - fault_ns))


class Worlds:
    """One world for all cases, replaced before its day is over."""

    def __init__(self, material: Material) -> None:
        self._material, self._world = material, OrderWorld(material)
        self.orders = self.fills = 0

    def world(self) -> OrderWorld:
        if time.monotonic() - self._world.began_s > WORLD_S_MAX:
            self.end()
            self._world = OrderWorld(self._material)
        return self._world

    def end(self) -> None:
        self.orders += len(self._world.ledger.received)
        self.fills += self._world.ledger.fills
        self._world.end()


@pytest.fixture(scope="module")
def worlds(material: Material) -> Iterator[Worlds]:
    made = Worlds(material)
    yield made
    made.end()


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("name", "number"), REASONS)
def test_after_any_moment_nothing_rests_the_ledgers_agree_and_a_person_brings_it_back(
    worlds: Worlds, name: str, number: str, figure: Callable[[str], None]
) -> None:
    figures, before = Figures(), (len(worlds.world().ledger.received), worlds.world().ledger.fills)
    count = MOMENTS // len(REASONS) + (list(REASONS).index((name, number)) < MOMENTS % len(REASONS))
    for moment in range(count):
        seed = f"{name} {number} {moment}"
        try:
            one_moment(worlds.world(), name, number, random.Random(seed), figures)
        except AssertionError as error:
            error.add_note(f"the moment was: {seed}")
            raise
    world = worlds.world()
    figure(
        f"{name} {number} at {count} random moments ({count} seeds '{name} {number} N'): "
        f"orders rested at {figures.resting}, messages were on their way at {figures.in_flight}; "
        f"{len(world.ledger.received) - before[0]:,} orders, {world.ledger.fills - before[1]:,} fills; "
        f"fence or lease to the last cancel at the venue p50 {median_ms(figures.shut_to_off_ns):.1f} ms, "
        f"max {max(figures.shut_to_off_ns) / 1e6:.1f} ms; "
        f"fault to the last cancel max {max(figures.fault_to_off_ns) / 1e6:.0f} ms"
        + (f"; the machine was first: {figures.starved}" if figures.starved else "")
    )
    assert len(figures.starved) <= count // 3, f"the machine starves the suite: {figures.starved}"


def median_ms(values_ns: list[int]) -> float:
    return sorted(values_ns)[len(values_ns) // 2] / 1e6


def one_moment(world: OrderWorld, name: str, number: str, dice: random.Random, figures: Figures) -> None:
    suite = world.suite
    world.trade()
    world.ctl("delay", ms=dice.choice(ANSWERS_LATE_MS))
    time.sleep(dice.uniform(0.0, 0.2))
    words = suite.gateway()
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
