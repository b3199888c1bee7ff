"""Files: regions that only their daemon can write, units as rendered and as shipped."""

from __future__ import annotations

import hashlib
import stat

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.checks.fixes import UNITS
from hft.host.doctor.subject import Subject
from hft.host.render.files import rendered
from hft.host.tree import Hidden

WRITERS = ("feedd", "braind", "watchd")
VETO = "operator/veto"
SUMS = "/var/lib/dpkg/info/hft.md5sums"
SHADOWS = "/etc/systemd/system"


def _regions(subject: Subject) -> Verdict | None:
    run = subject.config.run.directory
    if not subject.tree.exists(run):
        return None
    wrong, owners = [], []
    for name in (*WRITERS, "operator"):
        if not subject.tree.exists(f"{run}/{name}"):
            continue
        entry = subject.tree.stat(f"{run}/{name}")
        owners += [entry.st_uid] if name in WRITERS else []
        if not stat.S_ISDIR(entry.st_mode) or (name in WRITERS and entry.st_mode & 0o022):
            wrong.append(f"{name} is {stat.filemode(entry.st_mode)}")
        for file in subject.tree.names(f"{run}/{name}"):
            mode = subject.tree.stat(f"{run}/{name}/{file}").st_mode
            others = 0o002 if f"{name}/{file}" == VETO else 0o022
            if not stat.S_ISREG(mode) or mode & others:
                wrong.append(f"{name}/{file} is {stat.filemode(mode)}")
    if subject.isolated_profile and len(set(owners)) != len(owners):
        wrong.append("daemons share a user")
    return Verdict("writable by their daemon alone", ", ".join(wrong[:4]) or "so", not wrong)


def _rendered(subject: Subject) -> Verdict:
    """Comments aside, which name the file that it was rendered from."""
    different = [
        path
        for path, text in rendered(subject.config, "").items()
        if _settings(subject.tree.text_or(f"/{path}", "")) != _settings(text)
    ]
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return Verdict("as rendered from the plan", ", ".join(different[:3]) + more or "so", not different)


def _settings(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def _shipped(subject: Subject) -> Verdict:
    changed = []
    for line in subject.tree.text(SUMS).splitlines():
        digest, _, path = line.partition("  ")
        if "systemd/system/" not in path:
            continue
        try:
            now = hashlib.md5(subject.tree.raw(f"/{path}"), usedforsecurity=False).hexdigest()
        except Hidden:
            now = ""
        if now != digest:
            changed.append(path.rpartition("/")[2])
    shadowed = [
        name
        for name in subject.tree.names_or_none(SHADOWS)
        if name.startswith("hft") and stat.S_ISREG(subject.tree.stat(f"{SHADOWS}/{name}").st_mode)
    ]
    wrong = [f"{name} changed" for name in changed] + [f"{SHADOWS}/{name} replaces it" for name in shadowed]
    return Verdict("unchanged; a site's changes are drop-ins", ", ".join(wrong[:4]) or "so", not wrong)


CHECKS = (
    Check(
        "files_regions",
        "each region has one writer",
        Severity.FATAL,
        "whoever can write a region can trade, or stop others from stopping",
        _regions,
        always=True,
        by_hand="find out who changed the mode; daemons make new regions with the right one when they start",
    ),
    Check(
        "files_rendered",
        "what was rendered is installed",
        Severity.WARNING,
        "the plan has one home; a file that says otherwise is an old plan",
        _rendered,
        UNITS,
    ),
    Check(
        "files_shipped",
        "units are as shipped",
        Severity.WARNING,
        "an edited unit is replaced by the next upgrade, and nobody tested it",
        _shipped,
        by_hand="dpkg --verify hft; move changes into drop-ins (systemctl edit UNIT), apt-get install --reinstall hft",
    ),
)
