"""The kernel: which one, how it was started, how it is set."""

from __future__ import annotations

import gzip
import re

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.checks.fixes import KERNEL_COMMAND_LINE, SYSCTL
from hft.host.doctor.subject import Subject, kernel_version
from hft.host.render.kernel import kernel_arguments, sysctls
from hft.host.tree import Hidden

RT_SHARE_MIN = 0.95  # of a period, the kernel's own default
# Before which version, what goes wrong.
TRAPS = (
    ((5, 14), "no cgroup.kill, no PREEMPT_RT in the kernel's own tree"),
    (
        (6, 1),
        "no MADV_COLLAPSE: braind's private memory stays on small pages, and a kill takes twice as long",
    ),
    (
        (6, 2),
        "a cpuset set after a thread pinned itself wipes that out: do not change AllowedCPUs= while it runs",
    ),
)


def _release(subject: Subject) -> str:
    return subject.tree.text("/proc/sys/kernel/osrelease")


def _version(subject: Subject) -> Verdict:
    release = _release(subject)
    try:
        version = kernel_version(release)
    except ValueError as error:
        raise Hidden("/proc/sys/kernel/osrelease", str(error)) from error
    traps = [text for before, text in TRAPS if version < before]
    return Verdict("6.2 or later", f"{release}: {'; '.join(traps)}" if traps else release, not traps)


def _command_line(subject: Subject) -> Verdict | None:
    wanted = [argument.text for argument in kernel_arguments(subject.config)]
    if not wanted:
        return None
    lacking = [text for text in wanted if text not in subject.command_line]
    current = f"lacks {' '.join(lacking)}" if lacking else "as rendered"
    return Verdict("as rendered from the plan", current, not lacking)


def _sysctls(subject: Subject) -> Verdict:
    different = []
    for each in sysctls(subject.config):
        current = subject.tree.text_or(f"/proc/sys/{each.key.replace('.', '/')}", "")
        # What this kernel does not have can not be wrong; a larger limit is as good.
        if current and current != each.value and not (each.at_least and int(current) >= int(each.value)):
            different.append(f"{each.key} is {current}, not {each.value}")
    return Verdict("as rendered from the plan", "; ".join(different) or "as rendered", not different)


def _throttling(subject: Subject) -> Verdict | None:
    if not subject.config.watchd.realtime_priority:
        return None
    runtime = subject.tree.number("/proc/sys/kernel/sched_rt_runtime_us")
    period = subject.tree.number("/proc/sys/kernel/sched_rt_period_us")
    required = f"at least {RT_SHARE_MIN:.0%} of a period, or off (-1)"
    good = runtime == -1 or (period > 0 and runtime >= RT_SHARE_MIN * period)
    return Verdict(required, f"{runtime} of {period} µs", good)


def _rt_groups(subject: Subject) -> Verdict | None:
    if not subject.config.watchd.realtime_priority:
        return None
    on = "CONFIG_RT_GROUP_SCHED=y" in _kernel_config(subject).splitlines()
    return Verdict("off", "CONFIG_RT_GROUP_SCHED=y" if on else "off", not on)


def _kernel_config(subject: Subject) -> str:
    path = f"/boot/config-{_release(subject)}"
    if subject.tree.exists(path):
        return subject.tree.text(path)
    try:
        return gzip.decompress(subject.tree.raw("/proc/config.gz")).decode("utf-8", "replace")
    except (OSError, EOFError) as error:
        raise Hidden("/proc/config.gz", str(error)) from error


def _preemption(subject: Subject) -> Verdict:
    version = subject.tree.text("/proc/sys/kernel/version")
    found = re.search(r"PREEMPT(_RT|_DYNAMIC)?", version)
    model = found[0] if found else "no preemption of the kernel"
    return Verdict("PREEMPT_RT", model, model == "PREEMPT_RT")


CHECKS = (
    Check(
        "kernel_command_line",
        "the kernel was started as planned",
        Severity.WARNING,
        "a plan that was changed but not rendered, or rendered but not booted, is not in force",
        _command_line,
        KERNEL_COMMAND_LINE,
    ),
    Check(
        "kernel_sysctls",
        "sysctls are as planned",
        Severity.WARNING,
        "each costs a hot core an interruption, or a socket its buffer; docs/TUNING.md has the reasons",
        _sysctls,
        SYSCTL,
    ),
    Check(
        "kernel_version",
        "no known trap in this kernel",
        Severity.INFO,
        "what a kernel does behind a pinned thread's back depends on its version",
        _version,
        by_hand="a newer kernel, or keep to the advice",
    ),
    Check(
        "kernel_preemption",
        "a kernel that can be preempted",
        Severity.INFO,
        "watchd's deadlines hold while the kernel is at work only if the kernel lets go; spinning threads gain nothing",
        _preemption,
        ("apt-get install linux-image-rt-amd64", "echo 'reboot into it'"),
    ),
    Check(
        "kernel_rt_throttling",
        "real-time threads are not suspended early",
        Severity.WARNING,
        "beyond its share of a period every real-time thread waits, watchd with them",
        _throttling,
        ("sysctl -w kernel.sched_rt_period_us=1000000 kernel.sched_rt_runtime_us=950000",),
    ),
    Check(
        "kernel_rt_groups",
        "real-time priority needs no budget of its own",
        Severity.WARNING,
        "with it, a unit's group has a real-time budget of zero, and watchd's priority is refused",
        _rt_groups,
        by_hand="another kernel: Debian's have it off; or rt_group_sched=0 on the command line from Linux 6.16 on",
    ),
)
