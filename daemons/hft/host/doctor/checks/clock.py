"""The clocks: a cheap one to read, and a wall clock that is right."""

from __future__ import annotations

import os
import re

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.subject import Subject
from hft.host.tree import Hidden

SOURCES = ("tsc", "arch_sys_counter")
CARRIERS = ("phc2sys", "chronyd", "timemaster")


def _source(subject: Subject) -> Verdict:
    current = subject.tree.text("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    return Verdict(" or ".join(SOURCES), current, current in SOURCES)


def _offset(subject: Subject) -> Verdict | None:
    host = subject.config.host
    if host.clock == "none":
        return None
    offset_us, trouble = _ntp(subject) if host.clock == "ntp" else _ptp(subject)
    required = f"{host.clock}, at most {host.clock_offset_us_max} µs off"
    if trouble:
        return Verdict(required, trouble, False)
    return Verdict(required, f"{offset_us:.1f} µs off", abs(offset_us) <= host.clock_offset_us_max)


def _ntp(subject: Subject) -> tuple[float, str]:
    """chronyc(1), tracking in CSV: 5th field the system clock's offset in seconds, last one the leap status."""
    said = subject.tree.command("chronyc", "-c", "tracking").strip()
    fields = said.split(",")
    try:
        offset_s = float(fields[4])
    except (IndexError, ValueError):
        raise Hidden("chronyc -c tracking", f"{said[:60]!r} is not what was expected") from None
    return offset_s * 1e6, "" if fields[-1] == "Normal" else fields[-1].lower()


def _ptp(subject: Subject) -> tuple[float, str]:
    """pmc(8), TIME_STATUS_NP: master_offset in nanoseconds, gmPresent while a grandmaster is heard.

    It wants a socket of its own for the answer, in /run, where a unit may write to a directory of its own at most.
    """
    own = os.environ.get("RUNTIME_DIRECTORY")
    socket = ("-i", f"{own}/pmc.{os.getpid()}") if own else ()
    said = subject.tree.command("pmc", *socket, "-u", "-b", "0", "GET TIME_STATUS_NP")
    offset, present = re.search(r"master_offset\s+(-?\d+)", said), re.search(r"gmPresent\s+(\w+)", said)
    if not offset or not present:
        raise Hidden("pmc", "ptp4l did not answer")
    if present[1] != "true":
        return 0.0, "no grandmaster"
    return int(offset[1]) / 1000, "" if _carried_over(
        subject
    ) else "nothing sets the system's clock by the NIC's"


def _carried_over(subject: Subject) -> bool:
    """ptp4l sets a NIC's own clock where it has one; the system's is then another program's affair."""
    stamping = (
        "hardware-receive" in subject.tree.command("ethtool", "-T", name)
        for name in subject.config.host.interfaces
    )
    return not any(stamping) or any(next(subject.running(name), None) is not None for name in CARRIERS)


CHECKS = (
    Check(
        "clock_source",
        "reading the clock is no system call",
        Severity.FATAL,
        "every loop reads the clock every round: 20 ns with the TSC, a microsecond and a system call with others",
        _source,
        by_hand="dmesg | grep -i tsc says why the kernel gave it up; firmware that changes it, or a hypervisor",
    ),
    Check(
        "clock_offset",
        "the wall clock is right",
        Severity.WARNING,
        "exchange times are compared with receive times, and regulators ask for both; ordering does not use it",
        _offset,
        by_hand="docs/TUNING.md has chrony's and linuxptp's settings, and hft-phc2sys@, which waits for ptp4l",
    ),
)
