"""Interrupts: none on isolated cores, and nobody moves them there."""

from __future__ import annotations

import re

from hft.host import cpulist
from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.checks.fixes import IRQ, UNITS
from hft.host.doctor.subject import Subject, shown
from hft.host.tree import Hidden

BANNED = "IRQBALANCE_BANNED_CPULIST"
# Later ones win, as in irqbalance.service; the drop-in comes first because a file of variables overrides it.
ENVIRONMENTS = (
    "/etc/systemd/system/irqbalance.service.d/50-cores.conf",
    "/usr/lib/irqbalance/defaults.env",
    "/etc/default/irqbalance",
)


def _on_isolated(subject: Subject) -> Verdict | None:
    isolated = subject.plan.isolated
    if not isolated:
        return None
    there = [
        f"{number} ({user}) on {shown(cores)}"
        for number in sorted(filter(str.isdecimal, subject.tree.names("/proc/irq")), key=int)
        if (user := _user(subject, number)) and (cores := _cores(subject, number) & isolated)
    ]
    more = f" and {len(there) - 3} more" if len(there) > 3 else ""
    return Verdict(f"none on {shown(isolated)}", (", ".join(there[:3]) + more) or "none", not there)


def _user(subject: Subject, number: str) -> str:
    """Who uses it: the directory in /proc/irq/N that names the handler; "" when nobody does."""
    directory = f"/proc/irq/{number}"
    names = subject.tree.names(directory)
    return next((name for name in names if subject.tree.path(f"{directory}/{name}").is_dir()), "")


def _cores(subject: Subject, number: str) -> frozenset[int]:
    effective = f"/proc/irq/{number}/effective_affinity_list"
    if subject.tree.text_or(effective, ""):
        return subject.cpus(effective)
    return subject.cpus(f"/proc/irq/{number}/smp_affinity_list")


def _balancer(subject: Subject) -> Verdict | None:
    isolated = subject.plan.isolated
    if not isolated or not any(subject.running("irqbalance")):
        return None
    banned = ""
    for path in ENVIRONMENTS:
        for line in subject.tree.text_or(path, "").splitlines():
            found = re.match(rf'(?:Environment=)?"?{BANNED}="?([0-9,-]*)"?$', line.strip())
            banned = found[1] if found else banned
    if not banned:
        return Verdict(f"bans {shown(isolated)}", "bans what the kernel isolates, by itself", True)
    try:
        listed = cpulist.parse(banned)
    except ValueError as error:
        raise Hidden(BANNED, str(error)) from error
    return Verdict(f"bans {shown(isolated)}", f"bans {shown(listed)}", isolated <= listed)


CHECKS = (
    Check(
        "irq_cores",
        "no interrupt on isolated cores",
        Severity.WARNING,
        "each takes the core for 2 to 20 µs, and its softirq for longer",
        _on_isolated,
        IRQ,
        by_hand="some drivers' interrupts can not be moved: give them fewer queues (host.nic_queues)",
    ),
    Check(
        "irq_balance",
        "irqbalance keeps off",
        Severity.WARNING,
        "a list that is set replaces what irqbalance finds out by itself, so it must hold every isolated core",
        _balancer,
        (*UNITS, "systemctl try-restart irqbalance.service"),
    ),
)
