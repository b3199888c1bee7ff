"""`hft bench ring`: publish to visible, C++ → Python, beside the bare cache line and its peers.

What is measured, in turn and again and again until the time is up, so that all meet the same machine:

* the bare cache line: two native threads on the two cores take turns on one word; half a round trip
* ring → compiled: a C++ writer process, Numba polling through the extension, both cache lines read
* ring → bytecode: the same writer, `RingReader.poll` returned to the interpreter
* Python iceoryx2 and ZeroMQ ipc: Python at both ends, the same 128 bytes, returned to the interpreter;
  their stamp is read in Python, so their senders' share of the interpreter is in their latency

A latency is the reader's CLOCK_MONOTONIC minus the stamp read right before sending; one clock read (its own
row) is in every latency and nothing is subtracted. Senders pause between records, so readers are waiting.
Other work on the machine only ever adds to a latency: each row pools the quietest tenth of its rounds (by
their median); --json has the median over all rounds beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from hft._native import ping_pong
from hft.bench import peers, receivers
from hft.bench.peers import Receive

QUIETEST_SHARE = 0.1
ROUNDS_MIN = 5

BARE = "bare cache line"
COMPILED = "ring → compiled"
BYTECODE = "ring → bytecode"
ICEORYX2 = "iceoryx2"
ZEROMQ_SPINNING = "ZeroMQ ipc, spinning"
ZEROMQ_BLOCKING = "ZeroMQ ipc, blocking"

Measure = Callable[[], NDArray[np.float64]]


@dataclass
class Row:
    """One way of handing a record over, with the latencies of each round."""

    name: str
    measure: Measure
    rounds: list[NDArray[np.float64]] = field(default_factory=list)

    def figures(self) -> dict[str, float | int]:
        """p50, p99, p999, max in nanoseconds over the quietest tenth of the rounds, and over how much."""
        medians = np.array([np.median(one) for one in self.rounds])
        quietest = np.argsort(medians)[: max(1, int(len(medians) * QUIETEST_SHARE))]
        pool = np.concatenate([self.rounds[i] for i in quietest])
        p50, p99, p999 = (float(q) for q in np.percentile(pool, [50, 99, 99.9]))
        return {
            "p50": p50, "p99": p99, "p999": p999, "max": float(pool.max()), "samples": len(pool),
            "rounds": len(medians), "rounds_used": len(quietest), "p50_all_rounds": float(np.median(medians)),
        }  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A line of DESIGN 10: what it is judged on, and whether the ratio keeps the limit."""

    text: str
    judged_on: str
    ratio: float | None
    limit: float
    at_most: bool
    possible: float | None = None  # the ratio of a ring that takes no longer than the bare cache line

    @property
    def met(self) -> bool:
        """A peer that could not be measured has not been beaten."""
        if self.ratio is None:
            return False
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit


def targets(p50_ns: dict[str, float]) -> list[Target]:
    """The three ratios, from the medians of the rows that were measured; ZeroMQ's is that of its quicker way.

    Peers return to bytecode, so the ring is compared with them there.
    """

    def ratio(above: str, below: str) -> float | None:
        return p50_ns[above] / p50_ns[below] if above in p50_ns and below in p50_ns else None

    zeromq = min(
        (name for name in (ZEROMQ_SPINNING, ZEROMQ_BLOCKING) if name in p50_ns),
        key=lambda name: p50_ns[name],
        default=ZEROMQ_SPINNING,
    )
    return [
        Target("ring ≤ 5 × bare cache line", COMPILED, ratio(COMPILED, BARE), 5, at_most=True),
        Target(
            "ring ≥ 100 × faster than ZeroMQ ipc", BYTECODE, ratio(zeromq, BYTECODE), 100,
            at_most=False, possible=ratio(zeromq, BARE),
        ),
        Target(
            "ring ≥ 10 × faster than iceoryx2", BYTECODE, ratio(ICEORYX2, BYTECODE), 10,
            at_most=False, possible=ratio(ICEORYX2, BARE),
        ),
    ]  # fmt: skip


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


def _rows(stack: contextlib.ExitStack, cores: tuple[int, int]) -> list[Row]:
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="hft-bench.", dir="/dev/shm"))
    iceoryx2 = stack.enter_context(peers.iceoryx2_directory(directory))
    rows = [Row(BARE, lambda: np.array(ping_pong(*cores, batches=20, rounds=50)))]
    for number, way in enumerate(WAYS):
        path = iceoryx2 if way.transport == "iceoryx2" else f"{directory}/{number}"
        try:
            rows.append(Row(way.name, _connect(stack, way, path, cores)))
        except (ImportError, RuntimeError) as error:
            print(f"hft bench ring: {way.name} is not measured: {error}", file=sys.stderr)
    return rows


def measure(seconds: float, cores: tuple[int, int], progress: Callable[[float], None]) -> list[Row]:
    """Runs rounds of every row in turn for `seconds` (at least five). Raises TimeoutError, RuntimeError."""
    with contextlib.ExitStack() as stack:
        rows = _rows(stack, cores)
        begin = time.monotonic()
        while len(rows[0].rounds) < ROUNDS_MIN or time.monotonic() - begin < seconds:
            for row in rows:
                row.rounds.append(row.measure())
            progress(min(1.0, (time.monotonic() - begin) / seconds))
    return rows


def _print(figures: dict[str, dict[str, float | int]], judged: list[Target], clock_ns: float) -> None:
    table = Table(title="publish → visible, 128-byte records, nanoseconds", title_justify="left")
    table.add_column("")
    for column in ("p50", "p99", "p99.9", "max", "× bare"):
        table.add_column(column, justify="right")
    bare = figures[BARE]["p50"]
    for name, row in figures.items():
        cells = [f"{row[key]:,.0f}" for key in ("p50", "p99", "p999", "max")]
        table.add_row(name, *cells, f"{row['p50'] / bare:,.1f}")
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
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table, verdicts)
    used, rounds = figures[BARE]["rounds_used"], figures[BARE]["rounds"]
    console.print(
        f"The quietest {used} of {rounds} rounds of each, by their median. "
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
    """Exit code 0: every target met; 1: one missed or not judged."""
    cores = _cores(arguments.cores)
    console = Console(stderr=True)
    with console.status("measuring …") as status:
        rows = measure(arguments.seconds, cores, lambda share: status.update(f"measuring … {share:.0%}"))
    clock_ns = min(receivers.clock_read_ns(100_000) for _ in range(20))
    figures = {row.name: row.figures() for row in rows}
    judged = targets({name: float(row["p50"]) for name, row in figures.items()})
    _print(figures, judged, clock_ns)
    if arguments.json:
        document = {
            "unit": "ns", "clock_read": clock_ns, "latency_ns": figures,
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
