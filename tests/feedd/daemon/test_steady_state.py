"""What hot threads ask of the system once they run: no memory, no page, no call but packet I/O."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from feedd_harness import Feed, Feedd, free_ports, split_capture, wait_until

from hft.layout.dtypes import ORDER_INTENT, IntentAction, RegionKind, Side, TimeInForce
from hft.regions import PUSHED, IntentProducer, Region, monotonic_ns, read_gateway_state

Make = Callable[..., Feedd]
HOT_THREADS = ("feedd-market", "feedd-gateway")
PACKET_SYSTEM_CALLS = {"recvmmsg", "sendto"}
IDLE_SYSTEM_CALLS = {"sched_yield", "clock_nanosleep"}
PACKET_MESSAGES = 20
PACKETS_A_ROUND = 20
LOST_PACKET = 13


class Traffic:
    """A feed with losses, heartbeats and pauses, and intents: everything that hot threads do."""

    def __init__(self, feedd: Feedd, feed: Feed, messages: Sequence[bytes]) -> None:
        self._feedd, self._feed, self._messages = feedd, feed, messages
        self._sent, self._pushed = 0, 0
        path = feedd.run_directory / "braind" / "intents.ring"
        path.parent.mkdir()
        self._state = feedd.region("gateway.state", RegionKind.GATEWAY_STATE)
        self._intents = Region.create(str(path), int(RegionKind.INTENTS_RING), 1024, ORDER_INTENT.itemsize)
        wait_until(lambda: self._gateway("intents_generation") == self._intents.generation, "attached")
        self._producer = IntentProducer(self._intents, self._state)
        self._intent = np.zeros(1, ORDER_INTENT)
        market = feedd.region("market.ring", RegionKind.MARKET_RING).generation
        for name, value in {
            "market_seq": 1, "market_generation": market, "instrument_id": 1, "price": 1, "quantity": 1,
            "action": int(IntentAction.NEW), "side": int(Side.BUY), "time_in_force": int(TimeInForce.IOC),
        }.items():  # fmt: skip
            self._intent[name] = value

    def _gateway(self, word: str) -> int:
        return read_gateway_state(self._state)[word]

    def run(self, rounds: int) -> None:
        """Packets, a loss, a heartbeat, intents, and silence enough for some ticks; then once more."""
        for _ in range(rounds):
            self._send(PACKETS_A_ROUND)
            self._feedd.wait_for_stat("feedd_ticks_total", self._feedd.stat("feedd_ticks_total") + 3)

    def _send(self, packets: int) -> None:
        """Returns when all of it was worked on."""
        for packet in range(packets):
            first = self._sent
            messages = self._messages[first : first + PACKET_MESSAGES]
            assert messages, "the day is too short for this test"
            if packet != LOST_PACKET:  # on both lines: asked for in vain, given up
                self._feed.send(first + 1, messages)
            self._sent += len(messages)
            self._push_intent()
        self._feed.send_count(self._sent + 1, 0)
        self._feedd.wait_for_stat("feedd_expected_sequence", self._sent + 1)
        wait_until(lambda: self._gateway("intents_cursor") == self._pushed, "every intent is answered")

    def _push_intent(self) -> None:
        self._pushed += 1
        self._intent["intent_id"] = self._intent["order_id"] = self._pushed
        self._intent["emit_ts_ns"] = monotonic_ns()
        wait_until(lambda: self._producer.push(self._intent) == PUSHED, "room in the queue")


def busy(make_feedd: Make, feed: Feed, idle: str = "spin") -> Feedd:
    (request,) = free_ports(1)
    keys = {
        "request_server": f"127.0.0.1:{request}", "gap_timeout_ms": 10, "request_interval_ms": 2,
        "tick_interval_us": 500, "silence_alarm_ms": 60_000,
    }  # fmt: skip
    return make_feedd(feed.keys() | keys, idle=idle)


@pytest.fixture(scope="module")
def messages(small_day: bytes) -> list[bytes]:
    return split_capture(small_day)


@pytest.fixture(scope="module")
def counter_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = Path(__file__).parent / "native" / "count_allocations.c"
    library = tmp_path_factory.mktemp("native") / "count_allocations.so"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def allocations(table: Path, thread_id: int) -> int:
    return dict(struct.iter_unpack("<QQ", table.read_bytes())).get(thread_id, 0)


def test_hot_threads_allocate_nothing(
    make_feedd: Make, feed: Feed, messages: list[bytes], counter_library: Path, tmp_path: Path
) -> None:
    table = tmp_path / "allocations"
    feedd = busy(make_feedd, feed).start(LD_PRELOAD=str(counter_library), COUNT_ALLOCATIONS=str(table))
    traffic = Traffic(feedd, feed, messages)
    threads = {name: feedd.thread_id(name) for name in (*HOT_THREADS, "feedd-helper")}
    before = {name: allocations(table, thread_id) for name, thread_id in threads.items()}
    traffic.run(20)
    wait_until(
        lambda: allocations(table, threads["feedd-helper"]) > before["feedd-helper"],
        "the counter counts: the helper thread allocates",
    )
    after = {name: allocations(table, thread_id) for name, thread_id in threads.items()}
    assert {name: after[name] - before[name] for name in HOT_THREADS} == dict.fromkeys(HOT_THREADS, 0)
    assert feedd.stat("feedd_requests_total") > 0
    assert feedd.stat("feedd_gap_messages_total") > 0


def page_faults(feedd: Feedd, thread_id: int) -> tuple[int, int]:
    """Minor and major faults of a thread so far."""
    line = Path(f"/proc/{feedd.pid}/task/{thread_id}/stat").read_text()
    fields = line.rsplit(")", 1)[1].split()
    return int(fields[7]), int(fields[9])


def test_hot_threads_meet_no_page_fault(make_feedd: Make, feed: Feed, messages: list[bytes]) -> None:
    feedd = busy(make_feedd, feed).start()
    if feedd.stat("feedd_memory_locked") == 0:
        pytest.skip("memory may not be locked here (RLIMIT_MEMLOCK)")
    traffic = Traffic(feedd, feed, messages)
    threads = {name: feedd.thread_id(name) for name in HOT_THREADS}
    traffic.run(5)
    before = {name: page_faults(feedd, thread_id) for name, thread_id in threads.items()}
    traffic.run(40)
    after = {name: page_faults(feedd, thread_id) for name, thread_id in threads.items()}
    assert all(minor > 0 for minor, _ in before.values()), "the stack was touched, so the count works"
    assert after == before


def traced(
    make_feedd: Make, feed: Feed, messages: list[bytes], directory: Path, idle: str
) -> dict[str, Counter[str]]:
    """System calls of the hot threads after warm-up, by thread."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    feedd = busy(make_feedd, feed, idle).start([strace, "-ff", "-o", str(directory / "calls")])
    traffic = Traffic(feedd, feed, messages)
    traffic.run(2)
    traces = {name: directory / f"calls.{feedd.thread_id(name)}" for name in HOT_THREADS}
    warm = {name: trace.stat().st_size for name, trace in traces.items()}
    traffic.run(10)
    calls = {name: system_calls(trace, warm[name]) for name, trace in traces.items()}
    feedd.stop()
    return calls


def test_hot_threads_call_the_system_for_packets_only(
    make_feedd: Make, feed: Feed, messages: list[bytes], tmp_path: Path
) -> None:
    calls = traced(make_feedd, feed, messages, tmp_path, idle="spin")
    assert calls["feedd-market"]["recvmmsg"] > 100
    assert calls["feedd-market"]["sendto"] > 0
    assert set(calls["feedd-market"]) == PACKET_SYSTEM_CALLS
    assert calls["feedd-gateway"] == Counter()


def test_backing_off_adds_the_calls_that_yield_and_sleep_and_no_other(
    make_feedd: Make, feed: Feed, messages: list[bytes], tmp_path: Path
) -> None:
    calls = traced(make_feedd, feed, messages, tmp_path, idle="backoff")
    assert calls["feedd-gateway"].total() > 0, "the trace would show a call"
    assert set(calls["feedd-gateway"]) <= IDLE_SYSTEM_CALLS
    assert set(calls["feedd-market"]) <= PACKET_SYSTEM_CALLS | IDLE_SYSTEM_CALLS


def system_calls(trace: Path, offset: int) -> Counter[str]:
    lines = trace.read_bytes()[offset:].decode(errors="replace").splitlines()
    return Counter(match[1] for line in lines if (match := re.match(r"(\w+)\(", line)))
