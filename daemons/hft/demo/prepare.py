"""What the demo needs before anything runs: a day, its instruments, a trained model, a configuration.

Days and models are cached (`cache_directory()`), so that only the first run generates and trains.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from hft.cache import cache_directory, sources_hash
from hft.decode.capture_file import CaptureFile
from hft.decode.decoder import Decoder
from hft.decode.errors import CaptureError, UnknownDateError
from hft.layout.dtypes import BookValidity, EventFlags

# A minute of a busy session: 50 instruments at 400 messages a second each.
GENERATED_SECONDS = 60
GENERATED_INSTRUMENTS = 50
GENERATED_SEED = 1
GENERATED_DATE = "2026-01-05"
CAPTURE_SECONDS = 30.0
INSTRUMENTS_MAX = 32
SHOWN_INSTRUMENTS = 8
# All of the demo shares its cores with whatever else runs there, on a virtual machine with whatever else runs on its
# host: whole cores stand still for 100 ms and more. A server with isolated cores keeps the default of 30 ms.
DEADLINE_MS = 200
# Of what a loop consumes and of heartbeats: as a server's, or the same when that is longer.
SLOWER_DEADLINES_MS = 300
LEASES_A_DEADLINE = 3
REALTIME_PRIORITY = 10
# So that a replay of a short recorded run can start in its middle, too.
CHECKPOINT_INTERVAL_RECORDS = 50_000


class PlanError(RuntimeError):
    """The day, its date or the model can not be had; the text says which and why."""


@dataclass(frozen=True)
class Plan:
    """One prepared day."""

    capture: Path
    generated: bool
    trading_date: str
    messages_max: int
    speed: float
    start_at: str
    symbols: tuple[str, ...]  # what braind decides on, busiest first
    shown: Mapping[int, str]  # instrument id -> symbol, on the screen
    partial: bool  # the capture starts mid-session
    model: Path

    def title(self) -> str:
        name = "a generated day (the project ships no exchange data)" if self.generated else self.capture.name
        return f"hft demo · {name} × {self.speed:g}"

    def describe(self) -> dict[str, object]:
        """What was played, for the JSON report."""
        return {
            "capture": None if self.generated else str(self.capture),
            "generated": self.generated,
            "trading_date": self.trading_date,
            "speed": self.speed,
            "symbols": list(self.symbols),
        }


def executable(name: str) -> str:
    """A program of the suite, beside this interpreter. Raises PlanError when it is not installed."""
    path = Path(sys.executable).with_name(name)
    if not os.access(path, os.X_OK):
        raise PlanError(f"{path} is missing: run `make setup`")
    return str(path)


def make_plan(arguments: argparse.Namespace, directory: Path, log: Console) -> Plan:
    """Generates or reads the day, finds its busiest instruments, trains a model into `directory`.

    A recorded run keeps its model with its journal, so that it can be repeated. Raises PlanError.
    """
    generated = arguments.capture is None
    capture = _generated_day(log) if generated else arguments.capture
    log.print(f"reading {capture.name} …", markup=False)
    try:
        day = _scan(capture, GENERATED_DATE if generated else arguments.date, arguments.messages)
    except UnknownDateError as error:
        raise PlanError(str(error).replace("say --date", "say --date of the trading day as")) from error
    except CaptureError as error:
        raise PlanError(str(error)) from error
    if not day.symbols:
        raise PlanError(f"{capture}: no order for a book in its first {arguments.messages:,} messages")
    if day.messages >= arguments.messages:
        log.print(f"only its first {arguments.messages:,} messages are played (--messages)")
    return Plan(
        capture=capture,
        generated=generated,
        trading_date=day.trading_date,
        messages_max=arguments.messages,
        speed=arguments.speed or (1.0 if generated else max(1.0, day.session_seconds / CAPTURE_SECONDS)),
        start_at=arguments.start_at,
        symbols=tuple(day.symbols.values()),
        shown=dict(list(day.symbols.items())[:SHOWN_INSTRUMENTS]),
        partial=day.partial,
        model=_trained_model(capture, day, arguments, (arguments.record or directory) / "model"),
    )


def _run_step(command: list[str], what: str) -> None:
    """Runs a preparation step with its output on ours. Raises PlanError."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if result.returncode != 0:
        raise PlanError(f"{what} failed with exit code {result.returncode}: {' '.join(command)}")


def _generated_day(log: Console) -> Path:
    paperd = importlib.util.find_spec("paperd")
    if paperd is None or paperd.origin is None:
        raise PlanError("paperd is missing: run `make setup`")
    generator = sources_hash(Path(paperd.origin).parent)  # another generator, another day
    name = f"seed{GENERATED_SEED}-{GENERATED_INSTRUMENTS}instruments-{GENERATED_SECONDS}s-{generator}.itch50"
    path = cache_directory() / "days" / name
    if not path.exists():
        log.print("no --capture: generating a trading day (a few seconds, once) …")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        _run_step(
            [
                executable("paperd"), "generate", str(unfinished), "--seed", str(GENERATED_SEED),
                "--instruments", str(GENERATED_INSTRUMENTS), "--duration", str(GENERATED_SECONDS),
            ],
            "generating a day",
        )  # fmt: skip
        unfinished.replace(path)
    return path


@dataclass(frozen=True)
class _Day:
    trading_date: str
    symbols: dict[int, str]  # busiest first
    session_seconds: float  # from the first order to the last message
    partial: bool  # it does not begin with the start of messages
    messages: int


def _scan(capture: Path, trading_date: str | None, messages_max: int) -> _Day:
    """Runs the capture through feedd's decoder and counts changes of the top of each book."""
    changes = np.zeros(1 << 16, np.int64)
    first_order_ns = last_ns = messages = 0
    partial = False
    with CaptureFile(capture) as file:
        decoder = Decoder(file, trading_date)
        if decoder.packets:
            raise CaptureError(capture, "a packet capture; the demo replays length-prefixed ITCH files")
        for batch in decoder.batches():
            events = batch.events[: messages_max - messages]
            if not len(events):
                continue
            messages += len(events)
            touched = np.flatnonzero(events["flags"] & EventFlags.TOP_CHANGED)
            changes += np.bincount(events["instrument_id"][touched], minlength=len(changes))
            if len(touched) and not first_order_ns:
                first_order_ns = int(events["exchange_ts_ns"][touched[0]])
                partial = bool(events["validity"][touched[0]] == BookValidity.PARTIAL)
            last_ns = int(events["exchange_ts_ns"][-1])
            symbols = batch.symbols
            if messages >= messages_max:
                break
    busiest = [int(i) for i in np.argsort(-changes, kind="stable")[:INSTRUMENTS_MAX] if changes[i]]
    return _Day(
        trading_date=str(decoder.date),
        symbols={i: str(symbols[i]) for i in busiest if symbols[i]},
        session_seconds=(last_ns - first_order_ns) / 1e9 if first_order_ns else 0.0,
        partial=partial,
        messages=messages,
    )


def free_udp_ports(count: int) -> list[int]:
    """Ports nobody uses on loopback right now."""
    with ExitStack() as stack:
        udp = (socket.AF_INET, socket.SOCK_DGRAM)
        sockets = [stack.enter_context(socket.socket(*udp)) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _trained_model(capture: Path, day: _Day, arguments: argparse.Namespace, out: Path) -> Path:
    """Trains on this day (the same training comes from the cache) into `out`. Raises PlanError."""
    _run_step(
        [
            executable("hft"), "model", "train", "--capture", str(capture), "--date", day.trading_date,
            "--messages", str(arguments.messages), "--out", str(out),
            "--strategy", STRATEGIES.get(arguments.strategy, arguments.strategy),
        ],
        "training",
    )  # fmt: skip
    return out


# A paper account: far from what the days' orders need, near enough to be met by a strategy that runs away. Extended
# hours: a capture may be of the pre-market.
RISK = """
hours = "extended"
order_quantity_max = 1000
order_notional_max = 1000000
position_max = 2000
gross_notional_max = 50000000
open_orders_max = 1000
unacknowledged_max = 500
loss_max = 1000000
price_collar_bps = 500
book_age_ms_max = 5000
intent_age_us_max = 1000000
messages_per_s = 5000
message_burst = 2000
cancel_reserve = 1000
"""
STRATEGIES = {
    "taker": "braind.strategies.taker:TakerStrategy",
    "maker": "braind.strategies.maker:MakerStrategy",
    "imbalance": "braind.strategies.imbalance:ImbalanceStrategy",
}


@dataclass(frozen=True)
class PaperVenue:
    """Where the paper venue takes orders, and what it writes."""

    port: int
    credentials: Path
    ledger: Path
    summary: Path

    def config(self, symbols: tuple[str, ...]) -> str:
        """[feedd.gateway] and [risk]."""
        return f"""\
[feedd.gateway]
venue = "127.0.0.1:{self.port}"
reconnect_ms = 10
reconnect_ms_max = 200
[risk]
symbols = {json.dumps(list(symbols))}{RISK}"""

    def options(self) -> list[str]:
        """Of `paperd replay`."""
        return [
            "--orders", f"127.0.0.1:{self.port}", "--password-file", str(self.credentials / "venue.password"),
            "--ledger", str(self.ledger), "--orders-summary", str(self.summary), "--wait-for-start",
            "--linger", str(PAPER_LINGER_S),
        ]  # fmt: skip


# After the last message the venue stays for as long as it takes to cancel everything and to leave it.
PAPER_LINGER_S = 12


def paper_venue(directory: Path) -> PaperVenue:
    """A port of its own and a password."""
    credentials = directory / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "venue.password").write_text(secrets.token_hex(5) + "\n")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    return PaperVenue(port, credentials, directory / "venue.jsonl", directory / "venue.json")


def write_config(
    plan: Plan, directory: Path, ports: list[int], deadline_ms: int, venue: PaperVenue | None, strategy: str
) -> Path:
    """The run's hft.toml: loopback lines, small capacities, idle loops that leave the cores to others."""
    line_a, line_b, request = (f"127.0.0.1:{port}" for port in ports)
    text = f"""\
[run]
directory = {json.dumps(str(directory / "shm"))}
huge_pages = "allow_small"
mode = "paper"
control_directory = {json.dumps(str(directory / "control"))}
[watchd]
state_directory = {json.dumps(str(directory / "state"))}
deadline_ms = {deadline_ms}
stall_deadline_ms = {max(deadline_ms, SLOWER_DEADLINES_MS)}
heartbeat_deadline_ms = {max(deadline_ms, SLOWER_DEADLINES_MS)}
lease_ms = {deadline_ms * LEASES_A_DEADLINE}
realtime_priority = {REALTIME_PRIORITY}
[feedd]
idle = "backoff"
[feedd.capacity]
market_ring_records = 131072
updates_ring_records = 4096
instruments = 16384
orders = 1048576
levels = 524288
[feedd.feed]
line_a = "{line_a}"
line_b = "{line_b}"
request_server = "{request}"
trading_date = "{plan.trading_date}"
gap_timeout_ms = 1000
{venue.config(plan.symbols) if venue else ""}[braind]
idle = "backoff"
model = {json.dumps(str(plan.model))}
symbols = {json.dumps(list(plan.symbols))}
strategy = {json.dumps(STRATEGIES.get(strategy, strategy))}
strategy_path = {json.dumps("" if strategy in STRATEGIES else str(Path.cwd()))}
accept_partial_books = {json.dumps(plan.partial)}
checkpoint_interval_records = {CHECKPOINT_INTERVAL_RECORDS}
"""
    path = directory / "hft.toml"
    path.write_text(text)
    return path


def first_state(config: Path) -> None:
    """The state file's first `disarmed`, as an installation writes it. Raises PlanError."""
    _run_step([executable("watchd"), "init", "--by", "hft demo", "--config", str(config)], "watchd init")


def recorder_command(config: Path, directory: Path) -> list[str]:
    """How the run is recorded."""
    return [executable("hft"), "record", "--config", str(config), "--directory", str(directory)]


def paperd_command(
    plan: Plan, ports: list[int], summary: Path, arguments: argparse.Namespace, venue: PaperVenue | None
) -> list[str]:
    """How the venue is started for this plan."""
    line_a, line_b, request = (f"127.0.0.1:{port}" for port in ports)
    return [
        executable("paperd"), "replay", "--capture", str(plan.capture), "--allow-truncated",
        "--max-messages", str(plan.messages_max), "--start-at", plan.start_at, "--speed", str(plan.speed),
        "--line-a", line_a, "--line-b", line_b, "--request", request, "--json", str(summary),
        "--loss", str(arguments.loss), "--duplicate", str(arguments.duplicate),
        "--reorder", str(arguments.reorder), *(venue.options() if venue else []),
    ]  # fmt: skip
