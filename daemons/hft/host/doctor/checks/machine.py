"""What kind of machine this is, and how seriously the plan takes it."""

from __future__ import annotations

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.subject import Subject
from hft.host.virtual import virtualization


def _profile(subject: Subject) -> Verdict:
    return Verdict("isolated", subject.config.host.profile, subject.isolated_profile)


def _bare_metal(subject: Subject) -> Verdict:
    found = virtualization(subject.tree)
    return Verdict("bare metal", found or "bare metal", not found)


CHECKS = (
    Check(
        "host_profile",
        "the plan asks for isolated cores",
        Severity.WARNING,
        "on an untuned host anything may take the core from a hot thread for milliseconds",
        _profile,
        by_hand='set [host] profile = "isolated" once it is tuned; "untuned" is for laptops and virtual machines',
    ),
    Check(
        "host_bare_metal",
        "no hypervisor between",
        Severity.INFO,
        "a hypervisor takes cores away without the guest seeing it, and hides half of what is checked here",
        _bare_metal,
        by_hand="trade on a machine of its own; `hft jitter` shows what a hypervisor takes",
    ),
)
