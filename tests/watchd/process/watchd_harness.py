"""One suite of its own directory: watchd, puppets, and a person at the ctl socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hft.layout.dtypes import RegionKind
from hft.regions import Region, read_control_record
from watchd.state_file import StateFile, StateRecord
from watchd.states import SuiteState

HERE = Path(__file__).parent
DEADLINE_S = 30.0
# Puppets are Python, and a shared core may stand still for a while: none of these passes unless a test means it to, and
# that test sets its own.
PATIENCE = {"lease_ms": 2000, "deadline_ms": 1000, "stall_deadline_ms": 3000, "heartbeat_deadline_ms": 3000}


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.002)


class Puppet:
    """A running puppet.py."""

    def __init__(self, suite: Suite, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, HERE / "puppet.py", name, suite.run, suite.control],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.pid = self.process.pid

    def tell(self, command: str) -> None:
        """Until it has done it; one that ends of it has quit, or watchd has killed it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "done\n":
            assert self.wait() in (0, -signal.SIGKILL), command

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        return self.process.wait(timeout_s)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


class Suite:
    """`settings` are keys of [watchd], PATIENCE's among them; `mode` is run.mode."""

    def __init__(self, directory: Path, state: SuiteState | None = SuiteState.DISARMED) -> None:
        self.directory = directory
        self.run, self.control, self.state = directory / "run", directory / "ctl", directory / "state"
        self.config = directory / "hft.toml"
        self.watchd: subprocess.Popen[bytes] | None = None
        self.puppets: dict[str, Puppet] = {}
        self.run.mkdir()
        self.state.mkdir(mode=0o750)
        self.configure()
        if state is not None:
            StateFile(self.state).save(
                StateRecord(state, "none", "", "test", os.getuid(), "2026-01-01T00:00:00+00:00", 0)
            )

    def configure(self, mode: str = "paper", venue: str = "", risk: str = "", **settings: object) -> None:
        keys = PATIENCE | {"state_directory": str(self.state), "arm_on_start": False} | settings
        self.config.write_text(
            f'[run]\ndirectory = "{self.run}"\nhuge_pages = "allow_small"\nmode = "{mode}"\n'
            f'control_directory = "{self.control}"\n[feedd.feed]\nline_a = "127.0.0.1:40001"\n'
            f'[feedd.gateway]\nvenue = "{venue}"\n[risk]\n{risk}\n[watchd]\n'
            + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
        )

    def launch(self, command: Sequence[str | Path] = (), **environment: str) -> subprocess.Popen[bytes]:
        """watchd without waiting for anything."""
        with (self.directory / "watchd.log").open("ab") as log:
            return subprocess.Popen(
                [*command, sys.executable, "-m", "watchd.main", "--config", self.config],
                stdout=log, stderr=log, env=os.environ | environment,
            )  # fmt: skip

    def start(self, command: Sequence[str | Path] = (), **environment: str) -> Suite:
        """watchd, until it answers."""
        process = self.watchd = self.launch(command, **environment)
        wait_until(lambda: process.poll() is not None or self.try_ask("status") is not None, "watchd answers")
        assert process.poll() is None, self.log()
        return self

    def puppet(self, name: str) -> Puppet:
        """Started, registered and heard."""
        self.puppets[name] = made = Puppet(self, name)
        wait_until(lambda: self.status()["daemons"][name].get("pid") == made.pid, f"{name} registers")
        return made

    def armed(self) -> Suite:
        """watchd and both puppets, armed by alice."""
        self.start()
        self.puppet("feedd")
        self.puppet("braind")
        self.wait_until_armable()
        assert self.ask("arm", by="alice")["ok"]
        wait_until(lambda: self.status()["gateway"]["fence_open"], "the gateway sees the open fence")
        return self

    def wait_until_armable(self) -> None:
        seen: list[object] = []

        def armable() -> bool:
            seen[:] = self.status()["arm_blockers"]
            return not seen

        try:
            wait_until(armable, "nothing blocks arming")
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen}\n{self.log()}") from None

    # -- a person -------------------------------------------------------------------------------------------------

    def try_ask(self, verb: str, timeout_s: float = 20.0, **fields: object) -> dict[str, object] | None:
        """The answer, None when nobody gives one. The time is a drain's, and more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(timeout_s)
            try:
                connection.connect(str(self.control / "ctl.sock"))
                connection.send(json.dumps({"version": 1, "verb": verb, **fields}).encode())
                data = connection.recv(1 << 16)
            except OSError:
                return None
        return json.loads(data) if data else None

    def ask(self, verb: str, **fields: object) -> dict[str, object]:
        answer = self.try_ask(verb, **fields)
        assert answer is not None, f"{verb}: no answer\n{self.log()}"
        return answer

    def status(self) -> dict:
        return self.ask("status")

    # -- what is there to see -------------------------------------------------------------------------------------

    def fence(self) -> dict[str, int]:
        return read_control_record(
            Region.open(str(self.run / "watchd/fence"), int(RegionKind.FENCE)), "Fence"
        )

    def set_operator_veto(self, code: int = 1) -> None:
        Region.open_writable(str(self.run / "operator/veto"), int(RegionKind.VETO)).set_veto(code)

    def record(self) -> StateRecord:
        return StateFile(self.state).load()

    def log(self) -> str:
        return (self.directory / "watchd.log").read_text()

    def events(self, name: str) -> list[dict[str, object]]:
        """As far as the scribe has come: perhaps not even to the file, perhaps into the middle of a line."""
        path = self.state / "events.jsonl"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [event for line in lines if (event := json.loads(line))["event"] == name]

    def wait_for_state(self, state: str) -> None:
        """In memory and on the disk: a kill does not wait for the latter."""

        def reached() -> bool:
            status = self.try_ask("status") or {}
            return status.get("state") == state and status.get("state_durable") is True

        wait_until(reached, f"the suite is {state}")

    # -- the end --------------------------------------------------------------------------------------------------

    def stop_watchd(self, number: int = signal.SIGTERM) -> int:
        assert self.watchd is not None
        self.watchd.send_signal(number)
        return self.watchd.wait(DEADLINE_S)

    def end(self) -> None:
        for process in [self.watchd, *(puppet.process for puppet in self.puppets.values())]:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(DEADLINE_S)
