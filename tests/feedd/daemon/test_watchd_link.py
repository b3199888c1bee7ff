"""The native line to watchd that feedd and braind share: registration, heartbeats, and everything amiss with them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_watchd import LINK_INTERVAL_NS, FakeWatchd
from feedd_harness import wait_until

from hft._native import HEARTBEAT_MAGIC, LAYOUT_HASH, REGISTRATION_MAGIC, WatchdLink
from hft.control import HEARTBEAT_SOCKET, REGISTER_SOCKET
from hft.layout.dtypes import DaemonId, LoopState, RegionKind, RegistrationVerdict
from hft.regions import ProgressWriter, Region, RegionError, monotonic_ns

CLOSED_WITHIN_S = 1.0  # seen: 0.1 ms


Make = Callable[[], FakeWatchd]


def is_registered(link: WatchdLink) -> None:
    wait_until(lambda: link.registered, "it is registered")
    assert link.refusal == ""


def is_refused(link: WatchdLink, text: str) -> None:
    wait_until(lambda: text in link.refusal, f"the refusal says {text!r}, it says {link.refusal!r}")
    assert not link.registered


def test_a_registration_says_who_and_carries_a_pidfd_of_the_same_process(
    make_watchd: Make, link: WatchdLink, progress: Region
) -> None:
    registered = make_watchd().register()
    said = registered.said
    assert (int(said["magic"]), int(said["layout_hash"])) == (REGISTRATION_MAGIC, LAYOUT_HASH)
    assert (int(said["daemon"]), int(said["loops"])) == (int(DaemonId.BRAIND), 2)
    assert int(said["generation"]) == progress.generation
    assert 0 < int(said["start_ts_ns"]) < monotonic_ns()
    assert int(said["pid"]) == registered.peer_pid == registered.pid_of_pidfd() == os.getpid()
    is_registered(link)


def test_beats_are_sent_for_the_loop_that_moves_and_say_what_its_progress_says(
    make_watchd: Make, link: WatchdLink, loops: list[ProgressWriter], progress: Region
) -> None:
    watchd = make_watchd()
    loops[1].enter(int(LoopState.READY))
    watchd.register()
    for turn in range(1, 4):
        loops[1].round(10 * turn, 5 * turn, 7)
        (beat,) = watchd.beats(wait_s=20)
        assert (int(beat["magic"]), int(beat["layout_hash"])) == (HEARTBEAT_MAGIC, LAYOUT_HASH)
        assert (int(beat["loop"]), int(beat["sequence"]), int(beat["iterations"])) == (1, turn, turn)
        said = int(beat["consumed"]), int(beat["produced"]), int(beat["lag_records"])
        assert said == (10 * turn, 5 * turn, 7)
        assert int(beat["state"]) == int(LoopState.READY)
        assert (int(beat["daemon"]), int(beat["pid"])) == (int(DaemonId.BRAIND), os.getpid())
        assert int(beat["generation"]) == progress.generation
    wait_until(lambda: link.beats_sent == 3, "they are counted")


def test_a_loop_that_stands_still_is_silent(
    make_watchd: Make, link: WatchdLink, loops: list[ProgressWriter]
) -> None:
    watchd = make_watchd()
    watchd.register()
    loops[0].idle_round()
    assert len(watchd.beats(wait_s=20)) == 1
    assert len(watchd.beats(wait_s=50 * LINK_INTERVAL_NS / 1e9)) == 0
    loops[0].idle_round()
    assert watchd.beats(wait_s=20)["sequence"].tolist() == [2]


def test_without_watchd_it_says_so_and_registers_as_soon_as_there_is_one(
    make_watchd: Make, link: WatchdLink
) -> None:
    is_refused(link, f"{REGISTER_SOCKET}: connect: No such file or directory")
    make_watchd().register()
    is_registered(link)


def test_a_socket_that_a_dead_watchd_left_is_tried_until_it_lives_again(
    control: Path, make_watchd: Make, link: WatchdLink
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(control / REGISTER_SOCKET))
    is_refused(link, "connect: Connection refused")
    make_watchd().register()
    is_registered(link)


def test_a_refusal_is_kept_as_text_and_asked_again(make_watchd: Make, link: WatchdLink) -> None:
    watchd = make_watchd()
    watchd.take().answer(int(RegistrationVerdict.REFUSED), b"a braind is registered already")
    is_refused(link, "a braind is registered already")
    watchd.register()
    is_registered(link)


def test_a_watchd_of_another_layout_is_told_apart_by_both_hashes(make_watchd: Make, link: WatchdLink) -> None:
    make_watchd().take().answer(int(RegistrationVerdict.ACCEPTED), layout_hash=0xABCDEF)
    is_refused(link, f"watchd has layout 0x{0xABCDEF:016x}, this one 0x{LAYOUT_HASH:016x}")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"hello", "not watchd"),
        (b"\xff" * 4096, "not watchd"),
        (REGISTRATION_MAGIC.to_bytes(8, "little") + LAYOUT_HASH.to_bytes(8, "little"), "of 16 bytes"),
        (
            REGISTRATION_MAGIC.to_bytes(8, "little") + LAYOUT_HASH.to_bytes(8, "little") + b"\1" * 400,
            "of 416",
        ),
    ],
)
def test_garbage_is_not_an_answer(make_watchd: Make, link: WatchdLink, answer: bytes, text: str) -> None:
    watchd = make_watchd()
    watchd.take().connection.send(answer)
    is_refused(link, text)
    watchd.register()
    is_registered(link)


def test_an_answer_that_does_not_come_is_not_waited_for_forever(make_watchd: Make, link: WatchdLink) -> None:
    watchd = make_watchd()
    watchd.take()
    is_refused(link, "no answer")
    watchd.register()
    is_registered(link)


def test_a_connection_that_is_dropped_unanswered_is_made_again(make_watchd: Make, link: WatchdLink) -> None:
    watchd = make_watchd()
    watchd.take().connection.shutdown(socket.SHUT_RDWR)
    is_refused(link, "closed before it answered")
    watchd.register()
    is_registered(link)


def test_a_restarted_watchd_gets_it_back_with_its_beats(
    make_watchd: Make, link: WatchdLink, loops: list[ProgressWriter]
) -> None:
    first = make_watchd()
    first.register()
    loops[0].idle_round()
    assert len(first.beats(wait_s=20)) == 1
    first.close()
    wait_until(lambda: not link.registered, "it has noticed")
    second = make_watchd()
    second.register()
    loops[0].idle_round()
    assert second.beats(wait_s=20)["sequence"].tolist() == [2]


def test_a_heartbeat_socket_that_nobody_serves_costs_nothing_but_the_beats(
    control: Path, make_watchd: Make, link: WatchdLink, loops: list[ProgressWriter]
) -> None:
    watchd = make_watchd()
    (control / HEARTBEAT_SOCKET).unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mute:
        mute.bind(str(control / HEARTBEAT_SOCKET))
        mute.listen(8)
        watchd.register()
        is_registered(link)
        for _ in range(100):
            loops[0].idle_round()
            time.sleep(0.001)
        assert (link.registered, link.beats_sent) == (True, 0)
        began = time.monotonic()
        link.close()
        assert time.monotonic() - began < CLOSED_WITHIN_S


def test_it_refuses_a_region_of_another_kind_an_interval_of_nothing_and_a_second_start(
    control: Path, progress: Region, shm_directory: Path
) -> None:
    other = Region.create(str(shm_directory / "ring"), int(RegionKind.MARKET_RING), 16, 128)
    with pytest.raises(RegionError, match="MARKET_RING can not be used so"):
        WatchdLink(str(control), int(DaemonId.FEEDD), other, LINK_INTERVAL_NS)
    with pytest.raises(ValueError, match="interval of 0"):
        WatchdLink(str(control), int(DaemonId.FEEDD), progress, 0)
    link = WatchdLink(str(control), int(DaemonId.FEEDD), progress, LINK_INTERVAL_NS)
    link.start()
    with pytest.raises(RuntimeError, match="started twice"):
        link.start()
    link.close()
