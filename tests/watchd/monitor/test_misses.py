"""The lease, what counts as a miss, and a death, on a manual clock."""

from __future__ import annotations

import pytest
from fakes import DRAINING, MS
from seen import noted, phase, reason
from world import World

from hft.layout.dtypes import LoopState
from watchd.settings import Settings
from watchd.states import Phase, SuiteState

WARMUP = int(LoopState.WARMUP)


# -- lease --------------------------------------------------------------------------------------------------------


def test_the_lease_is_renewed_every_pass_and_the_token_is_not_touched() -> None:
    world = World().armed()
    token, deadlines = world.fence.token, set()
    for _ in range(200):
        world.tick()
        deadlines.add(world.fence.lease_deadline_ns)
        assert world.fence.token == token
    assert len(deadlines) in (20, 21)


def test_a_frozen_watchd_stops_trading_by_itself_and_only_arming_resumes() -> None:
    world = World().armed()
    world.run_ms(99, watchd_runs=False)
    assert world.gateway.fence_open
    world.run_ms(20, watchd_runs=False)
    assert not world.gateway.fence_open
    world.run_ms(200)
    assert (phase(world), world.fence.token, reason(world)) == (Phase.DISARMED, 0, "lease_lapsed")
    assert [alert["event"] for alert in world.alerts] == ["lease_lapsed"]
    assert world.braind.alive, "a starved watchd is no reason to kill braind"
    assert world.ask("arm")["ok"]


def test_a_lapsed_lease_is_never_renewed() -> None:
    world = World().armed()
    world.feedd.loops[1].frozen = True  # the gateway could not latch it
    world.now_ns += 150 * MS
    assert world.monitor.renew(world.now_ns) is None


def test_a_stalled_watchd_does_not_blame_others_for_its_own_gap() -> None:
    world = World().armed()
    for process in (world.feedd, world.braind):
        for loop in process.loops:
            loop.frozen = True
    world.run_ms(90, watchd_runs=False)  # the whole machine stood still
    world.watchd_pass()
    for process in (world.feedd, world.braind):
        for loop in process.loops:
            loop.frozen = False
    world.run_ms(50)
    assert phase(world) is Phase.ARMED
    assert noted(world, "stalled")


# -- misses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("daemon", "loop"), [("feedd", 0), ("feedd", 1), ("braind", 0)])
def test_a_loop_without_a_round_is_killed_within_deadline_and_two_passes(daemon: str, loop: int) -> None:
    world = World().armed()
    world.run_ms(50)
    getattr(world, daemon).loops[loop].frozen = True
    world.run_ms(29)
    assert phase(world) is Phase.ARMED
    world.run_ms(21)
    assert phase(world) in (Phase.KILLING, Phase.KILLED)
    assert (world.fence.token, reason(world)) == (0, "loop_silent")
    assert world.braind is None or not world.braind.alive


def test_a_silence_that_was_spent_waiting_for_a_core_says_so() -> None:
    world = World().armed()
    loop = world.braind.loops[0]
    loop.frozen = True
    for _ in range(60):
        loop.run_delay_ns += MS
        world.run_ms(1)
    assert "waiting for a core" in world.monitor.record.detail
    other = World().armed()
    other.braind.loops[0].frozen = True
    other.run_ms(60)
    assert "waiting" not in other.monitor.record.detail


def test_the_next_look_is_asked_for_at_the_moment_a_silence_becomes_a_miss() -> None:
    world = World().armed()
    world.run_ms(20)
    assert world.monitor.roster.due_in_ns() is None
    world.braind.loops[0].frozen = True
    while not world.monitor.roster.due_in_ns():
        world.run_ms(1)
    world.now_ns += world.monitor.roster.due_in_ns() - MS
    world.watchd_pass()
    assert (phase(world), world.monitor.roster.due_in_ns()) == (Phase.ARMED, MS)
    world.now_ns += MS
    world.watchd_pass()
    assert reason(world) == "loop_silent"


def test_a_silence_that_is_a_miss_already_asks_for_no_look_of_its_own() -> None:
    world = World().armed()
    world.gateway.slow_to_drain = True
    world.feedd.loops[0].frozen = True
    world.run_ms(200)
    assert phase(world) is Phase.KILLING
    assert world.monitor.roster.due_in_ns() is None, "watchd would spin until the kill is over"


def test_a_loop_that_consumes_nothing_although_the_ring_moves_is_killed() -> None:
    world = World().armed()
    world.braind.loops[0].stalled = True
    world.run_ms(340)
    assert reason(world) == "loop_stalled"


def test_a_loop_that_consumes_nothing_because_nothing_is_offered_is_left_alone() -> None:
    world = World().armed()
    world.braind.loops[0].stalled = world.feedd.loops[0].stalled = True
    world.run_ms(2000)
    assert phase(world) is Phase.ARMED


def test_a_gateway_whose_queue_is_gone_or_begins_anew_is_not_stalled() -> None:
    world = World().started()
    world.feedd.loops[1].stalled = True  # nothing is pushed, so nothing is answered
    world.braind.loops[0].produced = 500
    world.run_ms(20)
    world.braind.alive = False
    world.run_ms(1000)
    assert phase(world) is Phase.DISARMED


def test_rounds_without_heartbeats_are_a_miss_of_their_own_deadline() -> None:
    world = World().armed()
    world.braind.loops[0].mute = True
    world.run_ms(280)
    assert phase(world) is Phase.ARMED
    world.run_ms(60)
    assert reason(world) == "heartbeats_lost"


def test_a_warm_up_may_be_silent_but_not_for_ever() -> None:
    world = World(Settings(warmup_deadline_ns=1000 * MS))
    world.start_feedd()
    world.start_braind(WARMUP)
    world.start_watchd()
    world.run_ms(900)
    assert phase(world) is Phase.DISARMED
    world.run_ms(200)
    assert reason(world) == "warmup_deadline"


def test_draining_has_its_own_deadline() -> None:
    world = World().armed()
    world.braind.loops[0].state = DRAINING
    world.run_ms(300)
    assert phase(world) is Phase.DISARMED
    world.run_ms(2000)
    assert reason(world) == "drain_deadline"


def test_a_miss_while_disarmed_kills_as_well() -> None:
    world = World().started()
    world.braind.loops[0].frozen = True
    world.run_ms(100)
    assert (phase(world), reason(world)) == (Phase.KILLED, "loop_silent")


def test_a_loop_that_leaves_ready_backwards_is_a_miss() -> None:
    world = World().armed()
    world.braind.loops[0].state = WARMUP
    world.run_ms(20)
    assert reason(world) == "loop_silent"


# -- deaths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("daemon", ["feedd", "braind"])
def test_a_daemon_that_ends_without_a_word_while_armed_is_a_kill(daemon: str) -> None:
    world = World().armed()
    getattr(world, daemon).alive = False
    world.run_ms(20)
    assert (reason(world), world.fence.token) == ("process_died", 0)
    assert world.braind is None or not world.braind.alive


@pytest.mark.parametrize("daemon", ["feedd", "braind"])
def test_a_daemon_that_ends_while_disarmed_is_noted_and_forgotten(daemon: str) -> None:
    world = World().started()
    getattr(world, daemon).alive = False
    world.run_ms(20)
    assert (phase(world), getattr(world, daemon)) == (Phase.DISARMED, None)
    assert noted(world, "gone")[-1]["daemon"] == daemon


def test_an_orderly_stop_disarms_and_kills_nobody() -> None:
    world = World().armed()
    world.braind.loops[0].state = DRAINING
    world.run_ms(15)
    world.braind.alive = False
    world.run_ms(100)
    assert (phase(world), world.disk.record.state, reason(world)) == (
        Phase.DISARMED,
        SuiteState.DISARMED,
        "disarmed",
    )


def test_a_daemon_that_says_draining_and_is_gone_before_the_next_pass_has_ended_orderly() -> None:
    world = World().armed()
    world.braind.loops[0].state, world.braind.alive = DRAINING, False
    world.run_ms(100)
    assert phase(world) is Phase.DISARMED
