"""Who runs what: everything as the caller, or three daemons as three users, in directories as tmpfiles.d makes them.

    run           0751 root:READERS          anyone may pass, the daemons may look around
    run/DAEMON    0750 DAEMON:READERS        its owner writes, the others read
    run/operator  2750 watchd:OPERATORS      so that the veto that watchd makes (0660) is the operators'
    control       0755 watchd:READERS        watchd's sockets have rights of their own
    state         2750 watchd:OPERATORS      operators may read the journal and the last kill

feedd is in OPERATORS as well: its gateway has to read the veto. watchd holds CAP_KILL and nothing else. The ids
need no entries in /etc/passwd; the operators' group needs a name, and Debian's own `operator` lends it.
"""

from __future__ import annotations

import grp
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

OPERATORS_GROUP = "operator"
READERS, NOBODYS_GROUP = 54400, 54499


@dataclass(frozen=True)
class Identity:
    """As whom a command runs. `capabilities` are ambient ones, e.g. ``+kill``."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    capabilities: str = ""

    def prefix(self) -> list[str]:
        """setpriv(1), which becomes the command: its pid is the command's."""
        groups = f"--groups={','.join(map(str, self.groups))}" if self.groups else "--clear-groups"
        ambient = self.capabilities or "-all"
        return [
            "setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", groups,
            f"--inh-caps={ambient}", f"--ambient-caps={ambient}", "--pdeathsig=KILL", "--",
        ]  # fmt: skip


@dataclass(frozen=True)
class People:
    """Identities by role; None runs as the caller does."""

    feedd: Identity | None = None
    braind: Identity | None = None
    watchd: Identity | None = None
    operators_group: str = ""

    def prefix(self, role: str) -> list[str]:
        identity: Identity | None = getattr(self, role, None)
        return ["setpriv", "--pdeathsig=KILL", "--"] if identity is None else identity.prefix()

    def prepare(self, run: Path, control: Path, state: Path) -> None:
        """Makes the directories."""
        for directory in (run, control, state):
            directory.mkdir(mode=0o750)
        if self.watchd is None:
            return
        operators = grp.getgrnam(self.operators_group).gr_gid
        _own(run, 0, READERS, 0o751)
        for name in ("feedd", "braind", "watchd"):
            identity = getattr(self, name)
            (run / name).mkdir()
            _own(run / name, identity.uid, READERS, 0o750)
        (run / "operator").mkdir()
        _own(run / "operator", self.watchd.uid, operators, 0o2750)
        _own(control, self.watchd.uid, READERS, 0o755)
        _own(state, self.watchd.uid, operators, 0o2750)

    def without_cap_kill(self) -> People:
        assert self.watchd is not None
        return replace(self, watchd=replace(self.watchd, capabilities=""))


def _own(path: Path, uid: int, gid: int, mode: int) -> None:
    os.chown(path, uid, gid)
    path.chmod(mode)  # after chown, which takes the setgid bit away


ONE = People()


def three_users() -> People:
    """Skips, loudly, where this can not be."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can start daemons as three users")
    try:
        operators = grp.getgrnam(OPERATORS_GROUP).gr_gid
    except KeyError:
        pytest.skip(f"NOT TESTED: there is no group {OPERATORS_GROUP} that could be the operators'")
    people = People(
        feedd=Identity(54341, READERS, (operators,)),
        braind=Identity(54342, READERS),
        watchd=Identity(54343, READERS, (operators,), "+kill"),
        operators_group=OPERATORS_GROUP,
    )
    tried = subprocess.run(
        [*people.prefix("braind"), sys.executable, "-c", "import hft._native"],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    if tried.returncode:
        pytest.skip(
            f"NOT TESTED: other users may not use {sys.executable} where it is ({tried.stderr.strip()[-200:]})"
        )
    return people


def operator() -> Identity:
    """A person in the operators' group, and in no daemon's."""
    return Identity(54344, NOBODYS_GROUP, (grp.getgrnam(OPERATORS_GROUP).gr_gid,))


STRANGER = Identity(54345, NOBODYS_GROUP)
