"""Frequency and sleep of the planned cores."""

from __future__ import annotations

import struct

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.checks.fixes import TUNED
from hft.host.doctor.subject import CPU, Subject
from hft.host.tree import Hidden

EXIT_LATENCY_US_MAX = 2  # C1; C1E takes 10 and more


def _governor(subject: Subject) -> Verdict | None:
    cores = sorted(subject.plan.isolated | subject.plan.housekeeping)
    if not cores:
        return None
    governors = {subject.tree.text(f"{CPU}/cpu{core}/cpufreq/scaling_governor") for core in cores}
    return Verdict("performance", ", ".join(sorted(governors)), governors == {"performance"})


def _sleep(subject: Subject) -> Verdict | None:
    cores = sorted(subject.plan.isolated | subject.plan.housekeeping)
    if not cores:
        return None
    deep = sorted({name for core in cores for name in _deep_states(subject, core)})
    required = f"none that takes more than {EXIT_LATENCY_US_MAX} µs to leave"
    if deep and _latency_held_us(subject) <= EXIT_LATENCY_US_MAX:
        return Verdict(required, "held off through /dev/cpu_dma_latency", True)
    return Verdict(required, ", ".join(deep) or "none", not deep)


def _deep_states(subject: Subject, core: int) -> list[str]:
    directory = f"{CPU}/cpu{core}/cpuidle"
    states = [name for name in subject.tree.names(directory) if name.startswith("state")]
    deep = [
        state
        for state in states
        if subject.tree.number(f"{directory}/{state}/latency") > EXIT_LATENCY_US_MAX
        and not subject.tree.number(f"{directory}/{state}/disable")
    ]
    return [subject.tree.text(f"{directory}/{state}/name") for state in deep]


def _latency_held_us(subject: Subject) -> int:
    path = "/dev/cpu_dma_latency"
    raw = subject.tree.raw(path)
    if len(raw) < 4:
        raise Hidden(path, "holds no number")
    return int(struct.unpack("<i", raw[:4])[0])


CHECKS = (
    Check(
        "power_governor",
        "cores run at full speed",
        Severity.WARNING,
        "a governor that saves power takes milliseconds to see load, and a change of frequency stops the core",
        _governor,
        TUNED,
    ),
    Check(
        "power_sleep",
        "no core sleeps deeply",
        Severity.WARNING,
        "waking from deep states takes up to 100 µs, also for the cores that handle interrupts",
        _sleep,
        TUNED,
    ),
)
