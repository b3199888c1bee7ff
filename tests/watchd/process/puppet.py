"""A process that plays feedd or braind towards watchd: lock, regions, progress, registration, heartbeats.

    puppet.py NAME RUN_DIRECTORY CONTROL_DIRECTORY

One command a line on standard input: ``state STATE``, ``freeze LOOP``, ``thaw LOOP``, ``veto CODE``, ``say WORD VALUE``
(a word of gateway.state), ``unlink`` (close the line to watchd), ``quit``; of the order side (order_standin.py)
``orders COUNT INSTRUMENT STRATEGY``, ``fill INSTRUMENT QUANTITY PRICE LIE``, ``quote INSTRUMENT SYMBOL BID ASK``,
``window ORDER_ID``, ``disobey`` (commands and limits), ``stuck`` (what is open stays open). Prints ``ready`` when its
loops run, and ``done`` after each command. Its gateway obeys fence, commands and limits as far as watchd looks at it.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from order_standin import OrderStandin

from hft._native import WatchdLink
from hft.layout.dtypes import ORDER_INTENT, DaemonId, LoopState, RegionKind, UpdateKind, VenueSession, dtype
from hft.limits import read_limits
from hft.regions import (
    CommandsReader,
    DaemonLock,
    ProgressWriter,
    Region,
    RegionError,
    fence_token,
    read_control_record,
)

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
            self.words["reconciled"], self.words["venue_session"] = 1, int(VenueSession.UP)
            self.desk = OrderStandin(directory, self.words)
            self.obedient, self.stuck = True, False
            self.commands: CommandsReader | None = None
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
        if not is_open and int(words["open_orders"][0]) and not self.stuck:
            words["open_at_close"], words["close_seen_ts_ns"] = words["open_orders"], now_ns
            words["cancels_sent"] += words["open_orders"]
            words["last_cancel_ts_ns"] = words["drained_ts_ns"] = now_ns
            self.desk.open_orders(0, 0, 0)
        if not is_open and not int(words["open_orders"][0]):
            words["drained"] = page["epoch"]
        if self.obedient:
            self.obey_pages()

    def obey_pages(self) -> None:
        """Takes the limits, and cancels what it is told to."""
        limits = read_limits(Region.open(f"{self.run}/watchd/limits", int(RegionKind.LIMITS)))
        if limits is not None:
            self.words["limits_sequence"] = limits.sequence
        if self.commands is None:
            page = Region.open(f"{self.run}/watchd/commands", int(RegionKind.COMMANDS))
            self.commands = CommandsReader(page)
        ticket, _scope, _subject, closes = self.commands.take()
        if ticket:
            self.words["cancels_sent"] += self.words["open_orders"]
            self.desk.open_orders(0, 0, 0)
            self.words["cancel_all_done"] = ticket
            if closes:
                self.words["flatten_done"] = ticket

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
        elif word in ("orders", "fill", "quote", "window", "disobey", "stuck"):
            self.order_side(word, rest)
        elif word == "unlink":
            self.link.close()
        elif word == "quit":
            sys.exit(0)

    def order_side(self, word: str, rest: list[str]) -> None:
        if word == "orders":
            self.desk.open_orders(*map(int, rest))
        elif word == "fill":
            instrument_id, quantity, price, lie = map(int, rest)
            self.desk.fill(instrument_id, quantity, price, lie=lie)
        elif word == "quote":
            self.desk.quote(int(rest[0]), rest[1], int(rest[2]), int(rest[3]))
        elif word == "window":
            epoch = int(self.words["fence_epoch_seen"][0])
            self.desk.tell(UpdateKind.SENT, 3, order_id=int(rest[0]), epoch=epoch, in_window=1)
            self.words["sent_in_window"] += 1
        elif word == "disobey":
            self.obedient = False
        else:
            self.stuck = True


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
                print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
