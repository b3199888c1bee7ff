"""The real suite in a directory of its own: watchd, feedd, braind (or a stand-in) and a paperd that plays to them.

Everything is started by its installed command, as root alone or as three users (people.py), and ended by its id.
Deadline and lease are half a second unless a test says otherwise: what is tested here is what happens, not how soon,
and the cores are shared with whatever else runs. How soon is measured by bench/kill_latency.py.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from material import BIN, TRADING_DATE, Material
from people import ONE, Identity, People

from hft import stats
from hft.cache import cache_directory
from hft.layout.dtypes import RegionKind
from hft.regions import Region, RegionError, read_control_record, read_gateway_state
from watchd import event_journal
from watchd.state_file import StateFile, StateRecord

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
DEADLINE_S = 60.0
START_S = 240.0  # of what may have to be compiled first
DAEMONS = ("watchd", "feedd", "braind")
# All that nobody keeps while his core stands still.
DEADLINES = ("deadline_ms", "stall_deadline_ms", "heartbeat_deadline_ms", "lease_ms")
STANDINS = ("standin", "trader", "quoter")  # programs beside this file that take braind's place


def wait_until(
    condition: Callable[[], object], what: str | Callable[[], str], deadline_s: float = DEADLINE_S
) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, (
            f"not within {deadline_s:g} s: {what if isinstance(what, str) else what()}"
        )
        time.sleep(0.002)


_ports_given: set[int] = set()


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """Never the same twice: who asked for it may bind it later. Below what the kernel gives to others: nobody
    takes it meanwhile, and no client that dials too early meets itself.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket(socket.AF_INET, kind) as one, contextlib.suppress(OSError):
            if port not in _ports_given:
                one.bind(("127.0.0.1", port))
                _ports_given.add(port)
                return port


class Interrupted(AssertionError):
    """The fence closed without the test's doing: the machine starved somebody for longer than a deadline."""


def _cache_of(identity: Identity) -> Path:
    """A user's own, with what has been compiled already: that takes a minute, and is not what is tested."""
    cache = cache_directory() / f"of-uid-{identity.uid}"
    kernels = [folder for folder in (cache_directory() / "numba").glob("braind-*") if folder.is_dir()]
    for folder in sorted(kernels, key=lambda folder: folder.stat().st_mtime)[-1:]:
        shutil.copytree(folder, cache / "numba" / folder.name, dirs_exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    for path in (cache, *cache.rglob("*")):
        os.chown(path, identity.uid, identity.gid)
    return cache


class Suite:
    """Nothing of it is started yet. `configure` changes what is started afterwards."""

    def __init__(self, material: Material, people: People = ONE) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hft-suite.", dir="/dev/shm"))
        self.directory.chmod(0o755)
        self.run, self.control, self.state = (self.directory / name for name in ("run", "control", "state"))
        self.config, self.trigger = self.directory / "hft.toml", self.directory / "trigger"
        self.material, self.people = material, people
        self.days = 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment: dict[str, str] = {}
        self.before: dict[str, list[str]] = {}  # words in front of a daemon's command, e.g. taskset
        people.prepare(self.run, self.control, self.state)
        self.sections: dict[str, dict[str, object]] = {
            "run": {
                "directory": str(self.run), "huge_pages": "allow_small", "mode": "paper",
                "control_directory": str(self.control),
            },
            "watchd": {
                "state_directory": str(self.state), "arm_on_start": False, "deadline_ms": 500, "lease_ms": 500,
                "stall_deadline_ms": 2000, "heartbeat_deadline_ms": 2000, "drain_deadline_ms": 2000,
                "operators_group": people.operators_group,
            },
            "feedd": {"idle": "backoff"},
            "feedd.capacity": {
                "market_ring_records": 16384, "updates_ring_records": 4096, "instruments": 64, "orders": 65536,
                "levels": 16384,
            },
            "feedd.feed": {
                "line_a": f"127.0.0.1:{free_port()}", "trading_date": TRADING_DATE, "join": "live",
                "receive_buffer_bytes": 1 << 18,
            },
            "braind": {
                "idle": "backoff", "model": str(material.model), "symbols": list(material.symbols),
                "accept_partial_books": True, "score_threshold": 0.34, "inputs_ring_records": 4096,
            },
        }  # fmt: skip
        self.configure()

    def configure(self, section: str = "watchd", **keys: object) -> Suite:
        self.sections[section] |= keys
        lines = [
            line
            for name, values in self.sections.items()
            for line in [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        ]
        self.config.write_text("\n".join(lines) + "\n")
        self.config.chmod(0o644)
        return self

    # -- starting -------------------------------------------------------------------------------------------------

    def launch(self, name: str, role: str | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """`name` (a daemon, or one of STANDINS) as `role`, without waiting for anything."""
        role = role or name
        command = [sys.executable, HERE / f"{name}.py"] if name in STANDINS else [BIN / name]
        command = [*self.before.get(role, ()), *self.people.prefix(role), *command, "--config", self.config]
        process = self.spawn(role, command, **environment)
        self.processes[role] = process
        return process

    def spawn(self, log: str, command: Sequence[str | Path], **environment: str) -> subprocess.Popen[bytes]:
        """Any command with the suite's environment; its output goes to `<log>.log`. The caller ends it."""
        with (self.directory / f"{log}.log").open("ab") as output:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
                env=self._environment(log) | self.environment | environment,
            )  # fmt: skip

    def _environment(self, role: str) -> dict[str, str]:
        environment = {
            **os.environ,
            "HOME": str(self.directory / "home"),
            "HFT_TEST_TRIGGER": str(self.trigger),
        }
        environment["PYTHONPATH"] = str(HERE / "strategies")
        identity: Identity | None = getattr(self.people, role, None)
        if identity is not None:  # compiled kernels are the user's own, as in /var/cache
            environment["HFT_CACHE_DIR"] = str(_cache_of(identity))
        return environment

    def start_watchd(self, *, first: bool = True) -> Suite:
        """Until it answers. `first`: with the first `disarmed` of an installation, when there is no state."""
        if first and not (self.state / "state.json").exists():
            done = subprocess.run(
                [*self.people.prefix("watchd"), BIN / "watchd", "init", "--by", "test", "--config", self.config],
                capture_output=True, text=True, check=False, cwd="/",
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        process = self.launch("watchd")
        wait_until(
            lambda: process.poll() is not None or self.try_ask("status") is not None, "watchd answers", 30
        )
        assert process.poll() is None, self.log("watchd")
        return self

    def start(self, name: str, role: str | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """feedd, braind or standin, until watchd sees all its loops READY."""
        process = self.launch(name, role, **environment)
        wait_until(
            lambda: process.poll() is not None or self.ready(role or name, process.pid),
            lambda: f"{name} is READY: {self.log(role or name)[-2000:]}",
            START_S if name == "braind" else DEADLINE_S,
        )
        if process.poll() == -signal.SIGKILL:
            raise Interrupted(f"{name} was killed while it started: {self.try_ask('status')}")
        assert process.poll() is None, self.log(role or name)
        return process

    def start_standin(self) -> subprocess.Popen[bytes]:
        """In braind's place, as braind's user: it starts in a third of a second and pushes an intent a millisecond."""
        return self.start("standin", "braind")

    def play(self) -> Suite:
        """A day begins, at its own pace, from its first order on; each is a session of its own."""
        self.days += 1
        line: Any = self.sections["feedd.feed"]["line_a"]
        self.processes["paperd"] = self.spawn(
            "paperd",
            [
                "setpriv", "--pdeathsig=KILL", "--",
                BIN / "paperd", "replay", "--capture", self.material.day, "--line-a", line,
                "--line-b", f"127.0.0.1:{free_port()}", "--start-at", "first-order", "--delay", "0",
                "--session", f"DAY{self.days:07d}",
            ],
        )  # fmt: skip
        return self

    def ready(self, name: str, pid: int) -> bool:
        daemon = (self.try_ask("status") or {}).get("daemons", {}).get(name, {})
        return daemon.get("pid") == pid and all(loop["state"] == "ready" for loop in daemon["loops"])

    def whole(self, braind: str = "braind", *, play: bool | None = None) -> Suite:
        """Whatever is missing of watchd, feedd, braind ("standin": a stand-in) and paperd is started."""
        if not self.alive("watchd"):
            self.start_watchd()
        if not self.alive("feedd"):
            self.start("feedd")
        if not self.alive("paperd") and (braind == "braind" if play is None else play):
            self.play()
        if not self.alive("braind"):
            self.start(braind, "braind")
        return self

    def armed(self, braind: str = "braind", tries: int = 2) -> Suite:
        """Whole, cleared if it was killed, armed by alice, and orders flow. Raises Interrupted at the last try."""
        for _ in range(tries - 1):
            try:
                return self._armed(braind)
            except Interrupted as interrupted:
                log.warning("armed again: %s", interrupted)
        return self._armed(braind)

    def _armed(self, braind: str) -> Suite:
        if self.alive("watchd"):
            self.wait_for_state("armed", "disarmed", "killed")
        self.whole(braind)
        state = self.status()["state"]
        if state == "killed":
            self.clear()
        if state != "armed":
            self.wait_until_armable()
            answer = self.ask("arm", by="alice")
            if not answer["ok"]:
                raise Interrupted(answer)
        self.wait_for_flow()
        return self

    def clear(self) -> None:
        answer = self.ask("clear", by="alice", reason="understood")
        if not answer["ok"]:
            raise Interrupted(answer)
        Region.open_writable(str(self.run / "operator/veto"), int(RegionKind.VETO)).set_veto(0)

    def wait_until_armable(self) -> None:
        """Raises Interrupted when somebody dies meanwhile."""

        def armable() -> bool:
            if not (self.alive("feedd") and self.alive("braind")):
                raise Interrupted(f"{self.status()}")
            return not self.status()["arm_blockers"]

        wait_until(
            armable,
            lambda: f"nothing blocks arming: {self.status()['arm_blockers']}\n{self.log('watchd')[-2000:]}",
        )

    def wait_for_flow(self, orders: int = 5) -> None:
        """`orders` more would have been sent. Raises Interrupted."""
        before = self.gateway()["intents_would_send"]

        def flows() -> bool:
            if not self.fence()["token"]:
                raise Interrupted(f"{self.status()}")
            return self.gateway()["intents_would_send"] >= before + orders

        wait_until(flows, lambda: f"orders flow: {self.gateway()} {self.status()}")

    # -- people ---------------------------------------------------------------------------------------------------

    def try_ask(self, verb: str, timeout_s: float = 10.0, **fields: object) -> dict[str, Any] | None:
        """The answer at the ctl socket, None when nobody gives one."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(timeout_s)
            try:
                connection.connect(str(self.control / "ctl.sock"))
                connection.send(json.dumps({"version": 1, "verb": verb, **fields}).encode())
                data = connection.recv(1 << 16)
            except OSError:
                return None
        answer: dict[str, Any] | None = json.loads(data) if data else None
        return answer

    def ask(self, verb: str, **fields: object) -> dict[str, Any]:
        answer = self.try_ask(verb, **fields)
        assert answer is not None, f"{verb}: no answer\n{self.log('watchd')[-3000:]}"
        return answer

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    def ctl(self, *words: str, identity: Identity | None = None) -> subprocess.CompletedProcess[str]:
        """The command, as `identity` or as the tests run."""
        prefix = [*self.before.get("watchd", ()), *([] if identity is None else identity.prefix())]
        return subprocess.run(
            [*prefix, BIN / "watchd", "ctl", words[0], "--config", self.config, *words[1:]],
            capture_output=True, text=True, check=False, timeout=60, cwd="/",
        )  # fmt: skip

    # -- what is there to see -------------------------------------------------------------------------------------

    def fence(self) -> dict[str, int]:
        return read_control_record(
            Region.open(str(self.run / "watchd/fence"), int(RegionKind.FENCE)), "Fence"
        )

    def gateway(self) -> dict[str, int]:
        return read_gateway_state(
            Region.open(str(self.run / "feedd/gateway.state"), int(RegionKind.GATEWAY_STATE))
        )

    def stats(self, daemon: str) -> Mapping[str, Any]:
        try:
            return stats.read(str(self.run / daemon / "stats"))
        except RegionError:
            return {}

    def record(self) -> StateRecord:
        return StateFile(self.state).load()

    def report(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.state / "last_kill.json").read_text())
        return document

    def log(self, name: str) -> str:
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in event_journal.read(self.state) if event["event"] == name]

    def pid(self, name: str) -> int:
        return self.processes[name].pid

    def alive(self, name: str) -> bool:
        return name in self.processes and self.processes[name].poll() is None

    def thread(self, name: str, comm: str) -> int:
        """The thread of a daemon with this name."""
        for task in Path(f"/proc/{self.pid(name)}/task").iterdir():
            if (task / "comm").read_text().strip() == comm[:15]:
                return int(task.name)
        raise AssertionError(f"{name} has no thread {comm}")

    def wait_for_state(self, *states: str) -> None:
        def reached() -> bool:
            return (self.try_ask("status") or {}).get("state") in states

        wait_until(reached, lambda: f"{states}: {self.try_ask('status')}\n{self.log('watchd')[-2000:]}")

    # -- the end --------------------------------------------------------------------------------------------------

    def signal(self, name: str, number: int) -> None:
        self.processes[name].send_signal(number)

    def kill(self, *names: str) -> None:
        """SIGKILL, and waits. Nothing to do for who is not there."""
        for name in names:
            if self.alive(name):
                self.signal(name, signal.SIGKILL)
                self.processes[name].wait(DEADLINE_S)

    def stop(self, name: str) -> int:
        """SIGTERM, and the exit code."""
        self.signal(name, signal.SIGTERM)
        return self.processes[name].wait(DEADLINE_S)

    def end(self) -> None:
        self.kill(*self.processes)
        shutil.rmtree(self.directory, ignore_errors=True)
