"""What watchd reads of the loops, while they go on between any two of its reads."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hft.layout.dtypes import COMMANDS, GATEWAY_STATE, ORDER_INTENT, RegionKind, dtype
from hft.regions import IntentConsumer, IntentProducer, Region, load_words
from watchd import eyes as eyes_module
from watchd.eyes import Eyes, Pages
from watchd.liveness import LoopTrack
from watchd.registry import Registered
from watchd.tally_eyes import TallyEyes

PROGRESS = dtype("LoopProgress")
HEARTBEATS = {"feedd": [1, 1], "braind": [1]}


class Circle:
    """Words of a feedd and a braind, both ours: `turn` offers each loop one record more, and has it consumed."""

    def __init__(self, run: Path) -> None:
        self.run = run
        for name in ("feedd", "braind", "operator", "watchd"):
            (run / name).mkdir()
        self.progress = {
            name: self._region(f"{name}/progress", RegionKind.PROGRESS, loops, PROGRESS.itemsize)
            for name, loops in (("feedd", 2), ("braind", 1))
        }
        self.market, self.gateway = self.progress["feedd"].records(PROGRESS)[:2]
        self.brain = self.progress["braind"].records(PROGRESS)[0]
        self.intents = self._region(
            "braind/intents.ring", RegionKind.INTENTS_RING, 1024, ORDER_INTENT.itemsize
        )
        state = self._region("feedd/gateway.state", RegionKind.GATEWAY_STATE, 1, GATEWAY_STATE.itemsize)
        self.producer, self.consumer = IntentProducer(self.intents, state), IntentConsumer(state)
        self.consumer.attach(self.intents)

    def _region(self, name: str, kind: RegionKind, capacity: int, size: int) -> Region:
        return Region.create(str(self.run / name), int(kind), capacity, size)

    def offer(self) -> None:
        self.market["produced"] += 1
        self.producer.push(np.zeros(1, ORDER_INTENT))

    def turn(self) -> None:
        self.offer()
        self.brain["consumed"] += 1
        self.gateway["consumed"] += 1
        assert self.consumer.pop(np.zeros(1, ORDER_INTENT))
        self.consumer.commit()

    def eyes(self) -> Eyes:
        pages = Pages(
            self._region("operator/veto", RegionKind.VETO, 1, dtype("VetoNote").itemsize),
            self._region("watchd/fence", RegionKind.FENCE, 1, dtype("Fence").itemsize),
            self._region("watchd/commands", RegionKind.COMMANDS, 1, COMMANDS.itemsize),
        )
        return Eyes(self.run, pages, TallyEyes(self.run, (), 0))

    def registered(self, name: str) -> Registered:
        generation, none = self.progress[name].generation, socket.socket()
        return Registered(name, os.getpid(), os.getuid(), generation, 0, os.pidfd_open(os.getpid()), none)


@pytest.fixture
def circle(shm_directory: Path) -> Circle:
    return Circle(shm_directory)


def stalled_ns(
    circle: Circle, monkeypatch: pytest.MonkeyPatch, looks: int, event: Callable[[int], None]
) -> tuple[int, int]:
    """How long (gateway, brain) consumed nothing of what was offered, a look being a nanosecond.

    `event` is called after each of watchd's reads, with how many there have been.
    """
    eyes, registered = circle.eyes(), {name: circle.registered(name) for name in HEARTBEATS}
    reads = itertools.count(1)

    def read(region: Region, offset: int, count: int) -> np.ndarray:
        words = load_words(region, offset, count)
        event(next(reads))
        return words

    monkeypatch.setattr(eyes_module, "load_words", read)
    for one in registered.values():
        eyes.watch(one)
    tracks = LoopTrack("gateway"), LoopTrack("brain")
    for _ in range(looks):
        view = eyes.look(0, 0, registered, HEARTBEATS)
        assert view.feedd is not None
        assert view.braind is not None
        tracks[0].look(view.feedd.loops[1], 1)
        tracks[1].look(view.braind.loops[0], 1)
    for one in registered.values():
        os.close(one.pidfd)
        one.connection.close()
    return tracks[0].stalled_ns, tracks[1].stalled_ns


def test_whether_a_daemon_lives_is_asked_before_its_words_are_read(
    circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last words, DRAINING among them, would otherwise be missing from the look that finds it dead."""
    eyes, asked = circle.eyes(), []
    registered = {name: circle.registered(name) for name in HEARTBEATS}
    for one in registered.values():
        eyes.watch(one)
    monkeypatch.setattr(Registered, "alive", property(lambda self: asked.append(self.name) or True))

    def read(region: Region, offset: int, count: int) -> np.ndarray:
        assert asked == ["feedd", "braind"]
        return load_words(region, offset, count)

    monkeypatch.setattr(eyes_module, "load_words", read)
    view = eyes.look(0, 0, registered, HEARTBEATS)
    assert view.feedd is not None
    assert view.feedd.alive
    for one in registered.values():
        os.close(one.pidfd)
        one.connection.close()


READS_A_LOOK = 10  # or a few less


@pytest.mark.parametrize("moment", range(READS_A_LOOK, 2 * READS_A_LOOK))
def test_a_record_that_is_offered_and_consumed_while_watchd_reads_stalls_nobody(
    circle: Circle, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    def once(reads: int) -> None:
        if reads == moment:
            circle.turn()

    assert stalled_ns(circle, monkeypatch, 300, once) == (0, 0)


def test_what_is_offered_and_not_consumed_counts_from_the_next_look(
    circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, brain = stalled_ns(circle, monkeypatch, 100, lambda _reads: circle.offer())
    assert 98 <= gateway <= 99
    assert 98 <= brain <= 99
