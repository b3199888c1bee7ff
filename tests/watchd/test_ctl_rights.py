"""Who may ask what of watchd: a server of root's or watchd's user, clients that are children with ids of their own."""

from __future__ import annotations

import os
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from watchd import ctl_server, peers
from watchd.ctl_protocol import done
from watchd.ctl_server import CtlServer
from watchd.peers import Logins

WATCHD, OPERATOR, STRANGER, OPERATORS = 54321, 54322, 54323, 54400  # uids; the last one a gid


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """Where every user may come (pytest's own directory is root's alone)."""
    directory = Path(tempfile.mkdtemp(prefix="hft-test."))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def refusals() -> list[dict[str, Any]]:
    return []


def test_only_its_owner_and_group_may_connect_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        server = CtlServer(tmp_path / "ctl.sock")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "ctl.sock").stat().st_mode) == 0o660
    server.close()


def test_logins_come_from_the_local_file_and_follow_it(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_bytes(b"ada:x:1001:100::/:\nbroken line\n:::\n\xff:x:7:7::/:\ntwin:x:1001:1::/:\n")
    logins = Logins(passwd)
    assert (logins.name(1001), logins.name(1002)) == ("ada", "1002")
    passwd.write_text("bob:x:1002:100::/:\n", encoding="utf-8")
    os.utime(passwd, ns=(1, 1))
    assert (logins.name(1001), logins.name(1002)) == ("1001", "bob")
    passwd.unlink()
    assert logins.name(1002) == "bob"


_CLIENT = """
import json, socket, sys
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.settimeout(20)
try:
    client.connect(sys.argv[1])
except PermissionError:
    print("can not connect")
else:
    client.send(json.dumps({"version": 1, "verb": sys.argv[2], "by": "x", "reason": "y"}).encode())
    print(json.loads(client.recv(1 << 16))["code"])
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can be other users")


def _as_user(
    server: CtlServer, path: Path, verb: str, uid: int, gid: int, groups: tuple[int, ...] = ()
) -> str:
    """What a client of that user is told: an answer's code, or that it can not connect."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _CLIENT, path, verb],
        user=uid,
        group=gid,
        extra_groups=groups,
        cwd="/",
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        deadline = time.monotonic() + 20
        while child.poll() is None and time.monotonic() < deadline:
            select.select([server.fileno()], [], [], 0.05)
            for request in server.poll():
                assert request.uid == uid
                server.answer(request.ticket, done("yes"))
        return child.communicate(timeout=5)[0].strip()


@pytest.fixture
def open_server(
    open_directory: Path, monkeypatch: pytest.MonkeyPatch, refusals: list[dict[str, Any]]
) -> Iterator[CtlServer]:
    """Of watchd's user and the operators' group; its socket is open to all, so that the server itself must judge."""
    monkeypatch.setattr(ctl_server, "_gid_of", lambda _group: OPERATORS)
    monkeypatch.setattr(ctl_server, "MODE", 0o666)
    path = open_directory / "ctl.sock"
    server = CtlServer(path, "operators", refused_hook=lambda fields: refusals.append(dict(fields)))
    monkeypatch.setattr(peers.os, "geteuid", lambda: WATCHD)
    yield server
    server.close()


@needs_root
@pytest.mark.parametrize(
    ("uid", "gid", "groups", "code"),
    [
        (OPERATOR, OPERATORS, (), "done"),  # primary
        (OPERATOR, 100, (100, OPERATORS, 7), "done"),  # supplementary
        (WATCHD, 100, (), "done"),
        (0, 0, (), "done"),
        (STRANGER, 100, (100, OPERATORS + 1), "not_permitted"),
        (STRANGER, 100, (), "not_permitted"),
    ],
)
def test_root_watchd_and_operators_may_kill_and_nobody_else(
    open_directory: Path,
    open_server: CtlServer,
    refusals: list[dict[str, Any]],
    uid: int,
    gid: int,
    groups: tuple[int, ...],
    code: str,
) -> None:
    assert _as_user(open_server, open_directory / "ctl.sock", "kill", uid, gid, groups) == code
    assert len(refusals) == (code == "not_permitted")
    assert _as_user(open_server, open_directory / "ctl.sock", "status", uid, gid, groups) == "done"


@needs_root
def test_a_refusal_names_who_it_was(
    open_directory: Path, open_server: CtlServer, refusals: list[dict[str, Any]]
) -> None:
    _as_user(open_server, open_directory / "ctl.sock", "arm", STRANGER, 100)
    (told,) = refusals
    assert (told["verb"], told["uid"], told["gid"], told["user"]) == ("arm", STRANGER, 100, str(STRANGER))
    assert told["pid"] > 1


@needs_root
def test_the_socket_itself_keeps_strangers_out(open_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctl_server, "_gid_of", lambda _group: OPERATORS)
    server = CtlServer(open_directory / "ctl.sock", "operators")
    path = open_directory / "ctl.sock"
    assert path.stat().st_gid == OPERATORS
    assert _as_user(server, path, "status", STRANGER, 100) == "can not connect"
    assert _as_user(server, path, "status", OPERATOR, 100, (OPERATORS,)) == "done"
    server.close()
