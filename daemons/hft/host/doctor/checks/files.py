"""Files: regions that only their daemon can write, units as rendered and as shipped."""

from __future__ import annotations

import hashlib
import stat

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.checks.fixes import FILES
from hft.host.doctor.subject import Subject
from hft.host.memory import DIRECTORIES
from hft.host.render.files import GRUB, MARK, NICS, TUNED, rendered
from hft.host.render.units import DROP_INS, NAME
from hft.host.tree import Hidden

VETO = "operator/veto"
SUMS = ("/var/lib/dpkg/info/hft.md5sums", "/var/lib/dpkg/info/hft-host-tuning.md5sums")
SHADOWS = "/etc/systemd/system"


def _regions(subject: Subject) -> Verdict | None:
    run, tree = subject.config.run.directory, subject.tree
    if not tree.exists(run):
        return None
    wrong, owners = [], {}
    if (whole := tree.stat(run)).st_mode & 0o022:
        wrong.append(f"{run} is {stat.filemode(whole.st_mode)}")
    for name in DIRECTORIES:
        if not tree.exists(f"{run}/{name}"):
            continue
        entry = tree.stat(f"{run}/{name}")
        owners[name] = entry.st_uid
        if not stat.S_ISDIR(entry.st_mode) or entry.st_mode & 0o022:
            wrong.append(f"{name} is {stat.filemode(entry.st_mode)}")
        for file in tree.names(f"{run}/{name}"):
            found = tree.stat(f"{run}/{name}/{file}")
            veto = f"{name}/{file}" == VETO  # any operator makes it
            if not stat.S_ISREG(found.st_mode) or found.st_mode & (0o002 if veto else 0o022):
                wrong.append(f"{name}/{file} is {stat.filemode(found.st_mode)}")
            if found.st_uid != entry.st_uid and not veto:
                wrong.append(f"{name}/{file} is user {found.st_uid}'s, its directory {entry.st_uid}'s")
    if subject.isolated_profile:
        wrong += _not_their_own(tree.text("/etc/passwd"), owners)
    return Verdict("writable by their daemon alone", ", ".join(wrong[:4]) or "so", not wrong)


def _not_their_own(passwd: str, owners: dict[str, int]) -> list[str]:
    """Directories that are not their daemon's user's (`hft memory prepare` makes them)."""
    users = {name: int(uid) for name, _, uid, *_ in (line.split(":") for line in passwd.splitlines() if line)}
    return [
        f"{name} is user {uid}'s, not {DIRECTORIES[name][0]}'s"
        for name, uid in owners.items()
        if uid != users.get(DIRECTORIES[name][0])
    ]


def _rendered(subject: Subject) -> Verdict:
    """Comments aside, which name the file that it was rendered from."""
    different = [
        path
        for path, text in rendered(subject.config, "").items()
        if _settings(subject.tree.text_or(f"/{path}", "")) != _settings(text)
    ]
    different += [f"{path} of an earlier plan" for path in _stale(subject)]
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return Verdict("as rendered from the plan", ", ".join(different[:3]) + more or "so", not different)


def _stale(subject: Subject) -> list[str]:
    """Rendered once, and not any more: another profile, fewer NICs. It is still in force."""
    tree, now = subject.tree, rendered(subject.config, "")
    names = [GRUB, TUNED, *(f"{NICS}/{name}" for name in tree.names_or_none(f"/{NICS}"))]
    names += [
        f"{DROP_INS}/{unit}/{NAME}" for unit in tree.names_or_none(f"/{DROP_INS}") if unit.endswith(".d")
    ]
    return [name for name in names if name not in now and MARK in tree.text_or(f"/{name}", "")]


def _settings(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def _shipped(subject: Subject) -> Verdict:
    changed, shipped = [], set()
    sums = [subject.tree.text(SUMS[0]), subject.tree.text_or(SUMS[1], "")]
    for line in "\n".join(sums).splitlines():
        digest, _, path = line.partition("  ")
        if "systemd/system/" not in path:
            continue
        shipped.add(path.rpartition("/")[2])
        try:
            now = hashlib.md5(subject.tree.raw(f"/{path}"), usedforsecurity=False).hexdigest()
        except Hidden:
            now = ""
        if now != digest:
            changed.append(path.rpartition("/")[2])
    shadowed = [
        name
        for name in subject.tree.names_or_none(SHADOWS)
        if name in shipped  # a file, or a link: masked
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
        FILES,
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
