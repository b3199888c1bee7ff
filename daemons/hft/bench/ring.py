"""`hft bench ring`: publish to visible, C++ → Python, beside the bare cache line and its peers.

What is measured, in turn and again and again until the time is up, so that all meet the same machine:

* the bare cache line: two native threads on the two cores take turns on one word; half a round trip
* ring → compiled: a C++ writer process, Numba polling through the extension, both cache lines read
* ring → bytecode: the same writer, `RingReader.poll` returned to the interpreter
* Python iceoryx2 and ZeroMQ ipc: Python at both ends, the same 128 bytes, returned to the interpreter;
  their stamp is read in Python, so their senders' share of the interpreter is in their latency

A latency is the reader's CLOCK_MONOTONIC minus the stamp read right before sending; one clock read (its own
row) is in every latency and nothing is subtracted. Senders pause between records, so readers are waiting.
Which rounds count is in `verdict.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from hft._native import ping_pong
from hft.bench import peers, receivers
from hft.bench.peers import Receive
from hft.bench.verdict import (
    BARE,
    BYTECODE,
    COMPILED,
    ICEORYX2,
    ZEROMQ_BLOCKING,
    ZEROMQ_SPINNING,
    Figures,
    Round,
    Row,
    Target,
    distance,
    figures,
    targets,
)

Measure = Callable[[], NDArray[np.float64]]


@dataclass(frozen=True)
class Way:
    """A transport as it is measured: who sends, who waits, how much a round and how far apart."""

    name: str
    transport: str
    connect: Callable[[str], Receive]
    records: int = 500
    interval_ns: int = 20_000


WAYS = (
    Way(COMPILED, "ring", receivers.ring_compiled),
    Way(BYTECODE, "ring", receivers.ring_bytecode),
    Way(ICEORYX2, "iceoryx2", peers.iceoryx2_spinning),
    # Its records take longer than 20 µs: further apart, so that none waits behind another.
    Way(ZEROMQ_SPINNING, "zeromq", peers.zeromq_spinning, records=100, interval_ns=100_000),
    Way(ZEROMQ_BLOCKING, "zeromq", peers.zeromq_blocking, records=100, interval_ns=100_000),
)


@contextlib.contextmanager
def _on(cores: set[int]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in the main thread when the block takes longer: a dead sender must not hang us."""

    def expire(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"no record for {seconds:g} s: the sender is stuck or dead")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(sender: subprocess.Popen[str]) -> None:
    """It ends with its input; one that does not is killed."""
    with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
        sender.communicate(timeout=5)
    sender.kill()
    sender.wait()


def _connect(stack: contextlib.ExitStack, way: Way, path: str, cores: tuple[int, int]) -> Measure:
    """Starts the sending process; the returned function runs one round. Raises RuntimeError."""
    command = [sys.executable, "-m", "hft.bench.publisher", way.transport, path, str(cores[0])]
    # A session of its own: ctrl-C is for us, senders end with their input.
    sender = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    stack.callback(_stop, sender)
    assert sender.stdin is not None
    assert sender.stdout is not None
    stdin, stdout = sender.stdin, sender.stdout
    if stdout.readline() != "ready\n":
        raise RuntimeError(f"the sender of {way.transport} did not start")
    receive = way.connect(path)

    def one_round() -> NDArray[np.float64]:
        with _on({cores[1]}), _deadline(10):
            stdin.write(f"{way.records} {way.interval_ns}\n")
            stdin.flush()
            latencies = receive(way.records)
            if stdout.readline() != "done\n":
                raise RuntimeError(f"the sender of {way.transport} died")
        return latencies.astype(np.float64)

    return one_round


def _connect_all(stack: contextlib.ExitStack, cores: tuple[int, int]) -> dict[str, Measure]:
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="hft-bench.", dir="/dev/shm"))
    iceoryx2 = stack.enter_context(peers.iceoryx2_directory(directory))
    connected: dict[str, Measure] = {}
    for number, way in enumerate(WAYS):
        path = iceoryx2 if way.transport == "iceoryx2" else f"{directory}/{number}"
        try:
            connected[way.name] = _connect(stack, way, path, cores)
        except (ImportError, RuntimeError) as error:
            print(f"hft bench ring: {way.name} is not measured: {error}", file=sys.stderr)
    return connected


def measure(seconds: float, cores: tuple[int, int], progress: Callable[[float], None]) -> list[Row]:
    """Rounds of every row in turn for `seconds`, or up to twice that until there is a distance to judge at.

    Raises TimeoutError or RuntimeError when a sender gets stuck or dies.
    """
    bare = Row(BARE)
    rows = {BARE: bare}
    with contextlib.ExitStack() as stack:
        ways = _connect_all(stack, cores)
        rows |= {name: Row(name) for name in ways}
        begin = time.monotonic()
        before = np.array(ping_pong(*cores, batches=20, rounds=50))
        while (elapsed := time.monotonic() - begin) < 2 * seconds or not bare.rounds:
            if elapsed > seconds and distance(list(rows.values())) is not None:
                break
            for name, one_round in ways.items():
                latencies = one_round()
                after = np.array(ping_pong(*cores, batches=20, rounds=50))
                around = float(np.median(before)), float(np.median(after))
                rows[name].rounds.append(Round(latencies, *around))
                bare.rounds.append(Round(after, *around))
                before = after
            progress(min(1.0, elapsed / seconds))
    return list(rows.values())


def _print(
    table_of: dict[str, Figures], judged: list[Target], clock_ns: float, bare_ns: float | None
) -> None:
    table = Table(title="publish → visible, 128-byte records, nanoseconds", title_justify="left")
    table.add_column("")
    for column in ("p50", "p99", "p99.9", "max", "× bare", "rounds"):
        table.add_column(column, justify="right")
    bare = table_of[BARE]["p50"]
    for name, row in table_of.items():
        cells = [f"{row[key]:,.0f}" for key in ("p50", "p99", "p999", "max")]
        counts = f"{row['rounds_used']} of {row['rounds_at_distance']}"
        table.add_row(name, *cells, f"{row['p50'] / bare:,.1f}", counts)
    table.add_row(
        "one clock read (in each of these)", f"{clock_ns:,.0f}", "", "", "", f"{clock_ns / bare:,.1f}"
    )
    verdicts = Table(title="targets", title_justify="left")
    for column in ("", "judged on", "ratio", "at bare speed", ""):
        verdicts.add_column(column)
    for target in judged:
        ratio = "not measured" if target.ratio is None else f"{target.ratio:,.1f}"
        possible = "" if target.possible is None else f"{target.possible:,.1f}"
        verdicts.add_row(target.text, target.judged_on, ratio, possible, "met" if target.met else "MISSED")
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(table, verdicts)
    where = "all distances mixed" if bare_ns is None else f"the cores {bare_ns:,.0f} ns apart"
    console.print(
        f"The quietest rounds with {where}, by their median. "
        "On shared cores p99 and beyond are the scheduler's."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--seconds", type=float, default=25.0, help="how long to measure (default 25)")
    parser.add_argument("--cores", default="", metavar="WRITER,READER", help="default: the first two allowed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")


def _cores(text: str) -> tuple[int, int]:
    allowed = sorted(os.sched_getaffinity(0))
    try:
        writer, reader = map(int, text.split(",")) if text else allowed[:2]
    except ValueError:
        raise SystemExit("hft bench ring: needs two cores: --cores WRITER,READER") from None
    if writer == reader or not {writer, reader} <= set(allowed):
        raise SystemExit(f"hft bench ring: --cores wants two different ones of {allowed}")
    return writer, reader


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0: every target met; 1: one missed or not judged; 2: a peer is not installed."""
    if importlib.util.find_spec("iceoryx2") is None:
        print(
            "hft bench ring: the peer iceoryx2 is not installed here; `make bench` does that", file=sys.stderr
        )
        return 2
    cores = _cores(arguments.cores)
    console = Console(stderr=True)
    try:
        with console.status("measuring …") as status:
            rows = measure(arguments.seconds, cores, lambda share: status.update(f"measuring … {share:.0%}"))
    except (TimeoutError, RuntimeError) as error:
        print(f"hft bench ring: {error}", file=sys.stderr)
        return 1
    clock_ns = min(receivers.clock_read_ns(100_000) for _ in range(20))
    bare_ns = distance(rows)
    table = {row.name: figures(row, bare_ns) for row in rows}
    judged = targets({name: float(row["p50"]) for name, row in table.items()})
    _print(table, judged, clock_ns, bare_ns)
    if arguments.json:
        document = {
            "unit": "ns", "clock_read": clock_ns, "core_distance": bare_ns, "latency_ns": table,
            "targets": [
                {
                    "target": t.text, "judged_on": t.judged_on, "ratio": t.ratio, "limit": t.limit,
                    "at_bare_speed": t.possible, "met": t.met,
                }
                for t in judged
            ],
            "cores": {"writer": cores[0], "reader": cores[1]}, "load_average": os.getloadavg(),
        }  # fmt: skip
        arguments.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0 if all(target.met for target in judged) else 1
