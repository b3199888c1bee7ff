"""feedd as a process with a directory of its own, a MoldUDP64 feed to talk to it, and paperd beside it."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft import _native, stats
from hft.layout.dtypes import BOARD_ENTRY, MARKET_EVENT, EventFlags, EventKind, RegionKind
from hft.regions import Region, RegionError, RingReader, read_control_record, read_gateway_state

BIN = Path(sys.executable).parent
DEADLINE_S = 30.0
TRADING_DATE = "2019-12-30"

TRANSPORT_FLAGS = int(EventFlags.LINE_B | EventFlags.RETRANSMITTED | EventFlags.LAST_IN_PACKET)
TRANSPORT_FIELDS = ("sequence", "receive_ts_ns", "publish_ts_ns")


def wait_until(
    condition: Callable[[], bool], what: str | Callable[[], str], deadline_s: float = DEADLINE_S
) -> None:
    """`what` was waited for; a function is asked when it did not come."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, (
            f"not within {deadline_s} s: {what if isinstance(what, str) else what()}"
        )
        time.sleep(0.005)


WORKERS_MAX, PORTS = 6, range(20_000, 32_000)  # below those that the kernel gives to whoever asks for any


def _ports_of_this_worker() -> Iterator[int]:
    """Each of six workers of a run has its own, and each run begins elsewhere."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_MAX
    share = len(PORTS) // WORKERS_MAX
    mine = PORTS[worker * share : (worker + 1) * share]
    first = os.getpid() % share
    return itertools.cycle([*mine[first:], *mine[:first]])


_ports = _ports_of_this_worker()


def _is_free(port: int) -> bool:
    """On 127.0.0.1, for UDP and for TCP."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_ports(count: int) -> list[int]:
    """Free a moment ago, and not given to any other test: who asked for one may bind it later."""
    return list(itertools.islice((port for port in _ports if _is_free(port)), count))


class Feedd:
    """One feedd process. `feed` and `capacity` are keys of those sections of its configuration."""

    def __init__(
        self, directory: Path, feed: dict[str, object], capacity: dict[str, object], idle: str, **cores: int
    ) -> None:
        self.directory = directory
        self.run_directory = directory / "run"
        self.control_directory = directory / "control"  # nobody's, unless the test makes a watchd there
        self.config = directory / "hft.toml"
        self.log_path = directory / "feedd.log"
        self.process: subprocess.Popen[bytes] | None = None
        sections = {
            "run": {
                "directory": str(self.run_directory),
                "huge_pages": "allow_small",
                "control_directory": str(self.control_directory),
            },
            "cores": cores,
            "feedd": {"idle": idle},
            "feedd.capacity": {"orders": 1 << 18, "levels": 1 << 16, "instruments": 16384} | capacity,
            "feedd.feed": {"trading_date": TRADING_DATE} | feed,
        }
        lines = [
            line
            for name, keys in sections.items()
            for line in [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
        ]
        self.config.write_text("\n".join(lines) + "\n")

    def launch(self, command: Sequence[str | Path] = (), **environment: str) -> Feedd:
        """Starts it without waiting for anything."""
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, BIN / "feedd", "--config", self.config], stderr=log, env=os.environ | environment
            )
        return self

    def start(self, command: Sequence[str | Path] = (), **environment: str) -> Feedd:
        """Starts it and waits until its threads run."""
        self.launch(command, **environment)
        wait_until(lambda: self.ended() or self.logged("started") != [], "feedd starts")
        assert not self.ended(), self.log_path.read_text()
        return self

    def ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def log(self) -> list[dict[str, object]]:
        """As far as it is written; the last line may still be on its way."""
        *lines, _ = self.log_path.read_text().split("\n")
        return [json.loads(line) for line in lines if line.startswith("{")]

    def logged(self, event: str) -> list[dict[str, object]]:
        return [line for line in self.log() if line["event"] == event]

    @property
    def pid(self) -> int:
        """feedd's own, also when something else started it."""
        pid = self.logged("started")[-1]["pid"]
        assert isinstance(pid, int)
        return pid

    def thread_id(self, name: str) -> int:
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            if (task / "comm").read_text().strip() == name:
                return int(task.name)
        raise AssertionError(f"no thread {name}")

    def region(self, name: str, kind: RegionKind) -> Region:
        return Region.open(str(self.run_directory / "feedd" / name), int(kind))

    def gateway(self) -> dict[str, int]:
        """The words of gateway.state."""
        return read_gateway_state(self.region("gateway.state", RegionKind.GATEWAY_STATE))

    def progress(self, loop: int) -> dict[str, int]:
        """The progress words of a loop: 0 market, 1 gateway."""
        return read_control_record(self.region("progress", RegionKind.PROGRESS), "LoopProgress", loop)

    def stat(self, name: str) -> int:
        value = stats.read(str(self.run_directory / "feedd" / "stats"))[name]
        assert isinstance(value, int)
        return value

    def histogram(self, name: str) -> stats.Histogram:
        value = stats.read(str(self.run_directory / "feedd" / "stats"))[name]
        assert isinstance(value, stats.Histogram)
        return value

    def stat_sum(self, name: str) -> int:
        """Over all labels."""
        values = stats.read(str(self.run_directory / "feedd" / "stats"))
        return sum(v for k, v in values.items() if re.sub(r"\{.*", "", k) == name and isinstance(v, int))

    def wait_for_stat(self, name: str, value: int) -> None:
        wait_until(lambda: self.stat(name) >= value, f"{name} reaches {value}")

    def ring(self) -> NDArray[np.void]:
        """A copy of all events published so far; fails when the ring was lapped."""
        region = self.region("market.ring", RegionKind.MARKET_RING)
        reader, records = RingReader(region), region.records(MARKET_EVENT)
        parts = []
        while count := reader.poll(65536):
            parts.append(records[reader.start : reader.start + count].copy())
            assert reader.validate()
            reader.advance(count)
        assert reader.lost_records == 0
        return np.concatenate(parts) if parts else np.zeros(0, MARKET_EVENT)

    def board(self) -> NDArray[np.void]:
        """A copy of every entry of the board."""
        region = self.region("market.board", RegionKind.MARKET_BOARD)
        entries = np.zeros(region.capacity_records, BOARD_ENTRY)
        for instrument_id in range(len(entries)):
            assert _native.read_board_entry(region, instrument_id, entries[instrument_id : instrument_id + 1])
        return entries

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        if not self.ended():
            os.kill(self.pid if self.logged("started") else self.process.pid, signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        """feedd itself, and what it was started under."""
        if self.process is not None and not self.ended():
            if self.logged("started"):
                os.kill(self.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait(DEADLINE_S)


def feed_events(events: NDArray[np.void]) -> NDArray[np.void]:
    """What came from the feed's messages, without what depends on the way they took."""
    out = events[events["message_type"] != 0].copy()
    for name in TRANSPORT_FIELDS:
        out[name] = 0
    out["flags"] &= ~np.uint16(TRANSPORT_FLAGS)
    return out


def own_events(events: NDArray[np.void], kind: EventKind) -> NDArray[np.void]:
    """feedd's own records of a kind: SESSION, TICK, GAP."""
    return events[(events["message_type"] == 0) & (events["kind"] == int(kind))]


def decoded(capture: bytes) -> NDArray[np.void]:
    """The events that `hft decode` makes of length-prefixed ITCH."""
    decoder = _native.CaptureDecoder(_native.new_york_midnight_utc_ns(TRADING_DATE), 16384, 1 << 20, 1 << 18)
    decoder.feed_stream(capture)
    decoder.finish()
    return feed_events(decoder.take_events()[0].view(MARKET_EVENT)[:, 0])


def split_capture(capture: bytes) -> list[bytes]:
    """Its messages, without their length prefix."""
    messages, at = [], 0
    while at < len(capture):
        (length,) = struct.unpack_from(">H", capture, at)
        messages.append(capture[at + 2 : at + 2 + length])
        at += 2 + length
    return messages


class Feed:
    """Sends MoldUDP64 packets to two lines, exactly those that a test asks for."""

    def __init__(self) -> None:
        self.ports = dict(zip("ab", free_ports(2), strict=True))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def keys(self) -> dict[str, object]:
        return {f"line_{line}": f"127.0.0.1:{port}" for line, port in self.ports.items()}

    def send_raw(self, line: str, payload: bytes) -> None:
        self._socket.sendto(payload, ("127.0.0.1", self.ports[line]))

    def send(
        self, sequence: int, messages: Sequence[bytes], lines: str = "ab", session: str = "SESSION001"
    ) -> None:
        blocks = b"".join(struct.pack(">H", len(message)) + message for message in messages)
        for line in lines:
            self.send_raw(line, struct.pack(">10sQH", session.encode(), sequence, len(messages)) + blocks)

    def send_count(self, sequence: int, count: int, session: str = "SESSION001") -> None:
        """A heartbeat (0) or the end of the session (0xFFFF), on both lines."""
        for line in "ab":
            self.send_raw(line, struct.pack(">10sQH", session.encode(), sequence, count))

    def close(self) -> None:
        self._socket.close()


def region_is_retired(path: Path, kind: RegionKind) -> bool:
    try:
        return Region.open(str(path), int(kind)).retired
    except RegionError:
        return False
