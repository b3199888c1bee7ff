"""Arming, the token, and what undoes it: clear, disarm, pause, an orderly end. On a manual clock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from seen import phase, reason
from world import World

from hft.layout.dtypes import CloseReason, LoopState
from watchd.ctl_protocol import Scope
from watchd.settings import Settings
from watchd.state_file import Paused
from watchd.states import Phase, SuiteState
from watchd.transitions import TRANSITIONS, Step, follow

WARMUP = int(LoopState.WARMUP)


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


def test_a_pause_follows_its_symbol_through_sessions_and_restarts() -> None:
    world = World().armed()
    world.instrument_ids = {"AAPL": 7, "MSFT": 8}
    assert "instrument 7 (AAPL)" in world.ask("pause", scope=Scope(instrument=7))["text"]
    world.run_ms(20)
    assert world.disk.record.paused == Paused(symbols={"AAPL": 7})
    world.instrument_ids = {}  # nobody has looked yet
    world.start_watchd()
    world.run_ms(20)
    assert world.paused.on_page == (7,)
    world.instrument_ids, world.absent_symbols = {"MSFT": 7}, {"AAPL"}
    world.run_ms(20)
    assert (world.paused.on_page, world.ask("status")["paused"]["symbols"]) == ((), {"AAPL": 0})
    world.instrument_ids, world.absent_symbols = {"MSFT": 7, "AAPL": 9}, set()
    world.run_ms(20)
    assert world.paused.on_page == world.disk.record.paused.on_page == (9,)
    assert world.ask("resume", scope=Scope(instrument=7))["code"] == "already"
    world.ask("resume", scope=Scope(instrument=9))
    assert world.paused == Paused()


def test_a_symbol_is_paused_and_resumed_by_name_also_when_it_has_left_the_feed() -> None:
    world = World().armed()
    world.instrument_ids = {"AAPL": 7}
    assert world.ask("pause", scope=Scope(instrument=7, symbol="AAPL"))["text"] == "pause AAPL: done"
    assert world.paused == Paused(symbols={"AAPL": 7})
    world.instrument_ids, world.absent_symbols = {}, {"AAPL"}
    world.run_ms(20)
    assert world.paused == Paused(symbols={"AAPL": 0})
    assert world.ask("resume", scope=Scope(symbol="AAPL"))["code"] == "done"
    world.run_ms(20)
    assert world.paused == world.disk.record.paused == Paused()
    assert world.ask("resume", scope=Scope(symbol="AAPL"))["code"] == "refused"
    assert world.ask("resume", scope=Scope(instrument=7, symbol="AAPL"))["code"] == "already"


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel-all", "flatten"])
def test_a_symbol_that_nobody_knows_is_nothing_and_never_everything(verb: str) -> None:
    world = World().armed()
    answer = world.ask(verb, scope=Scope(symbol="AAPLL"))
    assert (answer["code"], answer["text"]) == (
        "refused",
        f"{verb}: AAPLL: no such symbol on feedd's board; nothing was done",
    )
    assert (world.paused, world.pages.ticket) == (Paused(), 0)


def test_a_pause_of_an_id_that_nobody_names_stays_with_the_id() -> None:
    world = World().started()
    world.ask("pause", scope=Scope(instrument=7))
    world.instrument_ids = {"AAPL": 7}
    world.run_ms(20)
    world.instrument_ids = {"AAPL": 9}
    world.run_ms(20)
    assert world.paused == Paused(instruments=(7,))


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
