"""hft doctor: every check passes on a host as planned, fails when its one thing is spoilt, says what it can not see."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_host import CONFIG, CPU, NIC, RUN, FakeHost

from hft.config import parse
from hft.host.doctor.check import Severity, State
from hft.host.doctor.checks import CHECKS
from hft.host.doctor.examine import unfit
from hft.host.render.files import MARK

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "TUNING.md"
MOUNT = "/dev/hugepages/hft"
GRUB = "etc/default/grub.d/60-hft.cfg"
UNIT = "lib/systemd/system/hft-feedd.service"
GRO_ON = "generic-receive-offload: on"
Spoil = Callable[[FakeHost], None]


def write(path: str, text: str) -> Spoil:
    return lambda host: host.write(path, text)


def replace(path: str, old: str, new: str) -> Spoil:
    def spoil(host: FakeHost) -> None:
        text = (host.root / path).read_text()
        assert old in text
        host.write(path, text.replace(old, new).rstrip("\n"))

    return spoil


def configure(old: str, new: str) -> Spoil:
    def spoil(host: FakeHost) -> None:
        assert old in CONFIG
        host.config = parse(CONFIG.replace(old, new))

    return spoil


def chmod(path: str, mode: int) -> Spoil:
    return lambda host: (host.root / path).chmod(mode)


def give(path: str, uid: int) -> Spoil:
    def spoil(host: FakeHost) -> None:
        host.tree.owners[f"{RUN}/{path}"] = uid

    return spoil


def mask(host: FakeHost) -> None:
    host.write("etc/systemd/system/hft-braind.service.d/own.conf", "[Service]")
    (host.root / "etc/systemd/system/hft-feedd.service").symlink_to("/dev/null")


def link_a_region(host: FakeHost) -> None:
    (host.root / "dev/hugepages/hft/feedd/progress").symlink_to("market.ring")


def keep_latency(microseconds: int) -> Spoil:
    def spoil(host: FakeHost) -> None:
        replace(f"{CPU}/cpu3/cpuidle/state2/disable", "1", "0")(host)
        (host.root / "dev").mkdir(exist_ok=True)
        (host.root / "dev/cpu_dma_latency").write_bytes(microseconds.to_bytes(4, "little"))

    return spoil


FREE_PAGES = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages"
# (check, what is spoilt, what must be shown as current)
FAILURES: list[tuple[str, Spoil, str]] = [
    ("host_profile", configure("[host]", '[host]\nprofile = "untuned"'), "untuned"),
    ("host_bare_metal", replace("proc/cpuinfo", "fpu", "fpu hypervisor"), "virtual machine"),
    ("host_bare_metal", write("run/systemd/container", "systemd-nspawn"), "container (systemd-nspawn)"),
    ("cores_planned", configure("brain = 4\n", ""), "not set: brain"),
    ("cores_planned", configure("housekeeping = [1]\n", ""), "not set: housekeeping"),
    ("cores_online", write(f"{CPU}/online", "0-2,4-15"), "offline: 3"),
    ("cores_isolated", write(f"{CPU}/isolated", "2-3,10-12"), "2-3,10-12"),
    ("cores_isolated", write(f"{CPU}/isolated", ""), "none"),
    ("cores_nohz_full", write(f"{CPU}/nohz_full", "(null)"), "none"),
    ("cores_nohz_full", write(f"{CPU}/nohz_full", "2-4"), "2-4"),
    ("cores_rcu_offload", write("proc/cmdline", "quiet rcu_nocbs=2-3 nohz_full=10-12"), "2-3,10-12"),
    ("cores_siblings", configure("[10, 11, 12]", "[10, 11]"), "in use: 12"),
    ("cores_node", write("sys/devices/system/node/node0/cpulist", "0-3,8-11"), "elsewhere: 4"),
    ("cores_slices", write("sys/fs/cgroup/user.slice/cpuset.cpus.effective", "0-4"), "user.slice may use 2-4"),
    ("cores_workqueues", write("sys/devices/virtual/workqueue/cpumask", "ffff"), "use 2-4,10-12"),
    ("cores_alone", lambda host: host.thread(900, "java", 11), "java on 11"),
    ("power_governor", write(f"{CPU}/cpu1/cpufreq/scaling_governor", "powersave"), "performance, powersave"),
    ("power_sleep", keep_latency(100), "C6"),
    ("memory_swap", write("proc/swaps", "Filename Type\n/swapfile file 8 0 -2"), "/swapfile"),
    ("memory_transparent_huge_pages", write("sys/kernel/mm/transparent_hugepage/enabled", "[always] never"), "always"),
    ("memory_huge_pages", write("sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "9"), "9"),
    ("memory_huge_pages", write(FREE_PAGES, "1"), "in use by others"),
    ("memory_mount", replace("proc/mounts", "pagesize=2M", "pagesize=1024M"), "hugetlbfs, pagesize=1024M"),
    ("memory_mount", write("proc/mounts", f"tmpfs /dev tmpfs rw 0 0\nh {MOUNT}x hugetlbfs pagesize=2M 0 0"), "tmpfs"),
    ("clock_source", write("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"), "hpet"),
    ("clock_offset", replace("commands/pmc -u -b 0 GET TIME_STATUS_NP", "-37", "2000000"), "2000.0 µs off"),
    ("clock_offset", replace("commands/pmc -u -b 0 GET TIME_STATUS_NP", "true", "false"), "no grandmaster"),
    ("clock_offset", lambda host: host.remove("proc/703"), "nothing sets the system's clock by the NIC's"),
    ("irq_cores", write("proc/irq/41/effective_affinity_list", "3"), f"41 ({NIC}-rx-0) on 3"),
    ("nic_up", write(f"sys/class/net/{NIC}/operstate", "down"), f"{NIC} down"),
    ("nic_up", lambda host: host.remove(f"sys/class/net/{NIC}"), f"{NIC} absent"),
    ("nic_node", write(f"sys/class/net/{NIC}/device/numa_node", "1"), f"{NIC} on node 1"),
    ("nic_queues", replace(f"commands/ethtool -l {NIC}", "Combined:\t1", "Combined:\t8"), f"{NIC}: combined 8"),
    ("nic_rings", replace(f"commands/ethtool -g {NIC}", "RX:\t\t4096", "RX:\t\t512"), f"{NIC}: rx 512"),
    ("nic_coalescing", replace(f"commands/ethtool -c {NIC}", "RX: off", "RX: on"), f"{NIC}: adaptive-rx on"),
    ("nic_coalescing", replace(f"commands/ethtool -c {NIC}", "rx-usecs:\t0", "rx-usecs:\t50"), f"{NIC}: rx-usecs 50"),
    ("nic_offloads", replace(f"commands/ethtool -k {NIC}", "generic-receive-offload: off", GRO_ON), "gro on"),
    ("nic_timestamps", replace(f"commands/ethtool -T {NIC}", "hardware-receive", "software-receive"), f"not: {NIC}"),
    ("kernel_command_line", replace("proc/cmdline", " skew_tick=1", ""), "lacks skew_tick=1"),
    ("kernel_sysctls", write("proc/sys/net/core/rmem_max", "212992"), "net.core.rmem_max is 212992, not 33554432"),
    ("kernel_version", write("proc/sys/kernel/osrelease", "6.1.0-28-rt-amd64"), "6.1.0-28-rt-amd64: a cpuset"),
    ("kernel_preemption", write("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC"), "PREEMPT_DYNAMIC"),
    ("kernel_rt_throttling", write("proc/sys/kernel/sched_rt_runtime_us", "500000"), "500000 of 1000000 µs"),
    ("kernel_rt_groups", write("boot/config-6.12.5-rt-amd64", "CONFIG_RT_GROUP_SCHED=y"), "CONFIG_RT_GROUP_SCHED=y"),
    ("limits_memory", write("proc/701/limits", "Max locked memory  8388608  8388608  bytes"), "braind 8388608"),
    ("limits_realtime", lambda host: host.thread(702, "watchd", 1, policy=0), "normal scheduling"),
    ("files_regions", chmod("dev/hugepages/hft/feedd", 0o770), "feedd is drwxrwx---"),
    ("files_regions", chmod("dev/hugepages/hft/feedd/market.ring", 0o660), "feedd/market.ring is -rw-rw----"),
    ("files_regions", chmod("dev/hugepages/hft/operator/veto", 0o666), "operator/veto is -rw-rw-rw-"),
    ("files_regions", link_a_region, "feedd/progress is lrwxrwxrwx"),
    ("files_regions", chmod("dev/hugepages/hft", 0o777), "/dev/hugepages/hft is drwxrwxrwx"),
    ("files_regions", chmod("dev/hugepages/hft/operator", 0o2770), "operator is drwxrws---"),
    ("files_regions", give("braind", 901), "braind is user 901's, not hft-braind's"),
    ("files_regions", give("feedd/market.ring", 902), "feedd/market.ring is user 902's, its directory 901's"),
    ("files_rendered", replace(GRUB, "nohz_full=2-4", "nohz_full=2-3"), GRUB),
    ("files_rendered", lambda host: host.remove("etc/sysctl.d/60-hft.conf"), "etc/sysctl.d/60-hft.conf"),
    ("files_rendered", write("etc/hft/nic/eth7.env", f"# {MARK}"), "etc/hft/nic/eth7.env of an earlier plan"),
    ("files_shipped", write(f"usr/{UNIT}", "[Service]\nNice=0"), "hft-feedd.service changed"),
    ("files_shipped", write("etc/systemd/system/hft-feedd.service", "[Service]"), "hft-feedd.service replaces it"),
    ("files_shipped", mask, "hft-feedd.service replaces it"),
]  # fmt: skip

# (check, what is taken away)
HIDDEN: list[tuple[str, str]] = [
    ("cores_online", f"{CPU}/online"),
    ("cores_isolated", f"{CPU}/isolated"),
    ("cores_nohz_full", f"{CPU}/nohz_full"),
    ("cores_rcu_offload", "proc/cmdline"),
    ("cores_siblings", f"{CPU}/cpu3/topology"),
    ("cores_node", "sys/devices/system/node/node0"),
    ("cores_slices", "sys/fs/cgroup"),
    ("cores_workqueues", "sys/devices/virtual"),
    ("cores_alone", "proc"),
    ("power_governor", f"{CPU}/cpu1/cpufreq"),
    ("power_sleep", f"{CPU}/cpu2/cpuidle"),
    ("memory_swap", "proc/swaps"),
    ("memory_transparent_huge_pages", "sys/kernel/mm"),
    ("memory_huge_pages", "sys/devices/system/node/node0/hugepages"),
    ("memory_mount", "proc/mounts"),
    ("clock_source", "sys/devices/system/clocksource"),
    ("clock_offset", "commands/pmc -u -b 0 GET TIME_STATUS_NP"),
    ("irq_cores", "proc/irq"),
    ("irq_balance", "proc"),
    ("nic_node", f"sys/class/net/{NIC}/device"),
    ("nic_queues", f"commands/ethtool -l {NIC}"),
    ("nic_rings", f"commands/ethtool -g {NIC}"),
    ("nic_coalescing", f"commands/ethtool -c {NIC}"),
    ("nic_offloads", f"commands/ethtool -k {NIC}"),
    ("nic_timestamps", f"commands/ethtool -T {NIC}"),
    ("kernel_command_line", "proc/cmdline"),
    ("kernel_version", "proc/sys/kernel/osrelease"),
    ("kernel_preemption", "proc/sys/kernel/version"),
    ("kernel_rt_throttling", "proc/sys/kernel/sched_rt_period_us"),
    ("kernel_rt_groups", "boot"),
    ("limits_memory", "proc"),
    ("limits_realtime", "proc/702"),
    ("files_shipped", "var/lib/dpkg"),
    ("files_regions", "etc/passwd"),
]
NEVER_HIDDEN = {
    "host_profile", "host_bare_metal", "cores_planned", "nic_up", "kernel_sysctls", "files_rendered",
}  # fmt: skip


def test_a_host_that_is_as_planned_passes_every_check_that_the_plan_asks_for(host: FakeHost) -> None:
    others = {id_: (r.state, r.current) for id_, r in host.results().items() if r.state is not State.PASSED}
    assert others == dict.fromkeys(("irq_balance", "nic_flows"), (State.NOT_ASKED, "not part of this plan"))
    assert unfit(list(host.results().values()), strict=True) == []


@pytest.mark.parametrize(
    ("check", "spoil", "current"),
    [pytest.param(*case, id=f"{case[0]}-{n}") for n, case in enumerate(FAILURES)],
)
def test_one_thing_that_is_not_as_planned_fails_its_check_and_no_other_fatal_one(
    host: FakeHost, check: str, spoil: Spoil, current: str
) -> None:
    spoil(host)
    results = host.results()
    assert (results[check].state, current in results[check].current) == (State.FAILED, True), results[check]
    failed = {id_ for id_, r in results.items() if r.state is State.FAILED and r.severity is Severity.FATAL}
    assert failed <= {check}


@pytest.mark.parametrize(("check", "path"), HIDDEN, ids=[check for check, _ in HIDDEN])
def test_what_can_not_be_seen_is_said_to_be_so_and_never_passed(
    host: FakeHost, check: str, path: str
) -> None:
    host.remove(path)
    result = host.result(check)
    assert (result.state, result.current.startswith("not visible here: ")) == (State.HIDDEN, True), result
    assert result in unfit([result]) or result.severity is not Severity.FATAL


def test_every_check_is_seen_to_fail_and_to_be_hidden() -> None:
    ids = {check.id for check in CHECKS}
    assert {check for check, *_ in FAILURES} == ids - {"irq_balance", "nic_flows"}  # below
    assert {check for check, _ in HIDDEN} == ids - NEVER_HIDDEN - {"nic_flows"}


def test_every_check_says_why_where_to_read_and_what_would_help() -> None:
    sections = set(re.findall(r"^### (\w+)$", DOCUMENT.read_text(), re.MULTILINE))
    assert sections == {check.id for check in CHECKS}
    for check in CHECKS:
        assert check.document == f"docs/TUNING.md#{check.id}"
        assert check.reason
        assert check.fix or check.by_hand, check.id


def test_an_untuned_host_may_start_unless_a_daemon_could_not(host: FakeHost) -> None:
    text = CONFIG.replace("[host]", '[host]\nprofile = "untuned"')
    host.write(f"{CPU}/isolated", "")
    host.write("proc/swaps", "Filename Type\n/swapfile file 8 0 -2")
    results = host.results(parse(text))
    assert results["cores_isolated"].state is results["memory_swap"].state is State.FAILED
    assert unfit(list(results.values())) == []
    host.write("sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "0")
    assert [r.check.id for r in unfit(list(host.results(parse(text)).values()))] == ["memory_huge_pages"]


def test_small_pages_that_are_allowed_need_no_pool_and_no_mount(host: FakeHost) -> None:
    config = parse('[run]\ndirectory = "/dev/shm/hft"\nhuge_pages = "allow_small"\n' + CONFIG)
    host.remove("sys/devices/system/node/node0/hugepages")
    results = host.results(config)
    assert results["memory_huge_pages"].state is results["memory_mount"].state is State.NOT_ASKED


def test_a_kernel_without_transparent_huge_pages_collapses_none(host: FakeHost) -> None:
    host.remove("sys/kernel/mm/transparent_hugepage")
    result = host.result("memory_transparent_huge_pages")
    assert (result.state, result.current) == (State.PASSED, "not in this kernel")


def test_irqbalance_must_be_told_of_every_isolated_core_or_of_none(host: FakeHost) -> None:
    host.thread(800, "irqbalance", 0)
    assert host.result("irq_balance").state is State.PASSED
    host.write("etc/default/irqbalance", 'IRQBALANCE_BANNED_CPULIST="2-4"')
    result = host.result("irq_balance")
    assert (result.state, result.current) == (State.FAILED, "bans 2-4")
    host.remove("etc/default/irqbalance")
    host.remove("etc/systemd/system/irqbalance.service.d")
    assert host.result("irq_balance").current == "bans what the kernel isolates, by itself"


def test_deep_sleep_that_somebody_holds_off_is_as_good(host: FakeHost) -> None:
    keep_latency(2)(host)
    assert host.result("power_sleep").state is State.PASSED


def test_deep_sleep_is_not_excused_by_what_can_not_be_read(host: FakeHost) -> None:
    replace(f"{CPU}/cpu3/cpuidle/state2/disable", "1", "0")(host)
    assert host.result("power_sleep").state is State.HIDDEN


def test_a_partition_of_cpusets_isolates_as_well(host: FakeHost) -> None:
    host.write(f"{CPU}/isolated", "10-12")
    host.write("sys/fs/cgroup/cpuset.cpus.isolated", "2-4")
    assert host.result("cores_isolated").state is State.PASSED


@pytest.mark.parametrize(
    ("said", "state", "current"),
    [
        ("A9FEA97B,169.254.169.123,4,1.1,-0.000012345,0,0,0,0,0,0,0,0,Normal", State.PASSED, "-12.3 µs off"),
        ("A9FEA97B,169.254.169.123,4,1.1,0.5,0,0,0,0,0,0,0,0,Normal", State.FAILED, "500000.0 µs off"),
        ("7F7F0101,,0,0.0,0.000000000,0,0,0,0,0,0,0,0,Not synchronised", State.FAILED, "not synchronised"),
        ("506 Cannot talk to daemon", State.HIDDEN, "not visible here"),
    ],
)  # fmt: skip
def test_chronys_offset_is_read_where_the_plan_says_ntp(
    host: FakeHost, said: str, state: State, current: str
) -> None:
    configure('clock = "ptp"', 'clock = "ntp"')(host)
    host.write("commands/chronyc -c tracking", said)
    result = host.result("clock_offset")
    assert (result.state, current in result.current) == (state, True), result


def test_in_a_unit_ptp4l_is_asked_from_the_unit_s_own_directory(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/hft-doctor")
    assert host.results()["clock_offset"].state is State.HIDDEN
    said = (host.root / "commands/pmc -u -b 0 GET TIME_STATUS_NP").read_text()
    host.write(f"commands/pmc -i _run_hft-doctor_pmc.{os.getpid()} -u -b 0 GET TIME_STATUS_NP", said)
    assert host.results()["clock_offset"].state is State.PASSED


def test_daemons_that_do_not_run_are_judged_by_their_units(host: FakeHost) -> None:
    for pid in (700, 701, 702):
        host.remove(f"proc/{pid}")
    host.write("usr/lib/systemd/system/hft-braind.service", "[Service]\nNice=-15")
    host.write(
        "usr/lib/systemd/system/hft-watchd.service", "[Service]\nAmbientCapabilities=CAP_KILL CAP_SYS_NICE"
    )
    assert host.result("limits_memory").current == "braind 8 MiB (systemd's default)"
    assert host.result("limits_realtime").state is State.PASSED
    host.write("usr/lib/systemd/system/hft-watchd.service", "[Service]\nUser=hft-watchd")
    assert host.result("limits_realtime").state is State.FAILED


def test_a_sysctl_that_this_kernel_does_not_have_is_no_difference(host: FakeHost) -> None:
    host.remove("proc/sys/kernel/numa_balancing")
    host.write("proc/sys/net/core/rmem_max", "67108864")  # more than asked for
    assert host.result("kernel_sysctls").state is State.PASSED


STEERED = (
    "4 RX rings available\nTotal 1 rules\n\nFilter: 1022\n\tRule Type: UDP over IPv4\n"
    "\tSrc IP addr: 0.0.0.0 mask: 255.255.255.255\n\tDest IP addr: 233.54.12.111 mask: 0.0.0.0\n"
    "\tTOS: 0x0 mask: 0xff\n\tSrc port: 0 mask: 0xffff\n\tDest port: 26477 mask: 0x0\n"
    "\tAction: Direct to queue 3\n"
)


@pytest.mark.parametrize(
    ("said", "current"),
    [
        (STEERED, "so"),
        ("4 RX rings available\nTotal 0 rules\n", f"{NIC}: udp4 dst-ip 233.54.12.111 dst-port 26477 is not"),
        (STEERED.replace("queue 3", "queue 1"), f"{NIC}: udp4 dst-ip 233.54.12.111 dst-port 26477 is not"),
        (STEERED.replace("26477", "26400"), f"{NIC}: udp4 dst-ip 233.54.12.111 dst-port 26477 is not"),
    ],
)
def test_feed_and_venue_are_steered_where_a_nic_has_queues(host: FakeHost, said: str, current: str) -> None:
    assert host.result("nic_flows").state is State.NOT_ASKED, "one queue"
    config = parse(CONFIG.replace("[host]", "[host]\nnic_queues = 4"))
    assert host.results(config)["nic_flows"].state is State.HIDDEN, "ethtool says nothing"
    host.write(f"commands/ethtool -u {NIC}", said)
    result = host.results(config)["nic_flows"]
    assert (result.current, result.state) == (current, State.PASSED if current == "so" else State.FAILED)


def test_what_a_nic_does_not_have_is_no_difference(host: FakeHost) -> None:
    replace(f"commands/ethtool -c {NIC}", "Adaptive RX: off  TX: off", "Adaptive RX: n/a  TX: n/a")(host)
    assert host.result("nic_coalescing").state is State.PASSED


def test_what_is_fixed_in_a_nic_is_no_difference(host: FakeHost) -> None:
    replace(f"commands/ethtool -k {NIC}", "ntuple-filters: on", "ntuple-filters: off [fixed]")(host)
    assert host.result("nic_offloads").state is State.PASSED
