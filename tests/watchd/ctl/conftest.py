"""A small installation for `watchd ctl`: directories, configuration, veto, a stand-in for watchd and one for braind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hft.layout.dtypes import RegionKind, dtype
from hft.regions import Region

WATCHD = str(Path(sys.executable).with_name("watchd"))

# As whom a command runs: (uid, gid, supplementary groups). The ids need no entries anywhere.
Ids = tuple[int, int, tuple[int, ...]]
OPERATORS, READERS = 54400, 54401
PEOPLE: dict[str, Ids] = {
    "braind": (54331, READERS, ()),
    "operator": (54332, 100, (OPERATORS, READERS)),
    "operator who may not read": (54333, OPERATORS, ()),
    "stranger": (54334, 100, ()),
}

_BRAIND = """
import sys, time
from hft._native import DaemonLock
lock = DaemonLock(sys.argv[1])
print("ready", flush=True)
time.sleep(600)
"""


def as_user(ids: Ids | None) -> dict[str, Any]:
    """Popen's arguments for running as someone; None: as the tests run."""
    if ids is None:
        return {}
    uid, gid, groups = ids
    return {"user": uid, "group": gid, "extra_groups": groups}


@dataclass(frozen=True)
class Ran:
    """What became of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


class Site:
    """An installation below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.run_directory, self.state_directory = directory / "run", directory / "state"
        self.config, self.socket = directory / "hft.toml", directory / "ctl.sock"
        for path in (self.run_directory, self.run_directory / "operator", self.state_directory):
            path.mkdir(mode=0o755)
        self.config.write_text(
            f'[run]\ndirectory = "{self.run_directory}"\ncontrol_directory = "{directory}"\n'
            f'huge_pages = "allow_small"\n[feedd.feed]\nline_a = "127.0.0.1:26477"\n'
            f'[watchd]\nstate_directory = "{self.state_directory}"\n',
            encoding="utf-8",
        )
        self.veto_path = self.run_directory / "operator" / "veto"
        self.veto = Region.adopt(str(self.veto_path), RegionKind.VETO, dtype("VetoNote").itemsize, mode=0o660)
        if os.geteuid() == 0:
            os.chown(self.veto_path, -1, OPERATORS)

    def arguments(self, *words: str) -> list[str]:
        return ["ctl", words[0], "--config", str(self.config), *words[1:]]

    def ctl(self, *words: str, ids: Ids | None = None, **more: Any) -> Ran:
        """Runs the installed command."""
        ran = subprocess.run(
            [WATCHD, *self.arguments(*words)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
            **as_user(ids),
            **more,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def braind(self, ids: Ids | None = None) -> subprocess.Popen[str]:
        """A process that holds braind's lock and sleeps. Its caller ends it."""
        directory = self.run_directory / "braind"
        directory.mkdir(mode=0o750)
        if ids is not None:
            os.chown(directory, ids[0], ids[1])
        child = subprocess.Popen(
            [sys.executable, "-c", _BRAIND, directory],
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            **as_user(ids),
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child


@pytest.fixture
def site() -> Iterator[Site]:
    """On tmpfs, where every user may come."""
    directory = Path(tempfile.mkdtemp(prefix="hft-test.", dir="/dev/shm"))
    directory.chmod(0o755)
    yield Site(directory)
    shutil.rmtree(directory)


@pytest.fixture
def braind(site: Site) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    children: list[subprocess.Popen[str]] = []

    def start(ids: Ids | None = None) -> subprocess.Popen[str]:
        children.append(site.braind(ids))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate()


class FakeWatchd:
    """Answers each request as told; `seen` are the requests, each with the veto as it was when it was read."""

    def __init__(self, site: Site, answer: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        self.seen: list[dict[str, Any]] = []
        self._site, self._answer = site, answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(site.socket))
        site.socket.chmod(0o666)
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    request = json.loads(connection.recv(1 << 16))
                    self.seen.append({**request, "veto": self._site.veto.veto})
                    answer = self._answer(request)
                    if answer is not None:
                        connection.send(json.dumps(answer).encode())

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()


@pytest.fixture
def watchd(site: Site) -> Iterator[Callable[..., FakeWatchd]]:
    with ExitStack() as stack:

        def start(
            answer: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None, **fields: Any
        ) -> FakeWatchd:
            document = {"ok": True, "code": "done", "text": "so be it", **fields}
            fake = FakeWatchd(site, answer or (lambda _request: document))
            stack.callback(fake.close)
            return fake

        yield start


@pytest.fixture(scope="session")
def people() -> dict[str, Ids]:
    """Other users by role. Skips where commands can not be run as such."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can be other users")
    tried = subprocess.run(
        [WATCHD, "ctl", "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        **as_user(PEOPLE["stranger"]),
    )
    if tried.returncode:
        pytest.skip(
            f"NOT TESTED: other users may not run {WATCHD} where it is ({tried.stderr.strip()[-200:]})"
        )
    return PEOPLE
