"""The monitor on a manual clock: one behaviour of DESIGN 5 a test."""

from __future__ import annotations

from dataclasses import replace

import pytest
from world import DRAINING, MS, World

from hft.layout.dtypes import CloseReason, LoopState
from watchd.ctl_protocol import Scope
from watchd.settings import Settings
from watchd.state_file import Paused
from watchd.states import Phase, SuiteState
from watchd.transitions import TRANSITIONS, Step, follow

WARMUP = int(LoopState.WARMUP)


def phase(world: World) -> Phase:
    assert world.monitor is not None
    return world.monitor.phase


def reason(world: World) -> str:
    assert world.monitor is not None
    return world.monitor.record.reason


def noted(world: World, event: str) -> list[dict[str, object]]:
    return [note.fields for note in world.notes if note.event == event]


# -- arming -------------------------------------------------------------------------------------------------------


def test_armed_is_on_the_disk_before_the_fence_opens() -> None:
    world = World().started()
    world.disk.slow_ticks = 50
    world.send("arm")
    for _ in range(200):
        world.tick()
        if world.fence.token:
            assert world.disk.record.state is SuiteState.ARMED
    assert world.gateway.fence_open


def test_a_disk_that_is_full_leaves_the_fence_closed_and_the_answer_says_why() -> None:
    world = World().started()
    world.disk.full = True
    answer = world.ask("arm")
    assert (answer["ok"], world.fence.token) == (False, 0)
    assert "No space left" in answer["text"]


def test_after_a_failed_arming_the_suite_is_disarmed_again_when_the_disk_takes_it() -> None:
    world = World().started()
    world.disk.full = True
    world.ask("arm")
    world.disk.full = False
    world.run_ms(1100)
    assert (phase(world), world.disk.record.state) == (Phase.DISARMED, SuiteState.DISARMED)


def test_every_arming_has_a_new_epoch_also_after_a_restart() -> None:
    world = World().armed()
    first = world.fence.epoch
    world.ask("disarm")
    world.start_watchd()
    world.run_ms(100)
    world.ask("arm")
    assert world.fence.epoch == first + 1


def test_the_token_is_bound_to_the_epoch_and_both_generations() -> None:
    world = World().armed()
    world.run_ms(20)
    assert world.gateway.fence_open
    world.gateway.generation += 1
    world.run_ms(1)
    assert not world.gateway.fence_open


@pytest.mark.parametrize(
    ("prepare", "blocker"),
    [
        (lambda w: setattr(w, "feedd", None), "feedd is not registered"),
        (lambda w: setattr(w, "braind", None), "braind is not registered"),
        (lambda w: setattr(w.braind.loops[0], "state", WARMUP), "braind/brain is warming up"),
        (lambda w: setattr(w, "operator", replace(w.operator, word=1)), "the operator's veto is set"),
        (lambda w: setattr(w, "braind_veto", 2), "braind vetoes (reason 2)"),
    ],
)  # fmt: skip
def test_what_blocks_arming_is_named(prepare, blocker: str) -> None:
    world = World()
    world.start_feedd()
    world.start_braind()
    prepare(world)
    world.start_watchd()
    world.run_ms(60)
    answer = world.ask("arm")
    assert answer["code"] == "refused"
    # An operator's veto is a kill by itself; then that is the blocker.
    assert any(text.startswith((blocker, "killed:")) for text in answer["arm_blockers"])
    assert world.fence.token == 0


def test_open_orders_block_arming() -> None:
    world = World().started()
    world.gateway.slow_to_drain, world.gateway.open_orders = True, 3
    world.run_ms(20)
    assert "3 orders are open or unknown" in world.ask("arm")["arm_blockers"]


def test_a_queue_that_the_gateway_has_not_attached_blocks_arming() -> None:
    world = World().started()
    world.feedd.loops[1].frozen = True
    world.intents_generation = world.new_id()
    world.run_ms(10)
    assert "the gateway has not attached to braind's intents queue" in world.ask("arm")["arm_blockers"]


def test_in_mode_observe_nothing_can_be_armed() -> None:
    world = World(Settings(observe=True)).started()
    assert 'run.mode is "observe": nothing can be armed' in world.ask("arm")["arm_blockers"]


def test_arming_needs_a_name() -> None:
    assert "--by" in World().started().ask("arm", by="")["text"]


def test_arm_on_start_arms_once_as_soon_as_nothing_blocks() -> None:
    world = World(Settings(arm_on_start=True))
    world.start_watchd()
    world.run_ms(100)
    assert phase(world) is Phase.DISARMED
    world.start_feedd()
    world.start_braind()
    world.run_ms(100)
    assert (phase(world), world.disk.record.by) == (Phase.ARMED, "arm_on_start")
    world.ask("disarm")
    world.run_ms(1000)
    assert phase(world) is Phase.DISARMED


@pytest.mark.parametrize("state", [SuiteState.ARMED, SuiteState.KILLED, None])
def test_arm_on_start_never_arms_from_anything_but_disarmed(state: SuiteState | None) -> None:
    world = World(Settings(arm_on_start=True), state).started()
    world.run_ms(3000)
    assert (phase(world), world.fence.token) == (Phase.KILLED, 0)


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


# -- kills --------------------------------------------------------------------------------------------------------


def test_a_kill_closes_first_then_kills_braind_then_drains_then_latches() -> None:
    world = World().armed()
    world.run_ms(30)
    assert world.gateway.open_orders == 5
    answer = world.ask("kill", by="bob", reason="it looks wrong")
    steps = answer["report"]["steps_us"]
    assert list(steps) == ["braind_signalled", "braind_dead", "drained"]
    assert (world.disk.record.state, world.disk.record.by, world.disk.record.detail) == (
        SuiteState.KILLED,
        "bob",
        "it looks wrong",
    )
    assert world.feedd.alive, "feedd stays: it is the one that cancels"
    assert [alert["event"] for alert in world.alerts] == ["killed"]


def test_a_gateway_that_does_not_drain_is_killed_at_the_deadline_and_the_report_says_so() -> None:
    world = World().armed()
    world.run_ms(30)
    world.gateway.slow_to_drain = True
    report = world.ask("kill")["report"]
    assert (report["drained"], report["open_orders"]) == (False, 5)
    assert "drain_deadline" in report["steps_us"]
    assert world.feedd is None or not world.feedd.alive


def test_a_frozen_gateway_is_killed_after_the_drain_deadline() -> None:
    world = World().armed()
    world.feedd.loops[1].frozen = True
    world.run_ms(2200)
    assert world.feedd is None or not world.feedd.alive
    assert phase(world) is Phase.KILLED


def test_a_frozen_market_thread_costs_feedd_its_life_after_the_drain() -> None:
    world = World().armed()
    world.feedd.loops[0].frozen = True
    world.run_ms(200)
    assert world.feedd is None or not world.feedd.alive
    assert phase(world) is Phase.KILLED


def test_braind_s_own_veto_while_armed_is_a_kill() -> None:
    world = World().armed()
    world.braind_veto = 2
    world.run_ms(20)
    assert reason(world) == "braind_veto"


def test_the_operator_s_veto_is_a_kill_from_any_state() -> None:
    for world in (World().armed(), World().started()):
        world.set_operator_veto()
        world.run_ms(30)
        assert (phase(world), reason(world), world.disk.record.uid) == (Phase.KILLED, "operator_veto", 1000)


def test_the_veto_that_comes_with_a_request_is_the_same_kill_and_keeps_the_person_s_name() -> None:
    world = World().armed()
    world.send("kill", by="bob", reason="now")
    world.run_ms(11)
    world.set_operator_veto(pid=7)  # the pid of World.send's client
    world.run_ms(200)
    assert (reason(world), world.disk.record.by) == ("operator", "bob")
    assert len(noted(world, "kill")) == 1


def test_a_kill_while_killed_kills_whoever_came_since() -> None:
    world = World().armed()
    world.ask("kill")
    world.run_ms(50)
    world.start_braind()
    world.run_ms(50)
    assert world.braind.alive, "a killed suite may be started: braind observes"
    world.ask("kill")
    assert world.braind is None or not world.braind.alive


def test_a_kill_on_a_full_disk_still_kills_and_is_written_when_the_disk_takes_it() -> None:
    world = World().armed()
    world.disk.full = True
    answer = world.ask("kill")
    assert answer["ok"]
    assert (phase(world), world.monitor.ledger.durable) == (Phase.KILLED, False)
    world.disk.full = False
    world.run_ms(1100)
    assert world.disk.record.state is SuiteState.KILLED


def test_a_kill_that_the_disk_never_took_is_known_from_the_fence_page() -> None:
    world = World(Settings(arm_on_start=True))
    world.start_feedd()
    world.start_watchd()
    world.run_ms(50)
    world.disk.full = True
    world.ask("kill")
    assert world.disk.record.state is SuiteState.DISARMED
    world.disk.full = False
    world.start_watchd()
    world.start_braind()
    world.run_ms(500)
    assert (phase(world), reason(world), world.fence.token) == (Phase.KILLED, "operator", 0)


def test_a_gateway_that_does_not_obey_the_armed_fence_is_a_kill() -> None:
    world = World().armed()
    world.run_ms(300)
    world.gateway.generation += 1000
    world.run_ms(20)
    assert reason(world) == "gateway_mismatch"


# -- start --------------------------------------------------------------------------------------------------------


def test_armed_found_at_start_is_killed_and_so_is_the_braind_of_that_life() -> None:
    world = World().armed()
    old = world.braind
    world.run_ms(5)
    world.monitor = None  # SIGKILLed
    world.run_ms(300, watchd_runs=False)
    assert not world.gateway.fence_open
    hidden, world.braind = world.braind, None  # not registered yet
    world.start_watchd()
    world.run_ms(100)
    assert (phase(world), reason(world)) == (Phase.KILLED, "died_armed")
    world.braind = hidden
    world.run_ms(20)
    assert not old.alive


def test_a_missing_state_file_counts_as_killed() -> None:
    world = World(state=None).started()
    assert (phase(world), reason(world)) == (Phase.KILLED, "state_unreadable")
    assert world.disk.record.state is SuiteState.KILLED
    assert world.braind.alive


def test_an_operator_s_veto_set_while_watchd_was_gone_is_a_kill_at_its_start() -> None:
    world = World()
    world.set_operator_veto()
    world.started()
    assert reason(world) == "operator_veto"


def test_an_old_operator_s_veto_of_a_killed_suite_does_not_kill_again() -> None:
    world = World().armed()
    world.set_operator_veto()
    world.run_ms(100)
    world.start_watchd()
    world.run_ms(100)
    assert len(noted(world, "kill")) == 1


# -- clear, disarm, pause -----------------------------------------------------------------------------------------


def test_two_steps_lead_out_of_killed() -> None:
    world = World().armed()
    world.ask("kill")
    world.start_braind()
    world.run_ms(60)
    assert "killed: a person must clear it first" in world.ask("arm")["text"]
    assert world.clear()["ok"]
    assert (phase(world), world.fence.token) == (Phase.DISARMED, 0)
    assert world.ask("arm")["ok"]


@pytest.mark.parametrize(("by", "why"), [("", "reason"), ("alice", "")])
def test_clearing_needs_a_person_and_a_reason(by: str, why: str) -> None:
    world = World(state=SuiteState.KILLED).started()
    assert world.clear(by, why)["code"] == "refused"
    assert phase(world) is Phase.KILLED


def test_clearing_needs_a_gateway_that_confirms_zero_open_orders() -> None:
    world = World(state=SuiteState.KILLED)
    world.start_watchd()
    world.run_ms(30)
    assert "can not be confirmed" in world.clear()["text"]
    world.start_feedd()
    world.gateway.slow_to_drain, world.gateway.open_orders = True, 2
    world.run_ms(30)
    assert "2 orders are open" in world.clear()["text"]


def test_clearing_on_a_full_disk_is_refused_and_the_suite_stays_killed() -> None:
    world = World(state=SuiteState.KILLED).started()
    world.disk.full = True
    assert world.clear()["code"] == "refused"
    assert phase(world) is Phase.KILLED
    world.disk.full = False
    world.run_ms(1500)
    assert world.disk.record.state is SuiteState.KILLED


def test_a_kill_during_clearing_wins() -> None:
    world = World(state=SuiteState.KILLED).started()
    world.disk.slow_ticks = 50
    clear, kill = world.send("clear"), world.send("kill")
    world.run_ms(400)
    assert (world.answers[clear]["ok"], world.answers[kill]["ok"]) == (False, True)
    assert (phase(world), world.disk.record.state) == (Phase.KILLED, SuiteState.KILLED)


def test_disarmed_is_written_only_after_the_gateway_confirmed_zero_open_orders() -> None:
    world = World().armed()
    world.run_ms(30)
    world.send("disarm")
    for _ in range(300):
        world.tick()
        if world.disk.record.state is SuiteState.DISARMED:
            assert world.gateway.open_orders == 0
    assert phase(world) is Phase.DISARMED


def test_a_disarm_that_is_never_confirmed_becomes_a_kill() -> None:
    world = World().armed()
    world.run_ms(30)
    world.gateway.slow_to_drain = True
    assert world.ask("disarm")["code"] == "refused"
    world.run_ms(2100)
    assert reason(world) == "drain_deadline"


def test_pauses_are_applied_kept_and_lifted() -> None:
    world = World().armed()
    world.ask("pause", scope=Scope(instrument=7))
    world.ask("pause", scope=Scope(strategy=3))
    world.ask("pause", scope=Scope(instrument=2))
    world.run_ms(20)
    assert world.paused == world.disk.record.paused == Paused(False, (2, 7), (3,))
    world.start_watchd()
    assert world.paused == Paused(False, (2, 7), (3,))
    world.run_ms(50)
    world.ask("resume", scope=Scope(instrument=7))
    assert world.paused == Paused(False, (2,), (3,))
    world.ask("pause", scope=Scope())
    assert world.paused.all
    world.ask("resume", scope=Scope())
    assert world.paused == Paused()


def test_what_needs_orders_says_that_there_are_none_without_a_venue() -> None:
    world = World().armed()
    for verb in ("cancel-all", "flatten"):
        answer = world.ask(verb)
        assert (answer["ok"], "no venue is configured" in answer["text"]) == (False, True)


def test_the_status_names_state_fence_loops_and_blockers() -> None:
    world = World().armed()
    status = world.ask("status")
    assert (status["state"], status["fence"]["open"], status["epoch"]) == ("armed", True, 1)
    assert [loop["name"] for loop in status["daemons"]["feedd"]["loops"]] == ["market", "gateway"]
    assert status["arm_blockers"] == ["the suite is armed"]


# -- the end ------------------------------------------------------------------------------------------------------


def test_stopping_watchd_closes_confirms_and_leaves_disarmed() -> None:
    world = World().armed()
    world.run_ms(30)
    world.monitor.stop()
    world.run_ms(100)
    assert (world.monitor.stopped, world.disk.record.state, world.disk.record.reason) == (
        True,
        SuiteState.DISARMED,
        "stopped",
    )


# -- the table ----------------------------------------------------------------------------------------------------


def test_only_arm_durable_leads_to_armed_and_only_from_arming() -> None:
    assert [key for key, to in TRANSITIONS.items() if to is Phase.ARMED] == [(Phase.ARMING, Step.ARM_DURABLE)]


def test_out_of_killed_leads_clearing_alone() -> None:
    assert {
        step for (was, step), to in TRANSITIONS.items() if was is Phase.KILLED and to is not Phase.KILLING
    } == {Step.CLEARED}


def test_a_step_that_is_not_in_the_table_can_not_be_taken() -> None:
    with pytest.raises(KeyError):
        follow(Phase.KILLED, Step.ARM_ASKED)


def test_every_reason_from_operator_on_is_a_kill() -> None:
    assert int(CloseReason.OPERATOR) == int(CloseReason.LEASE_LAPSED) + 1
