"""Random faults against the monitor, seeded: `run(seed)` plays a few seconds of a suite's life and checks, every
millisecond, what must hold in all of them. The rules are written from DESIGN 5, not from the monitor.

    python simulation.py FIRST LAST      runs the seeds and prints what happened in them
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes import DRAINING, MS, Loop
from world import World

from hft.layout.dtypes import LoopState
from watchd.settings import Settings
from watchd.states import Phase, SuiteState
from watchd.view import OperatorVeto

FAULTY_MS, HEALING_MS = 2000, 5000
WARMUP = int(LoopState.WARMUP)


class Broken(AssertionError):
    """A rule was broken; the text has the rule and the time."""


@dataclass
class Seen:
    """What the checks remember."""

    last_arm_ns: int = -1  # a person asked, or a watchd that arms on start began from `disarmed`
    last_no_ns: int = 0  # kill asked, veto set
    watched_ns: dict[int, int] = field(default_factory=dict)  # id(loop) -> ns frozen while watchd was running
    watchd_missing_ns: int = 0
    births: dict[int, int] = field(default_factory=dict)  # generation -> fence epoch when it was born
    venue_orders: int = 0
    lapsed_epoch: int = 0
    wrong_ns: int = 0  # how long the ledgers have been wrong while watchd was running and feedd was there
    counts: Counter[str] = field(default_factory=Counter)


class Simulation(World):
    """A world whose every tick is checked."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        arm_on_start = self.random.random() < 0.5
        state = self.random.choices(
            [SuiteState.DISARMED, SuiteState.KILLED, SuiteState.ARMED, None], [6, 2, 1, 1]
        )[0]
        super().__init__(Settings(arm_on_start=arm_on_start, warmup_deadline_ns=500 * MS), state)
        self.seen = Seen()
        self.stalled_until_ns = 0
        self.restart_watchd_at_ns = 0
        self.clearing = 0  # ticket of a clear that is not answered yet
        self.trace = hashlib.sha256()
        self.disk_was = self.disk.record
        if state is SuiteState.DISARMED and arm_on_start:
            self.seen.last_arm_ns = self.now_ns
        if self.random.random() < 0.8:
            self.start_feedd()
        if self.random.random() < 0.8:
            self.start_braind()
        self.start_watchd()

    # -- the world with faults ------------------------------------------------------------------------------------

    def start_feedd(self, state: int = int(LoopState.READY)):
        process = super().start_feedd(state)
        self.seen.births[self.gateway.generation] = self.fence.epoch
        self.seen.venue_orders = 0  # cancel-on-disconnect, and a new gateway reconciles
        return process

    def start_braind(self, state: int = int(LoopState.READY)):
        process = super().start_braind(state)
        self.seen.births[self.intents_generation] = self.fence.epoch
        return process

    def start_watchd(self):
        disarmed = self.disk.record is not None and self.disk.record.state is SuiteState.DISARMED
        if disarmed and self.settings.arm_on_start:
            self.seen.last_arm_ns = self.now_ns
        return super().start_watchd()

    def crash_watchd(self) -> None:
        """What was on its way to the disk arrives or does not."""
        kept = self.random.randint(0, len(self.disk.queue))
        for what, _, _ in self.disk.queue[:kept]:
            if not self.disk.full:
                self.disk.store(what)
        self.disk.queue.clear()
        self.monitor = None
        self.restart_watchd_at_ns = self.now_ns + self.random.randint(1, 400) * MS

    def tick(self, watchd_runs: bool = True) -> None:
        runs = watchd_runs and self.now_ns >= self.stalled_until_ns
        super().tick(runs)
        if self.monitor is None and self.restart_watchd_at_ns and self.now_ns >= self.restart_watchd_at_ns:
            self.restart_watchd_at_ns = 0
            self.start_watchd()
        if self.answers.get(self.clearing, {}).get("ok"):
            self.clearing = 0
            self.operator = OperatorVeto()  # the client takes the veto back when watchd has cleared
        self.check(runs and self.monitor is not None)

    def say_no(self) -> None:
        self.seen.last_no_ns = self.now_ns

    def fault(self) -> None:
        """One random thing goes wrong, or a person does something."""
        name = self.random.choices(list(FAULTS), [weight for weight, _ in FAULTS.values()])[0]
        self.seen.counts[name] += 1
        FAULTS[name][1](self)

    def loops(self) -> list[Loop]:
        processes = [process for process in (self.feedd, self.braind) if process is not None]
        return [loop for process in processes for loop in process.loops]

    # -- what must hold -------------------------------------------------------------------------------------------

    def broken(self, rule: str) -> None:
        raise Broken(f"{rule} (at {self.now_ns // MS} ms, phase {self.monitor and self.monitor.phase})")

    def check(self, watched: bool) -> None:
        gateway_runs = self.feedd is not None and self.feedd.alive and not self.feedd.loops[1].frozen
        sends = gateway_runs and self.gateway.fence_open
        if self.fence.token and self.now_ns >= self.fence.lease_deadline_ns:
            self.seen.lapsed_epoch = self.fence.epoch
        self._check_disk()
        self._count_silence(watched)
        wrong = (
            watched and self.feedd is not None and (self.tally.disagreement or self.tally.marked_value < 0)
        )
        self.seen.wrong_ns = self.seen.wrong_ns + MS if wrong else 0
        if sends:
            self.seen.counts["ms sending"] += 1
            self._check_sending()
        if self.gateway is not None:
            self.seen.venue_orders = self.gateway.open_orders
        state = f"{self.monitor and self.monitor.phase} {self.fence} {self.disk.record} {sends}"
        self.trace.update(state.encode())

    def _check_sending(self) -> None:
        seen = self.seen
        if self.disk.record is None or self.disk.record.state is not SuiteState.ARMED:
            self.broken("orders flow although the disk does not say armed")
        if seen.last_arm_ns < 0 or seen.last_arm_ns < seen.last_no_ns:
            self.broken("orders flow although nobody armed after the last no")
        if seen.lapsed_epoch == self.fence.epoch:
            self.broken("orders flow in an epoch whose lease has lapsed once")
        if self.operator.word:
            self.broken("orders flow under the operator's veto")
        if self.fence.epoch <= seen.births[self.gateway.generation]:
            self.broken("a feedd that was not there when the epoch was armed sends")
        if self.braind is not None and self.fence.epoch <= seen.births[self.intents_generation]:
            self.broken("a queue that was not there when the epoch was armed is obeyed")
        if seen.watchd_missing_ns > self.settings.lease_ns + 2 * MS:
            self.broken("orders flow without watchd for longer than the lease")
        self._check_ledgers()
        allowed_ns = self.settings.deadline_ns + 3 * self.settings.pass_interval_ns + 2 * MS
        for loop in self.loops():
            if seen.watched_ns.get(id(loop), 0) > allowed_ns:
                self.broken("a loop is silent beyond the deadline and orders flow")

    def _check_ledgers(self) -> None:
        if self.seen.wrong_ns > 3 * self.settings.pass_interval_ns:
            self.broken("orders flow although the loss limit is passed, or the ledgers disagree")

    def _count_silence(self, watched: bool) -> None:
        self.seen.watchd_missing_ns = 0 if watched else self.seen.watchd_missing_ns + MS
        for loop in self.loops():
            counted = self.seen.watched_ns.get(id(loop), 0)
            silent = loop.frozen and loop.state == int(LoopState.READY)
            # A watchd that was away gives everybody a fresh deadline.
            self.seen.watched_ns[id(loop)] = counted + MS if silent and watched else 0

    def _check_disk(self) -> None:
        if self.disk.record is self.disk_was:
            return
        was, self.disk_was = self.disk_was, self.disk.record
        if self.disk.record.state is SuiteState.DISARMED and self.seen.venue_orders:
            self.broken("disarmed is on the disk although orders are open")
        if self.disk.record.state is SuiteState.ARMED and (was is None or was.state is SuiteState.KILLED):
            self.broken("armed is on the disk right after killed")

    # -- the end --------------------------------------------------------------------------------------------------

    def _bring_daemons(self) -> None:
        (self.feedd and self.feedd.alive) or self.start_feedd()
        (self.braind and self.braind.alive and not self.braind_veto) or self._new_braind()
        self.run_ms(100)

    def heal(self) -> None:
        """Faults stop; people bring it back: everything must be able to trade again."""
        self.disk.full, self.disk.slow_ticks, self.stalled_until_ns = False, 2, 0
        for loop in self.loops():
            loop.frozen = loop.stalled = loop.mute = False
        if self.gateway is not None:
            self.gateway.slow_to_drain = False
        self.tally.marked_value = 0
        if self.monitor is None:
            self.restart_watchd_at_ns = 0
            self.start_watchd()
        self.run_ms(HEALING_MS)
        if self.monitor.phase not in (Phase.DISARMED, Phase.KILLED, Phase.ARMED):
            self.broken(f"not settled {HEALING_MS} ms after the last fault")
        self._bring_daemons()
        if (self.monitor.phase is Phase.KILLED or self.operator.word) and not self.clear()["ok"]:
            self.broken(f"can not be cleared: {self.answers}")
        self.run_ms(100)
        self._bring_daemons()  # what was wrong before, such as ledgers that differed, may have killed the first ones
        self.seen.last_arm_ns = self.now_ns
        answer = self.ask("arm")
        if not answer["ok"]:
            self.broken(f"can not be armed again: {answer}")
        self.run_ms(50)
        if not self.gateway.fence_open:
            self.broken("armed again, and nothing flows")

    def _new_braind(self) -> None:
        if self.braind is not None:
            self.braind.alive = False
            self.run_ms(50)
        self.start_braind()


def _freeze(sim: Simulation) -> None:
    if loops := sim.loops():
        sim.random.choice(loops).frozen = True


def _thaw(sim: Simulation) -> None:
    for loop in sim.loops():
        loop.frozen = False


def _spoil(what: str):
    def spoil(sim: Simulation) -> None:
        if loops := sim.loops():
            setattr(sim.random.choice(loops), what, True)

    return spoil


def _die(name: str):
    def die(sim: Simulation) -> None:
        process = getattr(sim, name)
        if process is not None:
            process.alive = False

    return die


def _come(name: str):
    def come(sim: Simulation) -> None:
        if getattr(sim, name) is None:
            state = sim.random.choice([WARMUP, int(LoopState.READY), int(LoopState.READY)])
            process = sim.start_feedd(state) if name == "feedd" else sim.start_braind(state)
            del process

    return come


def _warm(sim: Simulation) -> None:
    for loop in sim.loops():
        if loop.state == WARMUP:
            loop.state = int(LoopState.READY)


def _leave(sim: Simulation) -> None:
    process = sim.random.choice([sim.feedd, sim.braind])
    if process is not None:
        for loop in process.loops:
            loop.state = DRAINING


def _arm(sim: Simulation) -> None:
    sim.seen.last_arm_ns = sim.now_ns
    sim.send("arm")


def _kill(sim: Simulation) -> None:
    """As the client does: send, then veto."""
    sim.say_no()
    sim.send("kill")
    sim.set_operator_veto(pid=7)


def _disarm(sim: Simulation) -> None:
    sim.send("disarm")


def _veto(sim: Simulation) -> None:
    sim.say_no()
    sim.set_operator_veto(sim.random.choice([7, 8]))


def _clear(sim: Simulation) -> None:
    sim.clearing = sim.send("clear")


def _crash(sim: Simulation) -> None:
    if sim.monitor is not None:
        sim.crash_watchd()


def _stall(sim: Simulation) -> None:
    sim.stalled_until_ns = sim.now_ns + sim.random.choice([5, 30, 80, 150, 400]) * MS


def _disk(sim: Simulation) -> None:
    sim.disk.full = sim.random.random() < 0.5
    sim.disk.slow_ticks = sim.random.choice([0, 2, 30, 200])


def _self_veto(sim: Simulation) -> None:
    if sim.braind is not None:
        sim.braind_veto = 2


def _bring_back(sim: Simulation) -> None:
    """What people do all day: look at it, start what is missing, clear, arm."""
    sim.disk.full = False
    for loop in sim.loops():
        loop.frozen = loop.stalled = loop.mute = False
    sim.tally.marked_value = 0
    _come("feedd")(sim)
    _come("braind")(sim)
    _warm(sim)
    _clear(sim)
    sim.run_ms(60)
    _warm(sim)
    _arm(sim)


def _slow(sim: Simulation) -> None:
    if sim.gateway is not None:
        sim.gateway.slow_to_drain = not sim.gateway.slow_to_drain


def _lose(sim: Simulation) -> None:
    sim.tally.marked_value = sim.random.choice([-1, 0, 5])


def _differ(sim: Simulation) -> None:
    sim.tally.disagreement = "AAPL: position is 1 by the gateway's account and 2 by its updates"


def _send_late(sim: Simulation) -> None:
    if sim.gateway is not None and not sim.gateway.fence_open:
        sim.gateway.sent_after_close += 1


FAULTS = {
    "freeze a loop": (6, _freeze), "thaw": (8, _thaw), "stall a loop": (2, _spoil("stalled")),
    "lose heartbeats": (2, _spoil("mute")), "feedd dies": (2, _die("feedd")), "braind dies": (3, _die("braind")),
    "feedd comes": (8, _come("feedd")), "braind comes": (10, _come("braind")), "warm-up ends": (8, _warm),
    "a daemon leaves": (2, _leave), "arm": (14, _arm), "kill": (3, _kill), "disarm": (3, _disarm),
    "bring it back": (12, _bring_back), "operator veto": (2, _veto), "clear": (14, _clear),
    "watchd crashes": (3, _crash), "watchd stalls": (5, _stall), "disk": (6, _disk),
    "braind vetoes": (1, _self_veto), "slow drain": (3, _slow), "loss": (2, _lose), "ledgers differ": (1, _differ),
    "gateway sends late": (1, _send_late),
}  # fmt: skip


def run(seed: int) -> Simulation:
    """One life. Raises Broken."""
    sim = Simulation(seed)
    end_ns = sim.now_ns + FAULTY_MS * MS
    while sim.now_ns < end_ns:
        sim.run_ms(sim.random.choice([1, 5, 15, 40, 120]))
        sim.fault()
    sim.heal()
    return sim


def main(first: int, last: int) -> None:
    """Prints what happened in the seeds, and each seed that broke a rule."""
    totals: Counter[str] = Counter()
    broken = 0
    for seed in range(first, last):
        try:
            totals += run(seed).seen.counts
        except Broken as error:
            broken += 1
            print(f"seed {seed}: {error}")
    happened = ", ".join(f"{k}: {v}" for k, v in sorted(totals.items()))
    print(f"{last - first} seeds, {broken} broken; {happened}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
