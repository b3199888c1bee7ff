"""On a booted machine: what docs/TUNING.md says is in force, and the suite's hot threads have their cores alone."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from qemu import Machine

from hft.config import load
from hft.host import cpulist
from hft.host.render.kernel import kernel_arguments, sysctls

CONFIG = load(Path(__file__).parent / "plan.toml")
ISOLATED = frozenset({1, 2, 3})
HOT = {"feedd-market": 1, "feedd-gateway": 2}
BORROW = ("systemd-run", "--slice=hft-hot.slice", "--pipe", "--wait", "-q")
SCHED_FIFO = "1"

PYTHON_S = 900.0  # of what is written in it: emulated, it takes a minute to start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
full = pytest.mark.skipif(
    os.environ.get("HFT_MACHINE") != "full", reason="NOT TESTED: `make test-machine` does"
)


def until(met: Callable[[], object], what: str, within_s: float = 300.0) -> None:
    end = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < end, f"not within {within_s:.0f} s: {what}"
        time.sleep(1)


def doctor(machine: Machine) -> dict[str, dict[str, str]]:
    """Checks by id."""
    report = json.loads(machine.run("hft", "doctor", "--json", timeout_s=PYTHON_S).out)
    return {check["id"]: check for check in report["checks"]}


@pytest.fixture(scope="session")
def suite(machine: Machine) -> Machine:
    """feedd and watchd run; hft-preflight.service has let them. Each of the three may take 900 s (root.PATIENCE)."""
    started = machine.run("systemctl", "start", "hft-watchd.service", "hft-feedd.service", timeout_s=1800)
    said = machine.run("journalctl", "--no-pager", "-n", "60", "-u", "hft*").out
    assert started.code == 0, f"{started.error}\n{said}"
    return machine


def threads(machine: Machine, unit: str) -> dict[str, str]:
    """Thread ids by name."""
    pid = machine.must("systemctl", "show", "-p", "MainPID", "--value", unit).strip()
    listed = machine.must(
        "sh", "-c", f"for t in /proc/{pid}/task/*; do echo $(basename $t) $(cat $t/comm); done"
    )
    return {name: thread for thread, _, name in (line.partition(" ") for line in listed.splitlines())}


def test_the_kernel_was_started_with_every_rendered_argument(
    machine: Machine, figure: Callable[[str], None]
) -> None:
    figure(f"machine: {machine.read('/proc/sys/kernel/osrelease')} booted in {machine.boot_s:.0f} s")
    words = machine.read("/proc/cmdline").split()
    assert [each.text for each in kernel_arguments(CONFIG) if each.text not in words] == []
    assert "PREEMPT_RT" in machine.read("/proc/sys/kernel/version")


def test_cores_are_isolated_and_without_tick(machine: Machine) -> None:
    for name in ("isolated", "nohz_full"):
        assert cpulist.parse(machine.read(f"/sys/devices/system/cpu/{name}")) == ISOLATED


def test_preflight_lets_the_traders_start_and_doctor_finds_nothing_fatal(
    suite: Machine, figure: Callable[[str], None]
) -> None:
    ran = suite.run("hft", "doctor", timeout_s=PYTHON_S)
    figure(f"machine: hft doctor\n{ran.out}")
    assert ran.code == 0, ran.out
    asked = {id_: check["state"] for id_, check in doctor(suite).items() if check["state"] != "not_asked"}
    # A virtual machine without frequencies and sleep states; a kernel of Debian 12.
    expected = {
        "host_bare_metal": "failed",
        "nic_queues": "hidden",  # e1000e has no channels
        "kernel_version": "failed",
        "power_governor": "hidden",
        "power_sleep": "hidden",
    }
    assert {id_: state for id_, state in asked.items() if state != "passed"} == expected


def test_a_hot_thread_is_alone_on_its_core(suite: Machine) -> None:
    feedd = threads(suite, "hft-feedd.service")
    for name, core in HOT.items():
        status = suite.read(f"/proc/self/task/../../{feedd[name]}/status")
        assert re.search(rf"^Cpus_allowed_list:\s*{core}$", status, re.MULTILINE), name
    running = [line.split(None, 3) for line in suite.must("ps", "-eLo", "psr=,pid=,ppid=,comm=").splitlines()]
    kernel = {"2"}  # kthreadd, parent of all of the kernel's own
    programs = {
        (int(core), name)
        for core, pid, parent, name in running
        if int(core) in ISOLATED and not {pid, parent} & kernel
    }
    assert programs == {(core, name) for name, core in HOT.items()}


def test_helpers_and_everybody_else_stay_on_the_other_cores(suite: Machine) -> None:
    feedd, watchd = threads(suite, "hft-feedd.service"), threads(suite, "hft-watchd.service")
    for name, thread in (feedd | watchd).items():
        if name not in HOT:
            status = suite.read(f"/proc/{thread}/status")
            assert re.search(r"^Cpus_allowed_list:\s*0$", status, re.MULTILINE), name
    for slice_, cores in (
        ("system.slice", "0"),
        ("hft.slice/hft-control.slice", "0"),
        ("hft.slice/hft-hot.slice", "0-3"),
    ):
        assert suite.read(f"/sys/fs/cgroup/{slice_}/cpuset.cpus.effective") == cores


def test_a_unit_can_not_leave_the_cores_it_may_use(suite: Machine) -> None:
    refused = suite.run("taskset", "-c", "2", "true")  # we are in system.slice
    assert (refused.code != 0, "Invalid argument" in refused.error) == (True, True)
    assert suite.run(*BORROW, "taskset", "-c", "2", "true").code == 0


def test_a_spinning_core_has_no_tick(suite: Machine, figure: Callable[[str], None]) -> None:
    def ticks() -> list[int]:
        line = next(
            line for line in suite.read("/proc/interrupts").splitlines() if line.strip().startswith("LOC:")
        )
        return [int(word) for word in line.split()[1:5]]

    before, begin = ticks(), float(suite.read("/proc/uptime").split()[0])
    time.sleep(20)
    after, end = ticks(), float(suite.read("/proc/uptime").split()[0])
    rates = [(late - early) / (end - begin) for early, late in zip(before, after, strict=True)]
    figure(f"machine: local timer interrupts a second by core: {', '.join(f'{rate:.1f}' for rate in rates)}")
    assert max(rates[1], rates[2]) < 10  # CONFIG_HZ is 250


def test_regions_are_on_huge_pages_and_locked(suite: Machine) -> None:
    pid = suite.must("systemctl", "show", "-p", "MainPID", "--value", "hft-feedd.service").strip()
    blocks = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", suite.read(f"/proc/{pid}/smaps"), flags=re.MULTILINE)
    regions = {
        block.split("\n", 1)[0].split()[-1]: block for block in blocks if "/dev/hugepages/hft/" in block
    }
    assert {
        "/dev/hugepages/hft/feedd/market.ring",
        "/dev/hugepages/hft/feedd/gateway.state",
    } <= regions.keys()
    for name, block in regions.items():
        assert "KernelPageSize:     2048 kB" in block, name
        sizes = dict(re.findall(r"^(Size|Shared_Hugetlb|Private_Hugetlb):\s+(\d+) kB", block, re.MULTILINE))
        assert int(sizes["Shared_Hugetlb"]) + int(sizes["Private_Hugetlb"]) == int(sizes["Size"]), name
    status = suite.read(f"/proc/{pid}/status")
    locked, resident = (int(re.findall(rf"{key}:\s+(\d+)", status)[0]) for key in ("VmLck", "RssAnon"))
    assert locked >= resident > 0


def test_watchds_loop_has_real_time_priority(suite: Machine) -> None:
    pid = suite.must("systemctl", "show", "-p", "MainPID", "--value", "hft-watchd.service").strip()
    fields = suite.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    assert (fields[38], fields[37]) == (SCHED_FIFO, "50")


def test_sysctls_and_interrupts_are_as_rendered(suite: Machine) -> None:
    for each in sysctls(CONFIG):
        done = suite.run("sysctl", "-n", each.key)
        assert (
            done.code or int(done.out) >= int(each.value)
            if each.at_least
            else done.out.strip() in (each.value, "")
        ), each.key
    assert doctor(suite)["irq_cores"]["state"] == "passed"


def test_the_nic_is_set_as_rendered(suite: Machine) -> None:
    unit = f"hft-nic@{CONFIG.host.interfaces[0]}.service"
    said = suite.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).out
    assert suite.run("systemctl", "is-active", unit).code == 0, said
    checks = doctor(suite)
    for id_ in ("nic_up", "nic_rings", "nic_coalescing", "nic_offloads"):
        assert checks[id_]["state"] == "passed", f"{checks[id_]}\n{said}"


@full
def test_tuned_finds_its_profile_in_force(suite: Machine) -> None:
    until(
        lambda: "Current active profile: hft" in suite.run("tuned-adm", "active").out,
        "the profile is applied",
    )
    verified = suite.run("tuned-adm", "verify", timeout_s=300)
    assert verified.code == 0, verified.out + suite.run("tail", "-n", "30", "/var/log/tuned/tuned.log").out
    assert suite.read("/sys/devices/virtual/workqueue/cpumask") == "1"


@full
def test_tuned_refuses_cores_that_are_not_there(suite: Machine) -> None:
    good = suite.read("/etc/tuned/hft-variables.conf")
    suite.must("sh", "-c", "echo isolated_cores=2-9 >/etc/tuned/hft-variables.conf")
    assert suite.run("tuned-adm", "profile", "hft", timeout_s=300).code != 0
    suite.run("tee", "/etc/tuned/hft-variables.conf", text=good + "\n")
    suite.must("tuned-adm", "profile", "hft", timeout_s=300)


@full
def test_preflight_stops_a_trader_when_the_plan_is_not_in_force(suite: Machine) -> None:
    suite.must("sed", "-i", "s/^brain = 3/brain = -1/", "/etc/hft/hft.toml")
    try:
        refused = suite.run("systemctl", "start", "hft-preflight.service", timeout_s=300)
        said = suite.run("journalctl", "--no-pager", "-n", "40", "-u", "hft-preflight.service").out
        assert (refused.code != 0, "not set: brain" in said) == (True, True), said
        suite.must("sed", "-i", 's/^profile = "isolated"/profile = "untuned"/', "/etc/hft/hft.toml")
        suite.must("systemctl", "start", "hft-preflight.service", timeout_s=300)
        assert (
            "UNTUNED HOST"
            in suite.run("journalctl", "--no-pager", "-n", "40", "-u", "hft-preflight.service").out
        )
    finally:
        suite.must(
            "sed",
            "-i",
            's/^brain = -1/brain = 3/; s/^profile = .*/profile = "isolated"/',
            "/etc/hft/hft.toml",
        )


@full
def test_jitter_measures_the_plans_cores_from_the_suites_slice(
    suite: Machine, figure: Callable[[str], None]
) -> None:
    kept_off = suite.run("hft", "jitter", "--cores", "3", "--seconds", "1", "--alone", timeout_s=PYTHON_S)
    assert (kept_off.code, "systemd-run --slice=hft-hot.slice" in kept_off.error) == (1, True)
    ran = suite.run(*BORROW, "hft", "jitter", "--cores", "3", "--seconds", "10", "--json", timeout_s=600)
    assert ran.code == 0, ran.error
    told = json.loads(ran.out)
    core = told["cores"][0]
    figure(
        f"machine: hft jitter, core 3 ({core['role']}), emulated: longest {core['longest_ns'] / 1e6:.1f} ms,"
        f" timer interrupts {core['interrupts'].get('LOC', 0)} in 10 s, peers {told['peers']}"
    )
    assert (core["role"], core["duration_ns"] >= 10e9) == ("brain", True)
    assert core["interrupts"].get("LOC", 0) < 100
    assert {peer["tool"] for peer in told["peers"]} == {"oslat", "osnoise"}
    assert all(peer["longest_us"].keys() == {"3"} for peer in told["peers"]), told["peers"]


@full
def test_the_brain_is_alone_on_its_core_with_its_memory_locked(
    suite: Machine, figure: Callable[[str], None]
) -> None:
    begin = time.monotonic()
    started = suite.run("systemctl", "start", "hft-braind.service", timeout_s=1800)
    said = suite.run("journalctl", "--no-pager", "-n", "60", "-u", "hft-braind.service").out
    assert started.code == 0, f"{started.error}\n{said}"
    figure(f"machine: braind READY after {time.monotonic() - begin:.0f} s, emulated")
    pid = suite.must("systemctl", "show", "-p", "MainPID", "--value", "hft-braind.service").strip()
    status = suite.read(f"/proc/{pid}/status")
    assert re.search(r"^Cpus_allowed_list:\s*3$", status, re.MULTILINE), status
    running = [line.split(None, 3) for line in suite.must("ps", "-eLo", "psr=,pid=,ppid=,comm=").splitlines()]
    assert {
        process for core, process, parent, _ in running if core == "3" and "2" not in (process, parent)
    } == {pid}
    maps = suite.read(f"/proc/{pid}/smaps")
    for region in ("feedd/market.ring", "braind/intents.ring"):
        block = maps.partition(f"/dev/hugepages/hft/{region}")[2].partition("VmFlags")[0]
        assert "KernelPageSize:     2048 kB" in block, region
    assert "active" in suite.run("systemctl", "is-active", "hft-braind.service").out
