"""What the kernel lets the daemons do: lock memory, take real-time priority."""

from __future__ import annotations

import re

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.subject import Subject

LOCKERS = ("feedd", "braind")
SCHED_FIFO = 1
POLICY_FIELD = 38  # proc(5): policy is field 41, the name in brackets field 2


def _memory(subject: Subject) -> Verdict:
    limits = {name: _locked_limit(subject, name) for name in LOCKERS}
    low = {name: limit for name, limit in limits.items() if limit != "unlimited"}
    current = ", ".join(f"{name} {limit}" for name, limit in (low or limits).items())
    return Verdict("unlimited", current, not low)


def _locked_limit(subject: Subject, name: str) -> str:
    """Of the process that runs, else of its unit. Raises Hidden without either."""
    for pid in subject.running(name):
        found = re.search(r"Max locked memory\s+(\S+)", subject.tree.text(f"/proc/{pid}/limits"))
        if found:
            return found[1]
    found = re.search(r"^LimitMEMLOCK=(\S+)", subject.unit(f"hft-{name}.service"), re.MULTILINE)
    return (
        "unlimited"
        if found and found[1] == "infinity"
        else found[1]
        if found
        else "8 MiB (systemd's default)"
    )


def _realtime(subject: Subject) -> Verdict | None:
    priority = subject.config.watchd.realtime_priority
    if not priority:
        return None
    required = f"SCHED_FIFO {priority}"
    for pid in subject.running("watchd"):
        fields = subject.tree.text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        fifo = int(fields[POLICY_FIELD]) == SCHED_FIFO
        return Verdict(required, "SCHED_FIFO" if fifo else "normal scheduling", fifo)
    unit = subject.unit("hft-watchd.service")
    may = "CAP_SYS_NICE" in unit or re.search(r"^LimitRTPRIO=", unit, re.MULTILINE) is not None
    return Verdict(
        required, "its unit may" if may else "its unit has neither CAP_SYS_NICE nor LimitRTPRIO", may
    )


CHECKS = (
    Check(
        "limits_memory",
        "daemons may lock their memory",
        Severity.WARNING,
        "what is not locked can be reclaimed, and comes back by a page fault on a hot core",
        _memory,
        by_hand="LimitMEMLOCK=infinity in the unit (hft-feedd and hft-braind ship with it)",
    ),
    Check(
        "limits_realtime",
        "watchd gets its priority",
        Severity.WARNING,
        "on busy cores it wakes 17 ms late without, and 10 ms of pass is what the lease has room for",
        _realtime,
        by_hand="AmbientCapabilities=CAP_SYS_NICE in hft-watchd.service (it ships with it)",
    ),
)
