"""The cores of the plan: there, isolated, without tick and callbacks, alone, on one node."""

from __future__ import annotations

from hft.host import cpulist
from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.checks.fixes import KERNEL_COMMAND_LINE, RENDER, TUNED, UNITS
from hft.host.doctor.subject import CPU, Subject, shown
from hft.host.places import HOT
from hft.host.tree import Hidden

PF_KTHREAD = 0x200000
SUITE = ("feedd", "braind")


def _planned(subject: Subject) -> Verdict | None:
    if not subject.isolated_profile:
        return None
    lacking = [name for name in HOT if name not in subject.plan.hot]
    lacking += [] if subject.plan.housekeeping else ["housekeeping"]
    return Verdict(
        "market, gateway, brain, housekeeping",
        f"not set: {', '.join(lacking)}" if lacking else "all set",
        not lacking,
    )


def _online(subject: Subject) -> Verdict | None:
    planned = subject.plan.isolated | subject.plan.housekeeping | subject.plan.system
    if not planned:
        return None
    absent = planned - subject.cpus(f"{CPU}/online")
    return Verdict(
        f"{shown(planned)} online", f"offline: {shown(absent)}" if absent else "online", not absent
    )


def _isolated(subject: Subject) -> Verdict | None:
    if not subject.plan.isolated:
        return None
    isolated = subject.cpus(f"{CPU}/isolated")
    # Partitions of cpusets isolate as well, at run time (Linux 6.7 shows them at the root).
    partition = subject.tree.text_or("/sys/fs/cgroup/cpuset.cpus.isolated", "")
    isolated |= cpulist.parse(partition)
    return _covered(subject, isolated)


def _nohz_full(subject: Subject) -> Verdict | None:
    return _covered(subject, subject.cpus(f"{CPU}/nohz_full")) if subject.plan.isolated else None


def _rcu(subject: Subject) -> Verdict | None:
    if not subject.plan.isolated:
        return None
    online, offloaded = subject.cpus(f"{CPU}/online"), frozenset[int]()
    for word in subject.command_line:
        name, _, value = word.partition("=")
        if name in ("rcu_nocbs", "nohz_full"):
            offloaded |= online if value == "all" else _listed(word, value)
    return _covered(subject, offloaded)


def _listed(word: str, value: str) -> frozenset[int]:
    try:
        return cpulist.parse(value)
    except ValueError as error:
        raise Hidden(f"/proc/cmdline, {word}", str(error)) from error


def _covered(subject: Subject, covered: frozenset[int]) -> Verdict:
    wanted = subject.plan.isolated
    return Verdict(f"includes {shown(wanted)}", shown(covered), wanted <= covered)


def _siblings(subject: Subject) -> Verdict | None:
    plan = subject.plan
    if not plan.hot:
        return None
    shared: set[int] = set()
    for core in plan.hot.values():
        others = subject.cpus(f"{CPU}/cpu{core}/topology/thread_siblings_list") - {core}
        shared |= others - plan.reserved
    return Verdict(
        "no sibling, or it is in host.reserved_cores",
        f"in use: {shown(frozenset(shared))}" if shared else "none in use",
        not shared,
    )


def _node(subject: Subject) -> Verdict | None:
    node, hot = subject.config.host.numa_node, frozenset(subject.plan.hot.values())
    if node == -1 or not hot:
        return None
    there = subject.cpus(f"/sys/devices/system/node/node{node}/cpulist")
    away = hot - there
    return Verdict(f"on node {node}", f"elsewhere: {shown(away)}" if away else f"on node {node}", not away)


def _slices(subject: Subject) -> Verdict | None:
    isolated = subject.plan.isolated
    if not isolated:
        return None
    open_to = {
        name: shared
        for name in ("system.slice", "user.slice")
        if (shared := subject.cpus(f"/sys/fs/cgroup/{name}/cpuset.cpus.effective") & isolated)
    }
    current = ", ".join(f"{name} may use {shown(cores)}" for name, cores in open_to.items())
    return Verdict(f"keep off {shown(isolated)}", current or "kept off", not open_to)


def _workqueues(subject: Subject) -> Verdict | None:
    isolated = subject.plan.isolated
    if not isolated:
        return None
    path = "/sys/devices/virtual/workqueue/cpumask"
    try:
        used = cpulist.parse_mask(subject.tree.text(path)) & isolated
    except ValueError as error:
        raise Hidden(path, str(error)) from error
    return Verdict(f"keep off {shown(isolated)}", f"use {shown(used)}" if used else "kept off", not used)


def _alone(subject: Subject) -> Verdict | None:
    isolated = subject.plan.isolated
    if not isolated:
        return None
    strangers = {
        f"{name} on {core}"
        for pid, name in subject.processes.items()
        if name not in SUITE
        for core in _last_cores(subject, pid) & isolated
    }
    return Verdict(
        f"no other program on {shown(isolated)}", ", ".join(sorted(strangers)[:4]) or "none", not strangers
    )


def _last_cores(subject: Subject, pid: int) -> frozenset[int]:
    """Where the threads of a program ran last; nothing for the kernel's own threads."""
    cores = set()
    for thread in subject.tree.names_or_none(f"/proc/{pid}/task"):
        fields = subject.tree.text_or(f"/proc/{pid}/task/{thread}/stat", "").rpartition(")")[2].split()
        if (
            len(fields) > 36 and not int(fields[6]) & PF_KTHREAD
        ):  # proc(5): flags is field 9, processor field 39
            cores.add(int(fields[36]))
    return frozenset(cores)


CHECKS = (
    Check(
        "cores_planned",
        "every hot thread has a core",
        Severity.FATAL,
        "a thread without a core of its own shares one, and waits for milliseconds",
        _planned,
        by_hand="`hft tune plan` proposes [cores] and [host] for this machine; copy what you agree with into {config}",
    ),
    Check(
        "cores_online",
        "planned cores exist",
        Severity.FATAL,
        "a daemon refuses to start when it can not be put on its core",
        _online,
        always=True,
        by_hand="change [cores] in {config}, or bring the core back: echo 1 > /sys/devices/system/cpu/cpuN/online",
    ),
    Check(
        "cores_isolated",
        "hot cores are isolated",
        Severity.FATAL,
        "otherwise the scheduler puts other threads there, for a time slice each",
        _isolated,
        KERNEL_COMMAND_LINE,
    ),
    Check(
        "cores_nohz_full",
        "no tick on hot cores",
        Severity.FATAL,
        "the tick takes microseconds, 250 or 1000 times a second",
        _nohz_full,
        KERNEL_COMMAND_LINE,
    ),
    Check(
        "cores_rcu_offload",
        "RCU callbacks run elsewhere",
        Severity.WARNING,
        "callbacks are run in bursts, by softirq on the core that queued them",
        _rcu,
        KERNEL_COMMAND_LINE,
    ),
    Check(
        "cores_siblings",
        "nothing runs beside a hot core",
        Severity.FATAL,
        "SMT siblings share execution units and caches: a busy one costs a third of the speed, unevenly",
        _siblings,
        by_hand="put the siblings into host.reserved_cores and render again, or turn SMT off in the firmware",
    ),
    Check(
        "cores_node",
        "hot cores are on the NIC's node",
        Severity.WARNING,
        "memory and packets of another node cross the link between sockets: 60 to 100 ns a miss",
        _node,
        by_hand="choose cores of that node in {config}: `hft tune plan` does",
    ),
    Check(
        "cores_slices",
        "systemd keeps everything else off",
        Severity.WARNING,
        "a program may ask for an isolated core by itself; a cpuset does not let it",
        _slices,
        UNITS,
    ),
    Check(
        "cores_workqueues",
        "the kernel's work queues stay off",
        Severity.WARNING,
        "deferred work of drivers and file systems runs wherever the mask lets it",
        _workqueues,
        TUNED,
    ),
    Check(
        "cores_alone",
        "nobody else ran there",
        Severity.WARNING,
        "whoever was there last may still be waiting for its turn",
        _alone,
        (RENDER, "systemctl daemon-reload"),
        by_hand="find the program (ps -eLo pid,psr,comm) and who pinned it there",
    ),
)
