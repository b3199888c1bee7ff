"""A process that plays feedd or braind towards watchd: lock, regions, progress, registration, heartbeats.

    puppet.py NAME RUN_DIRECTORY CONTROL_DIRECTORY

One command a line on standard input: ``state STATE``, ``freeze LOOP``, ``thaw LOOP``, ``veto CODE``, ``say WORD VALUE``
(a word of gateway.state), ``unlink`` (close the line to watchd), ``quit``. Prints ``ready`` when its loops run.
Its gateway obeys the fence as far as watchd looks at it: the tokens seen, and drained when nothing is open.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from pathlib import Path

from hft._native import WatchdLink
from hft.layout.dtypes import ORDER_INTENT, DaemonId, LoopState, RegionKind, dtype
from hft.regions import DaemonLock, ProgressWriter, Region, RegionError, fence_token, read_control_record

LOOPS = {"feedd": 2, "braind": 1}


class Puppet:
    """`round()` is one millisecond of its life."""

    def __init__(self, name: str, run: Path, control: Path) -> None:
        self.name, self.run = name, run
        directory = run / name
        self.lock = DaemonLock(str(directory))
        size = dtype("LoopProgress").itemsize
        self.progress = Region.create(f"{directory}/progress", int(RegionKind.PROGRESS), LOOPS[name], size)
        self.loops = [ProgressWriter(self.progress, i) for i in range(LOOPS[name])]
        self.frozen: set[int] = set()
        self.rounds = 0
        if name == "feedd":
            layout = dtype("GatewayState")
            self.own = Region.create(
                f"{directory}/gateway.state", int(RegionKind.GATEWAY_STATE), 1, layout.itemsize
            )
            self.words = self.own.records(layout)
            self.words["reconciled"] = 1
        else:
            self.own = Region.create(
                f"{directory}/intents.ring", int(RegionKind.INTENTS_RING), 64, ORDER_INTENT.itemsize
            )
        self.enter(LoopState.WARMUP)
        self.link = WatchdLink(str(control), int(DaemonId[name.upper()]), self.progress, 10_000_000)
        self.link.start()
        self.enter(LoopState.READY)

    def enter(self, state: LoopState) -> None:
        for loop in self.loops:
            loop.enter(int(state))

    def round(self) -> None:
        self.rounds += 1
        for index, loop in enumerate(self.loops):
            if index not in self.frozen:
                loop.round(self.rounds, self.rounds, 0)
        if self.name == "feedd" and 1 not in self.frozen and self.rounds % 5 == 0:
            self.obey()

    def obey(self) -> None:
        """Says what a gateway says."""
        words = self.words
        try:
            intents = Region.open(f"{self.run}/braind/intents.ring", int(RegionKind.INTENTS_RING))
            words["intents_generation"] = 0 if intents.retired else intents.generation
        except RegionError:
            words["intents_generation"] = 0
        fence = Region.open(f"{self.run}/watchd/fence", int(RegionKind.FENCE))
        veto = Region.open(f"{self.run}/operator/veto", int(RegionKind.VETO))
        page = read_control_record(fence, "Fence")
        token = fence_token(page["epoch"], self.own.generation, int(words["intents_generation"][0]))
        now_ns = time.monotonic_ns()
        if page["token"] == token and now_ns >= page["lease_deadline_ns"]:
            words["epoch_latched"] = page["epoch"]
        is_open = page["token"] == token and int(words["epoch_latched"][0]) != page["epoch"] and not veto.veto
        words["fence_token_seen"], words["fence_epoch_seen"] = page["token"], page["epoch"]
        words["veto_seen"], words["fence_open"] = int(veto.veto != 0), int(is_open)
        if not is_open and not int(words["open_orders"][0]):
            words["drained"] = page["epoch"]

    def command(self, line: str) -> None:
        word, *rest = line.split()
        if word == "state":
            self.enter(LoopState[rest[0]])
        elif word == "freeze":
            self.frozen.add(int(rest[0]))
        elif word == "thaw":
            self.frozen.discard(int(rest[0]))
        elif word == "veto":
            self.own.set_veto(int(rest[0]))
        elif word == "say":
            self.words[rest[0]] = int(rest[1])
        elif word == "unlink":
            self.link.close()
        elif word == "quit":
            sys.exit(0)


def main(name: str, run: str, control: str) -> None:
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)  # as the daemons' units do
    puppet = Puppet(name, Path(run), Path(control))
    os.set_blocking(0, False)
    pending = ""
    print("ready", flush=True)
    while True:
        puppet.round()
        if select.select([0], [], [], 0.001)[0]:
            read = os.read(0, 4096).decode()
            if not read:
                return
            *lines, pending = (pending + read).split("\n")
            for line in lines:
                puppet.command(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
