"""`hft bench tick`: publication of a market event → its intent visible, with where the time goes.

Two processes on two cores, as in life. The writer publishes one event, then polls the intents ring until the
intent of that event is there, waits a little (so that the loop is idle again) and goes on: both transfers
between cores are in the figure. The loop is braind's own `step`, all 16 features, a 16-32-32-3 network.
The network's weights are random and the policy's threshold is 0, so that every event causes an intent.

Rounds are short, because on shared cores others run in between: a round in which neither process was
preempted shows the suite, the others show the machine. Both are reported; targets are
judged by the best round. What the loop sustains is measured over a full ring.

Exit codes: 0 all targets met by the best round, 1 not.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled, int64
from hft.compiled import monotonic_ns, ring_advance, ring_poll, ring_publish, ring_start_index

ROUNDS = 100
# A round is less than the queue holds: in between the writer tells the producer that all was consumed.
TICKS_A_ROUND = 1000
PAUSE_NS = 10_000
ANSWER_NS_MAX = 200_000_000
SUSTAINED_RECORDS = 1 << 17
SUSTAINED_ROUNDS = 15

# (docs/TARGETS.md) name -> (target, whether more is better, unit)
TARGETS = {
    "publish_to_intent_p50": (2.5, False, "µs"),
    "publish_to_intent_p99": (10.0, False, "µs"),
    "events_per_second": (10e6, True, "/s"),
    "decisions_per_second": (300e3, True, "/s"),
}


@compiled
def publish_and_wait(
    writer: int, reader: int, intents: Any, events: Any, first: int, latencies_ns: Any
) -> None:
    """Publishes `events[first:]` one by one, each after the intent of the one before; -1 = no intent came.

    An intent belongs to the event whose publication time it carries, so one that comes too late is not
    mistaken for the next one's.
    """
    for i in range(latencies_ns.shape[0]):
        quiet_ns = int64(monotonic_ns())
        while int64(monotonic_ns()) - quiet_ns < PAUSE_NS:
            pass
        event = events[first + i : first + i + 1]
        start_ns = int64(monotonic_ns())
        event[0]["publish_ts_ns"] = start_ns
        ring_publish(writer, event.ctypes.data)
        latencies_ns[i] = -1
        now_ns = start_ns
        while latencies_ns[i] < 0 and now_ns - start_ns < ANSWER_NS_MAX:
            answered = ring_poll(reader, 1) == 1
            now_ns = int64(monotonic_ns())
            if answered:
                if int64(intents[ring_start_index(reader)]["market_publish_ts_ns"]) == start_ns:
                    latencies_ns[i] = now_ns - start_ns
                ring_advance(reader, 1)


def pin(place: int) -> None:
    """Pins this process to one of its CPUs; with a single one there is nothing to choose."""
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[place % len(cpus)]})


def preemptions() -> int:
    """How often this thread lost its core to another so far."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def writer_process(folder: str, events: NDArray[np.void], rounds: int, pipe: Connection) -> None:
    """The other side: market, and the gateway's end of the queue. Sends one array of latencies a round."""
    from hft.layout.dtypes import ORDER_INTENT, RegionKind, dtype
    from hft.regions import IntentConsumer, Region, RingReader, RingWriter

    pin(1)
    ring = Region.create(f"{folder}/market", int(RegionKind.MARKET_RING), 1 << 14, events.itemsize)
    gateway = Region.create(
        f"{folder}/gateway", int(RegionKind.GATEWAY_STATE), 1, dtype("GatewayState").itemsize
    )
    intents = Region.open(f"{folder}/intents", int(RegionKind.INTENTS_RING))
    writer, reader, consumer = RingWriter(ring), RingReader(intents, 0), IntentConsumer(gateway)
    consumer.attach(intents)
    records = intents.records(ORDER_INTENT)
    publish_and_wait(writer.address, reader.address, records, events, 0, np.zeros(0, np.int64))  # compiles
    intent = np.zeros(1, ORDER_INTENT)
    pipe.send("ready")
    pipe.recv()
    for k in range(rounds):
        latencies_ns = np.zeros(TICKS_A_ROUND, np.int64)
        before = preemptions()
        publish_and_wait(writer.address, reader.address, records, events, k * TICKS_A_ROUND, latencies_ns)
        preempted = preemptions() - before
        while consumer.pop(intent):
            pass
        consumer.commit()
        pipe.send((latencies_ns, preempted))
    pipe.recv()


def measure_latency(rounds: int) -> list[dict[str, float]]:
    """One dict of microseconds a round: p50, p99, p999, max, missed, and p50 of each stage of the loop."""
    from braind.bench_parts import Bench

    with tempfile.TemporaryDirectory(prefix="hft-bench-", dir="/dev/shm") as folder:
        bench = Bench(Path(folder))
        events = bench.events(rounds * TICKS_A_ROUND)
        here, there = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        child = context.Process(target=writer_process, args=(folder, events, rounds, there), daemon=True)
        child.start()
        there.close()
        try:
            here.recv()
            allowed = os.sched_getaffinity(0)
            pin(0)
            bench.join()
            here.send("go")
            results = []
            before = preemptions()
            for _ in range(rounds):
                bench.step_until(here.poll)
                latencies_ns, preempted = here.recv()
                preempted += preemptions() - before
                results.append(_round(latencies_ns, preempted, bench.stage_p50s_us()))
                before = preemptions()
            here.send("done")
            child.join(10)
        finally:
            if child.is_alive():
                child.terminate()
            child.join()
            os.sched_setaffinity(0, allowed)
    return results


def _round(latencies_ns: NDArray[np.int64], preempted: int, stages: dict[str, float]) -> dict[str, float]:
    seen = latencies_ns[latencies_ns >= 0] / 1e3
    if not len(seen):
        seen = np.array([np.inf])
    p50, p99, p999 = (float(np.percentile(seen, q)) for q in (50, 99, 99.9))
    return {
        "p50": p50, "p99": p99, "p999": p999, "max": float(seen.max()),
        "missed": float((latencies_ns < 0).sum()), "preempted": float(preempted), **stages,
    }  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="all rounds, for scripts")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"of {TICKS_A_ROUND} ticks each (%(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints a table, writes --json. See the module's text for the exit code."""
    from braind.bench_parts import measure_sustained
    from braind.bench_report import report

    start = time.monotonic()
    latency = measure_latency(max(1, arguments.rounds))
    sustained = measure_sustained(SUSTAINED_RECORDS, SUSTAINED_ROUNDS)
    best = min(latency, key=lambda one: (one["missed"], one["p99"]))
    figures = {
        "publish_to_intent_p50": best["p50"],
        "publish_to_intent_p99": best["p99"],
        "events_per_second": max(sustained["events_per_second"]),
        "decisions_per_second": max(sustained["decisions_per_second"]),
    }
    missed = [
        name for name, (target, more, _) in TARGETS.items()
        if not (figures[name] >= target if more else figures[name] <= target)
    ]  # fmt: skip
    if best["missed"]:
        missed.append("answered")
    report(figures, TARGETS, best, latency, sustained, missed, time.monotonic() - start)
    if arguments.json:
        arguments.json.write_text(
            json.dumps(
                {"figures": figures, "missed": missed, "rounds_us": latency, "sustained": sustained}, indent=1
            )
        )
    return 1 if missed else 0
