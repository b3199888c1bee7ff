"""A kill step by step, and what a starting watchd makes of what it finds, on a manual clock."""

from __future__ import annotations

from pathlib import Path

from fakes import MS
from seen import noted, phase, reason
from world import World

from hft.config import load
from watchd.settings import Settings
from watchd.states import Phase, SuiteState

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


def test_a_kill_that_is_asked_for_again_goes_on_and_answers_both() -> None:
    world = World().armed()
    world.run_ms(30)
    world.gateway.slow_to_drain = True
    drain_ms = world.monitor.settings.drain_deadline_ns // MS
    first = world.send("kill", by="bob", reason="it looks wrong")
    world.run_ms(drain_ms // 2)
    second = world.send("kill", by="alice", reason="is anybody there?")
    world.run_ms(drain_ms // 2 + 20)
    assert phase(world) is Phase.KILLED, "the deadline is that of the first"
    reports = [world.answers[ticket]["report"] for ticket in (first, second)]
    assert reports[0] == reports[1]
    assert (reports[0]["by"], reports[0]["fence_was_open"], "drain_deadline" in reports[0]["steps_us"]) == (
        "bob",
        True,
        True,
    )
    assert [note["by"] for note in noted(world, "request")][-2:] == ["bob", "alice"]


def test_who_was_started_again_during_the_kill_is_left_alone() -> None:
    world = World().armed()
    world.run_ms(30)
    world.gateway.slow_to_drain = True
    world.braind.alive = False
    world.run_ms(20)
    assert phase(world) is Phase.KILLING
    world.start_braind()
    world.run_ms(world.monitor.settings.drain_deadline_ns // MS + 2000)
    assert phase(world) is Phase.KILLED
    assert world.braind.alive
    assert "braind_does_not_die" not in world.monitor.kill.steps_ns


def test_a_gateway_that_does_not_obey_the_armed_fence_is_a_kill() -> None:
    world = World().armed()
    world.run_ms(300)
    world.gateway.generation += 1000
    world.run_ms(20)
    assert reason(world) == "gateway_mismatch"


def test_a_gateway_that_never_shows_the_armed_token_is_a_kill() -> None:
    world = World().armed()
    world.gateway.tick = lambda *_: None
    world.run_ms(world.settings.echo_deadline_ns // MS - 50)
    assert phase(world) is Phase.ARMED
    world.run_ms(100)
    assert reason(world) == "gateway_mismatch"


def test_a_machine_that_stands_still_right_after_arming_is_no_gateway_that_disobeys() -> None:
    world = World(Settings(lease_ns=2000 * MS)).armed()
    assert world.gateway.token_seen == 0, "the gateway has had no time to look"
    world.now_ns += 1000 * MS
    world.watchd_pass()
    world.run_ms(100)
    assert phase(world) is Phase.ARMED


def test_a_gateway_may_take_as_long_to_show_the_token_as_its_loop_may_be_silent(tmp_path: Path) -> None:
    config = tmp_path / "hft.toml"
    config.write_text(
        '[feedd.feed]\nline_a = "127.0.0.1:40001"\n[watchd]\ndeadline_ms = 700\nlease_ms = 900\n'
    )
    assert Settings.of(load(config)).echo_deadline_ns == 700 * MS


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


def test_armed_found_at_start_waits_for_a_feedd_that_has_yet_to_register() -> None:
    world = World().armed()
    world.run_ms(30)
    world.monitor = None  # SIGKILLed
    world.gateway.slow_to_drain = True
    hidden, world.feedd = world.feedd, None
    world.start_watchd()
    world.run_ms(100)
    assert phase(world) is Phase.KILLING
    world.feedd = hidden
    world.run_ms(world.monitor.settings.drain_deadline_ns // MS + 200)
    assert phase(world) is Phase.KILLED
    assert not hidden.alive, "it did not drain, so its venue has to cancel for it"
    steps = world.monitor.kill.steps_ns
    assert "feedd_signalled" in steps
    assert "feedd_was_gone" not in steps


def test_armed_found_at_start_without_anybody_is_killed_after_the_drain_deadline() -> None:
    world = World(state=SuiteState.ARMED)
    world.start_watchd()
    world.run_ms(world.monitor.settings.drain_deadline_ns // MS + 20)
    assert (phase(world), reason(world)) == (Phase.KILLED, "died_armed")


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
