"""What hot threads ask of the system once they run: no memory, no page, no call but packet I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import steady
from fake_watchd import FakeFence, FakeWatchd
from feedd_harness import Feed, Feedd, free_ports, split_capture, wait_until
from intents import Queue
from steady import allocations, page_faults, system_calls

from hft.layout.dtypes import CloseReason, RegionKind
from hft.regions import PUSHED, monotonic_ns

Make = Callable[..., Feedd]
Watch = Callable[[Feedd], None]
HOT_THREADS = ("feedd-market", "feedd-gateway")
PACKET_SYSTEM_CALLS = {"recvmmsg", "sendto"}
IDLE_SYSTEM_CALLS = {"clock_nanosleep"}
PACKET_MESSAGES = 20
PACKETS_A_ROUND = 20
LOST_PACKET = 13
FENCE_PACKETS = 5
OPERATOR = 1  # bit of veto_seen


class Traffic:
    """A feed with losses, heartbeats and pauses, intents, and a fence that opens, closes and lapses.

    Everything that hot threads do, while a watchd hears of it.
    """

    def __init__(self, feedd: Feedd, feed: Feed, messages: Sequence[bytes]) -> None:
        self._feedd, self._feed, self._messages = feedd, feed, messages
        self._sent, self._pushed, self._epoch = 0, 0, 0
        self._fence = FakeFence(feedd.run_directory)
        self._queue = Queue(feedd)
        self._gateway_generation = feedd.region("gateway.state", RegionKind.GATEWAY_STATE).generation
        wait_until(lambda: feedd.gateway()["veto_seen"] & OPERATOR == 0, "the veto page is mapped")

    def run(self, rounds: int) -> None:
        """Packets, a loss, a heartbeat, intents, and silence enough for some ticks; then once more."""
        for _ in range(rounds):
            self._send(PACKETS_A_ROUND)
            self._feedd.wait_for_stat("feedd_ticks_total", self._feedd.stat("feedd_ticks_total") + 3)

    def _send(self, packets: int) -> None:
        """Returns when all of it was worked on."""
        for packet in range(packets):
            if packet % FENCE_PACKETS == 0:
                self._move_fence(packet // FENCE_PACKETS)
            first = self._sent
            messages = self._messages[first : first + PACKET_MESSAGES]
            assert messages, "the day is too short for this test"
            if packet != LOST_PACKET:  # on both lines: asked for in vain, given up
                self._feed.send(first + 1, messages)
            self._sent += len(messages)
            self._pushed += 1
            wait_until(lambda: self._queue.push(epoch=self._epoch) == PUSHED, "room in the queue")
        self._feed.send_count(self._sent + 1, 0)
        self._feedd.wait_for_stat("feedd_expected_sequence", self._sent + 1)
        self._wait_for_answers()

    def _wait_for_answers(self) -> None:
        wait_until(
            lambda: self._feedd.gateway()["intents_cursor"] == self._pushed, "every intent is answered"
        )

    def _move_fence(self, turn: int) -> None:
        """Open, veto, lapse, closed; each for some intents."""
        self._wait_for_answers()
        if turn == 0:
            self._epoch += 1
            self._fence.arm(self._epoch, self._gateway_generation, self._queue.region.generation)
        self._fence.veto.set_veto(int(turn == 1))
        if turn == 2:
            self._fence.writer.renew(monotonic_ns())
        if turn == 3:
            self._fence.writer.close(int(CloseReason.LEASE_LAPSED))

    def assert_everything_was_met(self) -> None:
        """Losses, and every way of being answered that the fence has."""
        assert self._feedd.stat("feedd_requests_total") > 0
        assert self._feedd.stat("feedd_gap_messages_total") > 0
        assert self._feedd.stat("feedd_orders_would_send_total") > 0
        for reason in ("operator_veto", "lease_lapsed", "fence_closed"):
            assert self._feedd.stat(f'feedd_intents_refused_total{{reason="{reason}"}}') > 0


@pytest.fixture
def watched(make_feedd: Make) -> Iterator[Callable[[Feedd], None]]:
    """Registers a running feedd at a watchd that hears its heartbeats from then on."""
    made: list[FakeWatchd] = []

    def watch(feedd: Feedd) -> None:
        made.append(FakeWatchd(feedd.control_directory))
        made[-1].register()
        feedd.wait_for_stat("feedd_heartbeats_sent_total", 2)

    yield watch
    for each in made:
        each.close()


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
    return steady.counter_library(tmp_path_factory.mktemp("native"))


def test_hot_threads_allocate_nothing(
    make_feedd: Make, feed: Feed, messages: list[bytes], counter_library: Path, tmp_path: Path, watched: Watch
) -> None:
    table = tmp_path / "allocations"
    feedd = busy(make_feedd, feed).start(LD_PRELOAD=str(counter_library), COUNT_ALLOCATIONS=str(table))
    watched(feedd)
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
    traffic.assert_everything_was_met()


def test_hot_threads_meet_no_page_fault(
    make_feedd: Make, feed: Feed, messages: list[bytes], watched: Watch
) -> None:
    feedd = busy(make_feedd, feed).start()
    watched(feedd)
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
    make_feedd: Make, feed: Feed, messages: list[bytes], directory: Path, watched: Watch, idle: str
) -> dict[str, Counter[str]]:
    """System calls of the hot threads after warm-up, by thread."""
    feedd = busy(make_feedd, feed, idle).start(steady.strace(directory))
    watched(feedd)
    traffic = Traffic(feedd, feed, messages)
    traffic.run(2)
    traces = {name: directory / f"calls.{feedd.thread_id(name)}" for name in HOT_THREADS}
    warm = {name: trace.stat().st_size for name, trace in traces.items()}
    traffic.run(10)
    calls = {name: system_calls(trace, warm[name]) for name, trace in traces.items()}
    traffic.assert_everything_was_met()
    feedd.stop()
    return calls


def test_hot_threads_call_the_system_for_packets_only(
    make_feedd: Make, feed: Feed, messages: list[bytes], tmp_path: Path, watched: Watch
) -> None:
    calls = traced(make_feedd, feed, messages, tmp_path, watched, idle="spin")
    assert calls["feedd-market"]["recvmmsg"] > 100
    assert calls["feedd-market"]["sendto"] > 0
    assert set(calls["feedd-market"]) == PACKET_SYSTEM_CALLS
    assert calls["feedd-gateway"] == Counter()


def test_backing_off_adds_the_call_that_sleeps_and_no_other(
    make_feedd: Make, feed: Feed, messages: list[bytes], tmp_path: Path, watched: Watch
) -> None:
    calls = traced(make_feedd, feed, messages, tmp_path, watched, idle="backoff")
    assert calls["feedd-gateway"].total() > 0, "the trace would show a call"
    assert set(calls["feedd-gateway"]) <= IDLE_SYSTEM_CALLS
    assert set(calls["feedd-market"]) <= PACKET_SYSTEM_CALLS | IDLE_SYSTEM_CALLS
