"""The installed package on a booted Debian 12: `make test-boot`. One machine, scenarios in order; each arms anew.

paperd (hft-paper.target) ── MoldUDP64, OUCH 5.0 ──► feedd ── regions on huge pages ──► braind;  watchd beside them
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from house import ANSWERED, MEMBERS, START_S, House

pytestmark = pytest.mark.timeout(600)

HFT_TOML = "/etc/hft/hft.toml"


def may_raise_limits() -> bool:
    """Whether this test's own process, and so the machine, holds CAP_SYS_RESOURCE."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return bool(int(next(line.split()[1] for line in lines if line.startswith("CapEff")), 16) & 1 << 24)


# -- from nothing to trading ------------------------------------------------------------------------------------------


def test_an_installation_enables_and_starts_nothing(house: House) -> None:
    units = house.must("systemctl", "list-units", "--all", "--plain", "--no-legend", "hft*")
    assert [line for line in units.splitlines() if " active " in line] == []
    assert house.run("systemctl", "is-enabled", "hft.target").out.strip() == "disabled"
    assert house.must("systemctl", "--failed", "--plain", "--no-legend").strip() == ""


def test_a_fresh_install_with_no_state_file_starts_cancel_only_and_says_so(house: House) -> None:
    house.must("sh", "-c", "umask 077; echo secret42 > /etc/hft/credentials/venue.password")
    for unit in (
        "hft-paperd.service",
        "hft.target",
        "hft-paper.target",
    ):  # README; then both at once, which changes nothing
        assert house.start(unit) == 0, f"{unit}: {house.check()}\n{house.last_words()}"
    assert [house.active(unit) for unit in MEMBERS] == ["active"] * 3
    assert "CANCEL-ONLY AND OBSERVING" in house.check()
    assert "state_unreadable" in house.check()
    house.until(
        lambda: "watchd ctl clear" in house.must("systemctl", "status", "--full", "hft.target"),
        "the target says so",
    )
    house.says("feedd", "cancel-only: fence closed (state_unreadable)")
    house.says("braind", "observing: fence closed (state_unreadable)")
    assert house.orders_at_venue() == 0


def test_clear_and_arm_by_a_person_and_it_trades(house: House) -> None:
    house.armed()
    assert house.orders_at_venue() > 0
    house.says("feedd", "orders flow, epoch")
    house.says("braind", "fence open, epoch")
    house.says("watchd", "armed")


def test_watchd_init_is_an_installations_first_disarmed(house: House) -> None:
    """In paper mode that arms by itself: the file that a person wrote is the yes."""
    house.stop()
    house.must("sh", "-c", "rm /var/lib/hft/watchd/state.json && watchd init --by alice")
    assert house.start() == 0
    assert "started and armed" in house.check()
    house.trades()


# -- the machine as it should be ------------------------------------------------------------------------------------


def test_regions_lie_on_huge_pages_and_have_one_writer_each(house: House) -> None:
    house.armed()
    listed = house.must("stat", "-c", "%U:%G %a %n", *(f"/dev/hugepages/hft/{name}" for name in (
        "", "feedd", "braind", "watchd", "operator", "feedd/market.ring", "braind/intents.ring", "watchd/fence",
        "operator/veto",
    )))  # fmt: skip
    rights = {line.split()[2]: " ".join(line.split()[:2]) for line in listed.splitlines()}
    found = {path.removeprefix("/dev/hugepages/hft/"): who for path, who in rights.items()}
    assert found == {
        "": "root:hft 751",
        "feedd": "hft-feedd:hft 750",
        "braind": "hft-braind:hft 750",
        "watchd": "hft-watchd:hft 750",
        "operator": "hft-watchd:hft-operators 2750",
        "feedd/market.ring": "hft-feedd:hft 640",
        "braind/intents.ring": "hft-braind:hft 640",
        "watchd/fence": "hft-watchd:hft 640",
        "operator/veto": "hft-watchd:hft-operators 660",
    }
    metrics = house.must("watchd", "exporter", "--once")
    assert "feedd_huge_pages 1.0" in metrics
    # LimitMEMLOCK=infinity needs CAP_SYS_RESOURCE, which a container host may not have to give.
    assert "feedd_memory_locked 1.0" in metrics or not may_raise_limits()


def test_the_exporter_sees_everything_and_can_write_nothing(house: House) -> None:
    house.armed()
    house.until(lambda: house.active("hft-exporter.service") == "active", "the exporter runs")
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9482/metrics').read().decode())"
    metrics = house.must("/usr/lib/hft/venv/bin/python3", "-c", fetch)
    assert 'hft_daemon_alive{daemon="feedd"} 1.0' in metrics
    assert 'hft_source_up{source="operator/veto"} 1.0' in metrics or "operator/veto" in metrics
    pid = str(house.pid("exporter"))
    for path in ("/dev/hugepages/hft/operator/veto", "/run/hft/ctl.sock"):
        tried = house.run(
            "nsenter", "-t", pid, "-m", "setpriv", "--reuid=hft-exporter", "--regid=hft",
            "--groups=hft-operators", "sh", "-c", f"test -w {path}",
        )  # fmt: skip
        assert tried.code != 0, path


def test_who_is_no_operator_can_not_arm_or_kill_and_an_operator_can(house: House) -> None:
    house.armed()
    house.run("useradd", "carol")
    as_carol = ("setpriv", "--reuid=carol", "--regid=carol")
    assert house.run(*as_carol, "--clear-groups", "watchd", "ctl", "kill").code == 77
    assert house.state() == "armed"
    kill = ("watchd", "ctl", "kill", "--reason", "drill", *ANSWERED)
    done = house.run(*as_carol, "--groups=hft-operators", *kill)
    assert done.code == 0, done.text
    assert (house.status()["state"], house.status()["by"]) == ("killed", "carol")


def test_the_recorder_is_optional_and_records(house: House) -> None:
    house.armed()
    house.must("systemctl", "enable", "--now", "hft-recorder.service")
    assert "hft-recorder.service" in house.show("hft.target", "Wants"), "it starts with the suite from now on"
    house.until(lambda: "MB of" in house.show("hft-recorder.service", "StatusText"), "it says how much")
    time.sleep(2)
    house.must("systemctl", "disable", "--now", "hft-recorder.service")
    house.must("hft", "journal", "verify", "/var/lib/hft/journal", timeout_s=60)


# -- kill, restart, clear, arm --------------------------------------------------------------------------------------


def test_watchd_ctl_kill_kills_braind_and_leaves_the_rest_up(house: House) -> None:
    house.armed()
    feedd, watchd = house.pid("feedd"), house.pid("watchd")
    done = house.ctl("kill", "--by", "alice", "--reason", "drill", *ANSWERED)
    assert done.code == 0, done.text
    house.until(lambda: house.active("hft-braind.service") == "failed", "braind is dead")
    assert house.show("hft-braind.service", "Result") == "signal"
    assert (house.pid("feedd"), house.pid("watchd")) == (feedd, watchd)
    assert house.active("hft.target") == "active"
    house.until(lambda: house.state() == "killed", "latched")
    house.until(lambda: not house.venue()["open"], "nothing is open at the venue")
    house.says("feedd", "cancel-only: fence closed (operator)")
    house.says("watchd", "killed")


def test_a_killed_suite_restarts_cancel_only_and_trades_after_clear_and_arm(house: House) -> None:
    house.armed()
    assert house.ctl("kill", "--by", "alice", "--reason", "drill", *ANSWERED).code == 0
    assert house.run("systemctl", "restart", "hft.target", timeout_s=START_S).code == 0
    assert "CANCEL-ONLY AND OBSERVING" in house.check()
    assert "(operator: drill by alice)" in house.check()
    orders = house.orders_at_venue()
    time.sleep(3)
    assert house.orders_at_venue() == orders
    assert house.ctl("arm", "--by", "alice").code == 1
    house.until(
        lambda: house.ctl("clear", "--by", "alice", "--reason", "it was a drill").code == 0, "cleared"
    )
    house.until(lambda: house.ctl("arm", "--by", "alice").code == 0, "armed")
    house.trades()


def test_starting_the_target_again_after_a_kill_brings_braind_back_observing(house: House) -> None:
    house.armed()
    feedd = house.pid("feedd")
    assert house.ctl("kill", "--by", "alice", "--reason", "drill", *ANSWERED).code == 0
    house.until(lambda: house.active("hft-braind.service") == "failed", "braind is dead")
    assert house.start() == 0
    assert house.active("hft-braind.service") == "active"
    assert house.pid("feedd") == feedd
    assert "CANCEL-ONLY" in house.check()


# -- each daemon dies, freezes, crashes -------------------------------------------------------------------------------


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSTOP", "SIGSEGV"])
@pytest.mark.parametrize("daemon", ["braind", "feedd"])
def test_a_trader_that_fails_is_killed_and_stays_down(house: House, daemon: str, signal: str) -> None:
    house.armed()
    watchd, halt = house.pid("watchd"), f"hft-halt@hft-{daemon}.service.service"
    halted = house.show(halt, "InvocationID")  # in a test before this one, or ""
    house.must("systemctl", "kill", f"--signal={signal}", f"hft-{daemon}.service")
    house.until(lambda: house.state() == "killed", "killed")
    reason = house.status()["reason"]
    assert reason in (("loop_silent", "heartbeats_lost") if signal == "SIGSTOP" else ("process_died",))
    house.until(lambda: house.active(f"hft-{daemon}.service") == "failed", "down")
    house.until(lambda: house.active("hft-braind.service") == "failed", "braind in any case")
    house.until(lambda: not house.venue()["open"], "nothing is open at the venue")
    time.sleep(1)
    assert house.active(f"hft-{daemon}.service") == "failed"
    assert house.pid("watchd") == watchd
    house.until(lambda: house.show(halt, "InvocationID") not in ("", halted), "the outer net is asked")
    house.until(lambda: house.active(halt) != "activating", "it is done")
    said = house.journal(halt)
    assert "nothing is left to do" in said, said


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSTOP", "SIGSEGV"])
def test_a_watchd_that_fails_stops_the_trading_and_comes_back_closed(house: House, signal: str) -> None:
    house.armed()
    feedd, watchd = house.pid("feedd"), house.pid("watchd")
    house.must("systemctl", "kill", f"--signal={signal}", "hft-watchd.service")
    house.says("feedd", "cancel-only")
    house.until(lambda: not house.venue()["open"], "nothing is open at the venue")
    orders = house.orders_at_venue()
    house.until(lambda: house.pid("watchd") not in (0, watchd), "a new watchd")
    house.until(lambda: house.state() == "killed", "it found that its predecessor died armed")
    assert house.orders_at_venue() == orders
    assert house.status()["reason"] == "died_armed"
    assert house.pid("feedd") == feedd
    house.until(lambda: house.active("hft-braind.service") == "failed", "braind is dead")


def test_watchd_that_hangs_does_not_keep_a_person_from_killing(house: House) -> None:
    house.armed()
    house.must("systemctl", "kill", "--signal=SIGSTOP", "hft-watchd.service")
    done = house.ctl("kill", "--by", "alice", "--reason", "it hangs")
    assert done.code == 69, done.text
    house.until(lambda: house.active("hft-braind.service") == "failed", "braind is dead")
    house.until(lambda: house.state() == "killed", "the next watchd latches it")


# -- starts that must be refused -----------------------------------------------------------------------------------


def test_a_host_that_is_not_fit_gets_no_trader_and_watchd_stays_up(house: House) -> None:
    """The plan says isolated cores; this machine has none."""
    house.stop()
    house.must("sed", "-i.kept", 's/^profile = "untuned".*/profile = "isolated"/', HFT_TOML)
    try:
        assert house.start() != 0
        assert "hft-preflight failed" in house.check()
        assert "not fit to trade: " in house.check(), "and why"
        assert house.active("hft-watchd.service") == "active"
        assert "active" not in [house.active(f"hft-{name}.service") for name in ("feedd", "braind")]
        assert house.journal("hft-preflight.service").strip(), "the reason is in its journal"
        one_alone = house.run("systemctl", "start", "hft-braind.service")
        assert one_alone.code != 0, "asked at each start of each trader"
    finally:
        house.must("mv", f"{HFT_TOML}.kept", HFT_TOML)


def test_huge_pages_that_the_kernel_does_not_have_are_refused_with_numbers(house: House) -> None:
    house.stop()
    house.must("sed", "-i.kept", 's/^profile = "untuned".*/&\\nhuge_pages = 4000000/', HFT_TOML)
    house.must("sh", "-c", "rm -r /dev/hugepages/hft/*")  # as after a boot
    before = house.must("cat", "/proc/sys/vm/nr_hugepages").strip()
    try:
        house.must("mkdir", "-p", "/run/systemd/system/hft-hugepages.service.d")
        assert house.start() != 0
        assert "hft-hugepages failed" in house.check()
        said = house.journal("hft-hugepages.service")
        assert "asked for 4000000 huge pages of 2 MB (8000000 MB), the kernel gave" in said
        assert house.active("hft-watchd.service") == "active"
        assert "active" not in [house.active(f"hft-{name}.service") for name in ("feedd", "braind")]
    finally:
        house.must("mv", f"{HFT_TOML}.kept", HFT_TOML)
        house.must("sh", "-c", f"echo {before} > /proc/sys/vm/nr_hugepages")


def test_a_wrong_configuration_is_refused_by_the_key_s_name(house: House) -> None:
    house.stop()
    house.must("sed", "-i.kept", "s/^lease_ms = .*/lease_ms = 1/", HFT_TOML)
    try:
        assert house.start() != 0
        assert "hft-watchd failed (exit-code 78)" in house.check()
        assert "watchd.lease_ms" in house.last_words("hft-watchd.service")
    finally:
        house.must("mv", f"{HFT_TOML}.kept", HFT_TOML)
    house.armed()


def test_a_drop_in_overrides_a_unit(house: House) -> None:
    house.stop()
    path = "/etc/systemd/system/hft-preflight.service.d/10-site.conf"
    house.write(path, "[Service]\nExecStart=\nExecStart=/bin/sh -c 'echo the site says no >&2; exit 1'\n")
    try:
        house.must("systemctl", "daemon-reload")
        assert house.start() != 0
        assert "the site says no" in house.journal("hft-preflight.service")
    finally:
        house.must("rm", "-r", str(Path(path).parent))
        house.must("systemctl", "daemon-reload")


# -- stops -----------------------------------------------------------------------------------------------------------


def test_a_stop_disarms_cancels_and_ends_in_order(house: House) -> None:
    house.armed()
    started = time.monotonic()
    house.stop()
    assert time.monotonic() - started < 20
    ended = {
        name: int(house.show(f"hft-{name}.service", "InactiveEnterTimestampMonotonic"))
        for name in ("braind", "feedd", "watchd")
    }
    assert ended["braind"] <= ended["feedd"] <= ended["watchd"]
    assert [house.show(unit, "Result") for unit in MEMBERS] == ["success"] * 3
    assert not house.venue()["open"]
    state = json.loads(house.must("cat", "/var/lib/hft/watchd/state.json"))
    assert state["state"] == "disarmed"


def test_a_restart_of_watchd_disarms_and_leaves_traders_alone(house: House) -> None:
    house.armed()
    feedd, braind = house.pid("feedd"), house.pid("braind")
    house.must("systemctl", "stop", "hft-watchd.service")
    assert not house.venue()["open"]
    orders = house.orders_at_venue()
    time.sleep(2)
    assert house.orders_at_venue() == orders
    house.must("systemctl", "start", "hft-watchd.service")
    assert (house.pid("feedd"), house.pid("braind")) == (feedd, braind)
    house.until(lambda: house.state() in ("disarmed", "armed"), "it was an orderly end")


def test_a_reload_takes_the_alert_over_and_stops_nothing(house: House) -> None:
    house.armed()
    watchd = house.pid("watchd")
    house.must("sh", "-c", f"printf '[watchd.alert]\\ncommand = [\"/bin/true\"]\\n' >> {HFT_TOML}")
    house.must("systemctl", "reload", "hft-watchd.service")
    house.until(lambda: '"reloaded"' in house.journal("hft-watchd.service"), "taken over")
    assert (house.pid("watchd"), house.state()) == (watchd, "armed")
    house.must("sh", "-c", f"echo 'lease_ms = 1' >> {HFT_TOML}")
    assert house.run("systemctl", "reload", "hft-watchd.service").code != 0
    assert (house.pid("watchd"), house.state()) == (watchd, "armed")
    house.must("sed", "-i", "/^lease_ms = 1$/d", HFT_TOML)
