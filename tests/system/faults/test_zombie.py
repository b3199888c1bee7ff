"""A zombie of braind: another process that still maps the dead one's queue and goes on pushing into it.

A stand-in takes braind's place: the queue is the same.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from outcome import check_killed, updates_of
from suite import Suite, wait_until

from hft.layout.dtypes import CloseReason, RefusalReason, UpdateKind

ZOMBIE = """
import sys, time
sys.path.insert(0, sys.argv[1])
from standin import Outlet
from hft.layout.dtypes import RegionKind
from hft.regions import Region
queue = Region.open_writable(f"{sys.argv[2]}/braind/intents.ring", int(RegionKind.INTENTS_RING))
outlet = Outlet(sys.argv[2], queue)
sys.stdin.readline()  # braind's own producer counts the same slots: it must be dead first
while True:
    outlet.push()
    print(outlet.pushed, outlet.refused, flush=True)
    time.sleep(0.001)
"""


class Zombie:
    """It maps the queue at once, and pushes when it is told to."""

    def __init__(self, suite: Suite) -> None:
        here = Path(__file__).resolve().parents[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", ZOMBIE, here, suite.run],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def said(self) -> tuple[int, int]:
        """Intents pushed, and turned away at the queue; the next line that it prints."""
        assert self.process.stdout is not None
        pushed, refused = map(int, self.process.stdout.readline().split())
        return pushed, refused

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def zombie(suite: Suite) -> Iterator[Zombie]:
    suite.armed("standin")
    made = Zombie(suite)
    yield made
    made.end()


def test_what_it_pushes_is_refused_and_counted_and_the_next_queue_is_not_its_own(
    suite: Suite, zombie: Zombie
) -> None:
    assert suite.ask("kill", by="bob")["ok"]
    check_killed(suite, CloseReason.OPERATOR, by="bob")
    refused, sent = suite.gateway()["intents_refused"], suite.gateway()["intents_would_send"]
    zombie.go()
    wait_until(
        lambda: suite.gateway()["intents_refused"] >= refused + 50, "its intents come, and are refused"
    )
    assert suite.gateway()["intents_would_send"] == sent
    closed = f'feedd_intents_refused_total{{reason="{RefusalReason.FENCE_CLOSED.name.lower()}"}}'
    assert suite.stats("feedd")[closed] >= 50

    suite.armed("standin")  # a successor with a queue of its own, cleared and armed, while the zombie goes on
    generation = suite.gateway()["intents_generation"]
    while zombie.said()[1] < 50:  # turned away: no gateway reads this queue any more
        pass
    suite.wait_for_flow(50)
    updates = updates_of(suite)
    passed = updates[updates["kind"] == int(UpdateKind.WOULD_SEND)]
    since = passed[passed["epoch"] == suite.fence()["epoch"]]
    assert len(since) >= 50
    assert set(since["intents_generation"].tolist()) == {generation}
