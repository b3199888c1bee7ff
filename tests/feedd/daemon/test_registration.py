"""feedd at watchd: who it says it is, heartbeats that end with the loop they vouch for, its goodbye."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_watchd import ANSWER_S, FakeWatchd
from feedd_harness import Feed, Feedd, wait_until
from stopped import stands_still

from hft.layout.dtypes import DaemonId, LoopState, RegionKind, RegistrationVerdict
from hft.regions import monotonic_ns

Make = Callable[..., Feedd]
LOOPS = {0: "feedd-market", 1: "feedd-gateway"}


def states(feedd: Feedd) -> list[int]:
    return [feedd.progress(loop)["state"] for loop in LOOPS]


BEATS = 30
QUIET_S = 0.3  # as many heartbeat intervals
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WAIT_FOR_ANY_THREAD = 0x40000000  # __WALL


@pytest.fixture
def feedd(make_feedd: Make, feed: Feed) -> Iterator[Feedd]:
    made = make_feedd(feed.keys())
    yield made
    if made.process is not None:
        assert made.stop() == 0


@pytest.fixture
def watchd(feedd: Feedd) -> Iterator[FakeWatchd]:
    made = FakeWatchd(feedd.control_directory)
    yield made
    made.close()


def beats_from_now(watchd: FakeWatchd, enough: Callable[[list[int]], bool]) -> list[int]:
    """The loops whose beats come until there are enough; what was on its way before does not count."""
    since_ns = monotonic_ns()
    loops: list[int] = []
    while not enough(loops):
        beats = watchd.beats(wait_s=ANSWER_S)
        assert len(beats) > 0, f"silence after {loops}"
        loops += beats[beats["sent_ts_ns"] > since_ns]["loop"].tolist()
        assert monotonic_ns() - since_ns < ANSWER_S * 1e9, loops
    return loops


def both_are_heard(watchd: FakeWatchd) -> bool:
    """Sooner or later, or it fails."""
    return set(beats_from_now(watchd, lambda loops: len(set(loops)) == len(LOOPS))) == set(LOOPS)


def test_it_registers_with_a_descriptor_that_names_it_and_no_other(feedd: Feedd, watchd: FakeWatchd) -> None:
    feedd.start()
    registered = watchd.register()
    said = registered.said
    assert (int(said["daemon"]), int(said["loops"])) == (int(DaemonId.FEEDD), 2)
    assert int(said["generation"]) == feedd.region("progress", RegionKind.PROGRESS).generation
    assert int(said["pid"]) == registered.peer_pid == registered.pid_of_pidfd() == feedd.pid
    signal.pidfd_send_signal(registered.pidfd, 0)
    feedd.wait_for_stat("feedd_watchd_registered", 1)
    assert len(feedd.logged("watchd_registered")) == 1
    assert feedd.stop() == 0
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(registered.pidfd, 0)


def test_beats_come_for_both_loops_and_say_what_the_progress_words_say(
    feedd: Feedd, watchd: FakeWatchd
) -> None:
    feedd.start()
    watchd.register()
    seen: dict[int, list[int]] = {0: [], 1: []}
    while min(len(sequences) for sequences in seen.values()) < 5:
        for beat in watchd.beats(wait_s=20):
            loop = int(beat["loop"])
            seen[loop].append(int(beat["sequence"]))
            assert (int(beat["pid"]), int(beat["daemon"])) == (feedd.pid, int(DaemonId.FEEDD))
            assert int(beat["state"]) == int(LoopState.READY)
            words = feedd.progress(loop)
            assert 0 < int(beat["iterations"]) <= words["iterations"]
            assert int(beat["produced"]) <= words["produced"]
            assert words["thread_id"] == feedd.thread_id(LOOPS[loop])
    for sequences in seen.values():
        assert sequences == list(range(1, len(sequences) + 1))
    feedd.wait_for_stat("feedd_heartbeats_sent_total", 10)


def test_a_stopped_process_is_silent_and_comes_back(feedd: Feedd, watchd: FakeWatchd) -> None:
    feedd.start()
    watchd.register()
    assert both_are_heard(watchd)
    os.kill(feedd.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: stands_still(feedd.pid), "it stands still")
        wait_until(lambda: len(watchd.beats(wait_s=QUIET_S)) == 0, "what was on its way is here")
        time.sleep(QUIET_S)
        assert len(watchd.beats()) == 0
    finally:
        os.kill(feedd.pid, signal.SIGCONT)
    assert both_are_heard(watchd)


@contextlib.contextmanager
def frozen(thread_id: int) -> Iterator[None]:
    """One thread of another process stands still; the others go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(PTRACE_SEIZE, thread_id, None, None) != 0:
        pytest.skip(f"may not trace here: {os.strerror(ctypes.get_errno())}")
    assert libc.ptrace(PTRACE_INTERRUPT, thread_id, None, None) == 0
    os.waitpid(thread_id, WAIT_FOR_ANY_THREAD)
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, thread_id, None, None)


@pytest.mark.parametrize("loop", LOOPS)
def test_one_frozen_loop_is_silent_while_the_other_is_heard(
    feedd: Feedd, watchd: FakeWatchd, loop: int
) -> None:
    feedd.start()
    watchd.register()
    other = 1 - loop
    assert both_are_heard(watchd)
    with frozen(feedd.thread_id(LOOPS[loop])):
        standing = feedd.progress(loop)["iterations"]
        heard = beats_from_now(watchd, lambda loops: loops.count(other) >= BEATS)
        assert heard.count(loop) <= 1, "for its last rounds"
        assert set(beats_from_now(watchd, lambda loops: loops.count(other) >= BEATS)) == {other}
        assert feedd.progress(loop)["iterations"] == standing
    assert both_are_heard(watchd)


def test_without_watchd_it_runs_says_so_once_and_registers_later(feedd: Feedd) -> None:
    feedd.start()
    wait_until(lambda: feedd.logged("watchd_not_registered") != [], "it is said")
    time.sleep(QUIET_S)
    (line,) = feedd.logged("watchd_not_registered")
    assert "register.sock: connect: No such file or directory" in str(line["problem"])
    assert feedd.stat("feedd_watchd_registered") == 0
    watchd = FakeWatchd(feedd.control_directory)
    watchd.register()
    assert both_are_heard(watchd)
    watchd.close()


def test_a_restarted_watchd_gets_it_back(feedd: Feedd) -> None:
    first = FakeWatchd(feedd.control_directory)
    feedd.start()
    first.register()
    assert both_are_heard(first)
    first.close()
    wait_until(lambda: feedd.stat("feedd_watchd_registered") == 0, "it has noticed")
    second = FakeWatchd(feedd.control_directory)
    assert second.register().pid_of_pidfd() == feedd.pid
    assert both_are_heard(second)
    second.close()


def test_a_refusal_is_logged_once_per_text_however_often_it_is_repeated(
    feedd: Feedd, watchd: FakeWatchd
) -> None:
    feedd.start()

    def said() -> list[str]:
        return [str(line["problem"]).split(": ")[-1] for line in feedd.logged("watchd_not_registered")]

    for text in ("not today", "not today", "another feedd is registered", "not today"):
        watchd.take().answer(int(RegistrationVerdict.REFUSED), text.encode())
        wait_until(lambda told=text: told in said(), "it is said")
    watchd.register()
    feedd.wait_for_stat("feedd_watchd_registered", 1)
    assert said() == ["not today", "another feedd is registered"]


def test_its_goodbye_is_in_the_progress_words_before_the_connection_ends(
    feedd: Feedd, watchd: FakeWatchd
) -> None:
    feedd.start()
    registered = watchd.register()
    progress = feedd.region("progress", RegionKind.PROGRESS)
    wait_until(lambda: states(feedd) == [int(LoopState.READY)] * 2, "its loops are READY")
    assert feedd.process is not None
    feedd.process.send_signal(signal.SIGTERM)
    assert registered.connection.recv(1) == b""  # it hangs up
    assert states(feedd) == [int(LoopState.STOPPED)] * 2
    assert feedd.process.wait(20) == 0
    assert progress.retired


def test_a_watchd_that_reads_nothing_does_not_keep_it_from_ending(feedd: Feedd, watchd: FakeWatchd) -> None:
    feedd.start()
    watchd.register()
    feedd.wait_for_stat("feedd_heartbeats_sent_total", 4)
    began = time.monotonic()
    assert feedd.stop() == 0
    assert time.monotonic() - began < 2.0


def test_its_helper_threads_keep_to_the_housekeeping_cores(make_feedd: Make, feed: Feed) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        pytest.skip("needs two cores")
    feedd = make_feedd(feed.keys(), market=allowed[0], housekeeping=[allowed[1]])
    watchd = FakeWatchd(feedd.control_directory)
    feedd.start()
    watchd.register()
    watchd.beats(wait_s=20)
    names = {
        int(task.name): (task / "comm").read_text() for task in Path(f"/proc/{feedd.pid}/task").iterdir()
    }
    helpers = {id_: name for id_, name in names.items() if name.startswith(("hft-watchd-link", "ZMQbg"))}
    assert len(helpers) == 3
    assert {id_: os.sched_getaffinity(id_) for id_ in helpers} == {id_: {allowed[1]} for id_ in helpers}
    watchd.close()
