"""watchd as a process: start, restart, signals, a second one, wrong surroundings; kills of real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import replace

import pytest
from watchd_harness import Suite, wait_until

from hft import stats
from hft.layout.dtypes import CloseReason
from hft.regions import monotonic_ns
from watchd.state_file import StateFile
from watchd.states import SuiteState


def test_it_starts_disarmed_with_the_fence_closed(suite: Suite) -> None:
    status = suite.start().status()
    assert (status["state"], status["fence"]["open"]) == ("disarmed", False)
    assert suite.fence()["token"] == 0


def test_a_second_watchd_refuses_to_start_and_names_the_first(suite: Suite) -> None:
    suite.start()
    second = suite.launch()
    assert second.wait(30) == 75
    assert f"already held by pid {suite.watchd.pid}" in suite.log()
    assert suite.status()["state"] == "disarmed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_orderly(suite: Suite, number: int) -> None:
    suite.start()
    assert suite.stop_watchd(number) == 0
    assert suite.record().state is SuiteState.DISARMED
    assert "nanobind" not in suite.log()


def test_armed_it_closes_the_fence_before_it_ends_and_leaves_disarmed(suite: Suite) -> None:
    suite.armed()
    assert suite.fence()["token"] != 0
    assert suite.stop_watchd() == 0
    assert (suite.fence()["token"], suite.record().state, suite.record().reason) == (
        0,
        SuiteState.DISARMED,
        "stopped",
    )


def test_a_suite_that_is_found_killed_is_killed_on_the_fence_page_too(suite: Suite) -> None:
    StateFile(suite.state).save(replace(suite.record(), state=SuiteState.KILLED, reason="loop_silent"))
    assert not (suite.run / "watchd" / "fence").exists()
    suite.start()
    assert suite.fence()["reason"] == int(CloseReason.LOOP_SILENT)


def test_killed_armed_it_leaves_armed_behind_and_the_next_one_kills(suite: Suite) -> None:
    suite.armed()
    suite.watchd.kill()
    suite.watchd.wait()
    assert suite.record().state is SuiteState.ARMED
    suite.start()
    suite.wait_for_state("killed")
    wait_until(lambda: not suite.puppets["braind"].alive, "the braind of that life is killed")
    assert (suite.record().reason, suite.fence()["token"]) == ("died_armed", 0)
    assert suite.puppets["feedd"].alive


def test_the_fence_keeps_its_inode_over_watchd_s_lives(suite: Suite) -> None:
    suite.start()
    inode = (suite.run / "watchd/fence").stat().st_ino
    suite.stop_watchd()
    suite.start()
    assert (suite.run / "watchd/fence").stat().st_ino == inode


def test_daemons_register_again_with_a_new_watchd(suite: Suite) -> None:
    suite.start()
    feedd = suite.puppet("feedd")
    suite.stop_watchd()
    suite.start()
    wait_until(lambda: suite.status()["daemons"]["feedd"].get("pid") == feedd.pid, "feedd registers again")


def test_arming_opens_for_exactly_this_epoch_and_disarming_closes(suite: Suite) -> None:
    suite.armed()
    now_ns, page = monotonic_ns(), suite.fence()
    assert (page["epoch"], suite.record().state, suite.record().by) == (1, SuiteState.ARMED, "alice")
    assert page["lease_deadline_ns"] > now_ns
    answer = suite.ask("disarm", by="bob")
    assert answer["ok"], answer
    assert (suite.fence()["token"], suite.record().state) == (0, SuiteState.DISARMED)


def test_a_sigkilled_braind_closes_and_latches(suite: Suite) -> None:
    suite.armed()
    suite.puppets["braind"].process.kill()
    suite.wait_for_state("killed")
    assert (suite.record().reason, suite.fence()["token"]) == ("process_died", 0)


def test_a_zombie_that_nobody_reaps_counts_as_dead(suite: Suite) -> None:
    suite.armed()
    os.kill(suite.puppets["braind"].pid, signal.SIGKILL)  # never waited for
    suite.wait_for_state("killed")
    assert suite.record().reason == "process_died"
    suite.puppets["braind"].process.wait()


def test_a_stopped_braind_is_killed(suite: Suite) -> None:
    suite.armed()
    suite.puppets["braind"].process.send_signal(signal.SIGSTOP)
    assert suite.puppets["braind"].wait() == -signal.SIGKILL
    suite.wait_for_state("killed")
    assert (suite.record().reason, suite.record().detail.split(":")[0]) == ("loop_silent", "braind/brain")


@pytest.mark.parametrize(("loop", "name"), [(0, "market"), (1, "gateway")])
def test_one_frozen_loop_of_feedd_costs_both_daemons_their_lives(suite: Suite, loop: int, name: str) -> None:
    suite.configure(drain_deadline_ms=500)
    suite.armed()
    suite.puppets["feedd"].tell(f"freeze {loop}")
    assert suite.puppets["braind"].wait() == suite.puppets["feedd"].wait() == -signal.SIGKILL
    suite.wait_for_state("killed")
    assert suite.record().detail.startswith(f"feedd/{name}")


def test_heartbeats_that_stop_are_a_miss_although_the_loop_goes_on(suite: Suite) -> None:
    suite.configure(heartbeat_deadline_ms=1000)
    suite.armed()
    suite.puppets["braind"].tell("unlink")
    suite.wait_for_state("killed")
    assert suite.record().reason == "heartbeats_lost"


def test_a_stopped_watchd_lets_the_lease_lapse_and_then_disarms(suite: Suite) -> None:
    suite.configure(lease_ms=1000)
    suite.armed()
    suite.watchd.send_signal(signal.SIGSTOP)
    wait_until(lambda: suite.fence()["lease_deadline_ns"] < monotonic_ns(), "the lease lapses")
    suite.watchd.send_signal(signal.SIGCONT)
    suite.wait_for_state("disarmed")
    assert (suite.record().reason, suite.fence()["token"]) == ("lease_lapsed", 0)
    assert suite.puppets["braind"].alive
    assert suite.ask("arm", by="alice")["ok"]


def test_a_kill_asked_for_kills_braind_and_keeps_feedd(suite: Suite) -> None:
    suite.armed()
    answer = suite.ask("kill", by="bob", reason="drill")
    assert answer["ok"], answer
    assert suite.puppets["braind"].wait() == -signal.SIGKILL
    assert suite.puppets["feedd"].alive
    suite.wait_for_state("killed")
    assert (suite.record().by, suite.record().detail, suite.record().uid) == ("bob", "drill", os.getuid())
    assert [event["verb"] for event in suite.events("request") if event["verb"] == "kill"] == ["kill"]


def test_the_operator_s_veto_kills(suite: Suite) -> None:
    suite.armed()
    suite.set_operator_veto()
    assert suite.puppets["braind"].wait() == -signal.SIGKILL
    suite.wait_for_state("killed")
    assert suite.record().reason == "operator_veto"


def test_braind_s_own_veto_kills(suite: Suite) -> None:
    suite.armed()
    suite.puppets["braind"].tell("veto 2")
    assert suite.puppets["braind"].wait() == -signal.SIGKILL
    suite.wait_for_state("killed")
    assert suite.record().reason == "braind_veto"


def test_an_orderly_end_of_braind_disarms(suite: Suite) -> None:
    suite.armed()
    suite.puppets["braind"].tell("state DRAINING")
    suite.puppets["braind"].tell("quit")
    suite.wait_for_state("disarmed")
    assert suite.record().reason == "disarmed"


def test_open_orders_that_stay_open_cost_feedd_its_life_and_the_report_says_so(suite: Suite) -> None:
    suite.configure(drain_deadline_ms=200)
    suite.armed()
    suite.puppets["feedd"].tell("stuck")
    suite.puppets["feedd"].tell("say open_orders 3")
    wait_until(lambda: suite.status()["gateway"]["open_orders"] == 3, "the orders are seen")
    report = suite.ask("kill", by="bob")["report"]
    assert (report["drained"], report["open_orders"]) == (False, 3)
    assert suite.puppets["feedd"].wait() == -signal.SIGKILL


def test_the_way_out_of_killed_is_clear_and_then_arm(suite: Suite) -> None:
    suite.armed()
    suite.ask("kill", by="bob")
    suite.puppet("braind")
    assert suite.ask("arm", by="bob")["code"] == "refused"
    assert suite.ask("clear", by="bob", reason="it was a drill")["ok"]
    assert suite.record().state is SuiteState.DISARMED
    suite.wait_until_armable()
    assert suite.ask("arm", by="bob")["ok"]
    assert suite.fence()["epoch"] == 2


def test_people_are_told_of_a_kill_by_the_configured_command(suite: Suite) -> None:
    told = suite.directory / "told.json"
    command = ["/bin/sh", "-c", f"cat > {told}.part && mv {told}.part {told}"]
    suite.config.write_text(suite.config.read_text() + f"[watchd.alert]\ncommand = {json.dumps(command)}\n")
    suite.armed()
    suite.ask("kill", by="bob", reason="drill")
    wait_until(told.exists, "the command is told")
    alert = json.loads(told.read_text())
    assert (alert["event"], alert["reason"], alert["by"], alert["detail"]) == (
        "killed",
        "operator",
        "bob",
        "drill",
    )


def test_an_alert_command_that_hangs_delays_nothing(suite: Suite) -> None:
    text = '[watchd.alert]\ncommand = ["/bin/sleep", "60"]\ntimeout_s = 0.5\n'
    suite.config.write_text(suite.config.read_text() + text)
    suite.armed()
    assert suite.ask("kill", by="bob")["ok"]
    passes = suite.status()["watchd"]["passes"]
    wait_until(lambda: suite.events("alert_failed"), "the hook is given up")
    assert suite.status()["watchd"]["passes"] > passes


def test_arm_on_start_is_the_default_of_mode_paper(suite: Suite) -> None:
    suite.config.write_text(suite.config.read_text().replace("arm_on_start = false\n", ""))
    suite.start()
    suite.puppet("feedd")
    suite.puppet("braind")
    suite.wait_for_state("armed")
    assert suite.record().by == "arm_on_start"


def test_a_fence_left_open_is_closed_before_anything_else(suite: Suite) -> None:
    suite.armed()
    suite.watchd.kill()
    suite.watchd.wait()
    assert suite.fence()["token"] != 0
    suite.control.chmod(0o700)
    (suite.control / "ctl.sock").unlink()
    (suite.control / "ctl.sock").mkdir()  # it can not even start
    failed = suite.launch()
    assert failed.wait(30) == 71
    assert suite.fence()["token"] == 0


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ('operators_group = "no_such_group_x"', "watchd.operators_group"),
        ("pass_interval_ms = 0", "watchd.pass_interval_ms"),
        ('[watchd.alert]\ncommand = ["relative"]', "watchd.alert.command[0]"),
    ],
)
def test_a_wrong_configuration_is_refused_by_its_key(suite: Suite, key: str, problem: str) -> None:
    suite.config.write_text(suite.config.read_text() + key + "\n")
    refused = suite.launch()
    assert refused.wait(30) == 78
    assert problem in suite.log()


def test_a_state_directory_that_can_not_be_made_is_named(suite: Suite) -> None:
    suite.configure(state_directory="/proc/nowhere")
    assert suite.launch().wait(30) == 71
    assert "/proc/nowhere" in suite.log()


def test_it_survives_its_log_s_reader(suite: Suite) -> None:
    """A full pipe behind standard error must not stop the passes."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    suite.watchd = subprocess.Popen(
        [os.sys.executable, "-m", "watchd.daemon", "--config", suite.config], stderr=writer, stdout=writer
    )
    wait_until(lambda: suite.try_ask("status") is not None, "watchd answers")

    def passes() -> int:  # without a question, which would be answered in one
        return stats.read(str(suite.run / "watchd/stats"))["watchd_pass_ns"].count

    before = passes()
    wait_until(lambda: passes() > before + 10, "the passes go on")
    os.close(reader)
    os.close(writer)
