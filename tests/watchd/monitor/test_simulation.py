"""A thousand lives with random faults: never open without arm, never silent beyond the deadline, always back again.

HFT_SIMULATION_SEEDS asks for more (`make simulate`). Broken monitors must be caught, or the rules check nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
import simulation
from fakes import Gateway

from watchd import monitor, verdicts
from watchd.killing import Kill
from watchd.liveness import LoopTrack
from watchd.monitor import Monitor
from watchd.states import Phase, SuiteState
from watchd.verdicts import OperatorWatch

SEEDS = int(os.environ.get("HFT_SIMULATION_SEEDS", "1000"))
SEEDS_A_MUTANT = 300


def lives(first: int, last: int) -> tuple[Counter[str], list[str]]:
    """What happened in these seeds, and the ones that broke a rule."""
    counts: Counter[str] = Counter()
    broken = []
    for seed in range(first, last):
        try:
            counts += simulation.run(seed).seen.counts
        except simulation.Broken as error:
            broken.append(f"seed {seed}: {error}")
    return counts, broken


@pytest.mark.timeout(0)
def test_no_rule_is_broken_in_any_life(figure: Callable[[str], None]) -> None:
    chunk = max(1, SEEDS // 16)
    firsts = range(0, SEEDS, chunk)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(lives, firsts, [min(first + chunk, SEEDS) for first in firsts]))
    counts: Counter[str] = sum((part for part, _ in parts), Counter())
    figure(
        f"monitor, {SEEDS} lives: " + ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
    )
    assert [problem for _, problems in parts for problem in problems] == []
    # What never happened was not tested.
    assert set(simulation.FAULTS) <= set(counts)
    assert counts["ms sending"] > 100 * SEEDS


def test_the_same_seed_is_the_same_life() -> None:
    for seed in range(20):
        assert simulation.run(seed).trace.hexdigest() == simulation.run(seed).trace.hexdigest()


def is_caught() -> bool:
    for seed in range(SEEDS_A_MUTANT):
        try:
            simulation.run(seed)
        except (simulation.Broken, KeyError):
            return True
    return False


def opens_before_the_disk_says_armed(patch: pytest.MonkeyPatch) -> None:
    begin = Monitor.begin_arming

    def begin_and_open(self, view, by, uid):
        begin(self, view, by, uid)
        self._finish_arming(view, None)

    patch.setattr(Monitor, "begin_arming", begin_and_open)


def arms_by_itself_from_killed(patch: pytest.MonkeyPatch) -> None:
    init = Monitor.__init__

    def start_armed(self, settings, record, *rest, **more):
        init(self, settings, record, *rest, **more)
        if record.state is SuiteState.KILLED:
            self.phase, self.auto_arm = Phase.DISARMED, True

    patch.setattr(Monitor, "__init__", start_armed)


def renews_a_lapsed_lease(patch: pytest.MonkeyPatch) -> None:
    """And believes in it: only the gateway's latch is left, which the world's gateway reports."""

    judge = Monitor._judge

    def renew_and_judge(self, view):
        if self.phase is Phase.ARMED:
            self.lease_deadline_ns = view.now_ns + self.settings.lease_ns
        judge(self, view)

    patch.setattr(verdicts, "_of_lease", lambda _view, _armed, _deadline: None)
    patch.setattr(Monitor, "_judge", renew_and_judge)
    patch.setattr(Gateway, "tick", _ticks_without_latch)


def _ticks_without_latch(self, fence, now_ns, *rest, tick=Gateway.tick):
    tick(self, fence, now_ns, *rest)
    self.latched = 0  # so that nothing but the monitor stands between a late renewal and the venue


def never_counts_silence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LoopTrack, "_ready_miss", lambda _self, _settings: None)


def kills_without_closing_the_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Monitor, "_close_fence", lambda _self, _reason: None)


def ignores_the_operator(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OperatorWatch, "look", lambda *_seen, **_flags: None)


def writes_disarmed_without_asking_the_gateway(patch: pytest.MonkeyPatch) -> None:
    def advance(self, view):
        why, _ = self._closing
        self.save_as(SuiteState.DISARMED, view, why.reason, why.detail, why.by, why.uid)

    patch.setattr(Monitor, "_advance_closing", advance)


def never_ends_a_kill(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Kill, "advance", lambda _self, _view, _tracks, _settings: ([], False))


def reuses_the_epoch(patch: pytest.MonkeyPatch) -> None:
    begin = Monitor.begin_arming

    def begin_again(self, view, by, uid):
        self.epoch = max(0, self.epoch - 1)
        begin(self, view, by, uid)

    patch.setattr(Monitor, "begin_arming", begin_again)


def does_not_mind_losses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdicts, "loss", lambda _view, _loss_max_value: None)


def believes_the_gateway_s_ledger(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(monitor, "disagreement", lambda _view: None)


@pytest.mark.parametrize(
    "mutate",
    [
        opens_before_the_disk_says_armed, arms_by_itself_from_killed, renews_a_lapsed_lease, never_counts_silence,
        kills_without_closing_the_fence, ignores_the_operator, writes_disarmed_without_asking_the_gateway,
        never_ends_a_kill, reuses_the_epoch, does_not_mind_losses, believes_the_gateway_s_ledger,
    ],
    ids=lambda mutate: mutate.__name__,
)  # fmt: skip
def test_a_monitor_that(mutate, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    assert is_caught(), f"{SEEDS_A_MUTANT} lives with a monitor that {mutate.__name__} broke no rule"
