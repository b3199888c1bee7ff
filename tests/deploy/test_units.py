"""The units on the host, without booting: what systemd says of them, and what holds for all."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
TRADERS = ("hft-feedd.service", "hft-braind.service")
EXPOSURE_MAX = 2.5
# What has to have its reason. Lines of one kind that follow each other may share a comment.
REASONED = {
    "limit": r"Limit|OOM|Memory(?!Deny)|Nice=|TimerSlack|(CPU|IO)(Weight|Scheduling)|Tasks",
    "right": r"(Ambient)?Capabilit",
    "confinement": r"Protect|Private|Restrict|SystemCall|MemoryDeny|NoNewPriv|LockPers|UMask|Keyring|RemoveIPC|Device"
    r"|IPAddress|Bind(ReadOnly)?Paths|(ReadWrite|ReadOnly|Inaccessible)Paths",
}

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="NOT TESTED: systemd-analyze is not installed"
)


def read(name: str) -> dict[str, dict[str, list[str]]]:
    """Section → key → values, in order."""
    parsed: dict[str, dict[str, list[str]]] = {}
    section = ""
    text = (UNITS / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            parsed[section] = {}
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            parsed[section].setdefault(key, []).append(value)
    return parsed


def one(name: str, section: str, key: str) -> str:
    (value,) = read(name)[section][key]
    return value


def test_systemd_accepts_every_unit_without_a_word(tmp_path: Path) -> None:
    """Of all together, with programs that are there: a name that is misspelt is told as an unknown key or unit."""
    for unit in UNITS.glob("*.*"):
        if unit.suffix in (".service", ".target", ".slice", ".mount"):
            text = unit.read_text()
            for program in (
                "/usr/bin/hft",
                "/usr/bin/feedd",
                "/usr/bin/braind",
                "/usr/bin/watchd",
                "/usr/bin/paperd",
            ):
                text = text.replace(f"={program} ", "=/bin/true ")
            text = text.replace("=/usr/lib/hft/paper-day ", "=/bin/true ")
            (tmp_path / unit.name).write_text(text)
    paths = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", *paths],
        capture_output=True, text=True, check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "hft" in line]
    assert told == []


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_exposure_is_within_the_limit(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:]
    assert "Overall exposure level" in done.stdout


@pytest.mark.parametrize("unit", TRADERS)
def test_a_trader_never_starts_by_itself_and_not_without_preflight(unit: str) -> None:
    assert one(unit, "Service", "Restart") == "no"
    assert "hft-preflight.service" in one(unit, "Unit", "Requires").split()
    assert "hft-preflight.service" in one(unit, "Unit", "After").split()


@pytest.mark.parametrize("name", ["hft-preflight.service", "hft-hugepages.service"])
def test_what_traders_require_is_asked_again_at_each_start(name: str) -> None:
    unit = read(name)
    assert unit["Service"]["Type"] == ["oneshot"]
    assert "RemainAfterExit" not in unit["Service"]
    assert unit["Unit"]["RefuseManualStop"] == ["yes"]


def test_watchd_and_its_stand_in_alone_may_kill_other_users_processes() -> None:
    """The other is hft-halt@. Without a bounding set root has every right."""
    sets = {
        unit.name: [
            *read(unit.name)["Service"].get("CapabilityBoundingSet", ["CAP_KILL"]),
            *read(unit.name)["Service"].get("AmbientCapabilities", []),
        ]
        for unit in SERVICES
    }
    holders = {name for name, texts in sets.items() if any("CAP_KILL" in t or "~" in t for t in texts)}
    assert holders == {"hft-watchd.service", "hft-halt@.service"}


def test_the_paper_venue_may_not_read_the_daemons_memory() -> None:
    for name in ("hft-paperd.service", "hft-paper-day.service"):
        service = read(name)["Service"]
        assert (service["Group"], "SupplementaryGroups" in service) == (["hft-paperd"], False)


@pytest.mark.parametrize("daemon", ["feedd", "braind", "watchd", "exporter", "recorder"])
def test_pages_are_unmounted_after_whoever_maps_them(daemon: str) -> None:
    """A stop goes through After= backwards."""
    assert "dev-hugepages-hft.mount" in one(f"hft-{daemon}.service", "Unit", "After").split()


def test_every_daemon_has_a_user_of_its_own() -> None:
    daemons = ("feedd", "braind", "watchd", "exporter", "recorder", "paperd")
    users = [one(f"hft-{daemon}.service", "Service", "User") for daemon in daemons]
    assert users == [f"hft-{daemon}" for daemon in daemons]
    made = (UNITS / "sysusers.d/hft.conf").read_text()
    assert all(f"u {user} " in made for user in users)


def test_a_restart_of_watchd_can_not_restart_a_trader() -> None:
    """Whoever requires a unit, binds to it or is part of it is restarted with it, also by systemd's own Restart=."""
    for unit in (*TRADERS, "hft.target"):
        about = read(unit)["Unit"]
        for key in ("Requires", "Requisite", "BindsTo", "PartOf"):
            assert "hft-watchd.service" not in " ".join(about.get(key, [])).split()


def kind_of(line: str) -> str:
    """Of REASONED; "#" of a comment, "" of anything else."""
    if line.startswith("#"):
        return "#"
    return next((kind for kind, pattern in REASONED.items() if re.match(pattern, line)), "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_each_limit_and_right_has_its_reason_above_it(unit: Path) -> None:
    """A unit without comments is one that nobody can change."""
    bare, above, told = [], "", False
    for line in unit.read_text().splitlines():
        kind = kind_of(line)
        told = above == "#" or (told and above == kind)
        if kind not in ("", "#") and not told:
            bare.append(line)
        above = kind
    assert bare == []
