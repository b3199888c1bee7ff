"""`hft demo`: prepares a day and a model, runs the suite on it, shows it, and reports whether it adds up.

Exit codes: 0 everything adds up; 1 it does not, or a daemon failed; 2 usage.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from hft.demo import prepare
from hft.demo.arguments import add_arguments
from hft.demo.control import ControlSource
from hft.demo.figures import Figures, FigureSource
from hft.demo.group import DAEMON_NICE, Group, GroupError
from hft.demo.kill import KillFigures, await_drained, freeze_and_measure, intents_after_fence
from hft.demo.orders import OrderFigures, OrderSource
from hft.demo.report import print_report, write_json
from hft.demo.screen import Look, Rates, Screen, book_tops, make_screen
from hft.layout.dtypes import RegionKind
from hft.regions import Region

__all__ = ["add_arguments", "run"]  # what a command of `hft` has

REFRESH_SECONDS = 0.25
SETTLE_SECONDS_MAX = 5.0
START_SECONDS_MAX = 120.0
ARM_SECONDS_MAX = 30.0
KILLED_SECONDS_SHOWN = 3.0
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (a private mkdtemp below it)
PREFIX = "hft-demo."


@contextlib.contextmanager
def _run_directory(keep: bool) -> Iterator[Path]:
    """A directory of this run's own on shared memory; removed at the end, like those of killed runs."""
    parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for stale in parent.glob(f"{PREFIX}*"):
        pid = stale.name.removeprefix(PREFIX).split(".")[0]
        if pid.isdigit() and not Path("/proc", pid).exists() and stale.stat().st_uid == os.getuid():
            shutil.rmtree(stale, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}.", dir=parent))
    try:
        yield directory
    finally:
        if keep:
            print(f"kept: {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)


class _Stop:
    """Set by SIGINT or SIGTERM; the run then stops in order instead of unwinding from anywhere."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        if self.asked:  # a second ctrl-C: do not wait for anything
            raise KeyboardInterrupt
        self.asked = True

    def check(self) -> None:
        """Raises KeyboardInterrupt while the suite is still starting."""
        if self.asked:
            raise KeyboardInterrupt


def run(arguments: argparse.Namespace) -> int:
    console = Console()
    log = Console(stderr=True, highlight=False)
    if arguments.json is not None and not arguments.json.resolve().parent.is_dir():
        log.print(f"hft demo: --json {arguments.json}: no such directory")
        return 2
    if arguments.record is not None and arguments.record.exists():
        log.print(f"hft demo: --record {arguments.record}: is there already")
        return 2
    try:
        with _run_directory(arguments.keep) as directory:
            plan = prepare.make_plan(arguments, directory, log)
            outcome = _run_suite(plan, directory, arguments, console, log)
    except (prepare.PlanError, GroupError) as error:
        log.print(f"hft demo: {error}", markup=False)
        return 1
    figures, problems, kill, orders = outcome.figures, outcome.problems, outcome.kill, outcome.orders
    print_report(console, figures, problems, kill, orders)
    if arguments.record is not None:
        log.print(
            f"recorded; repeat it with: braind --replay {arguments.record}", markup=False, soft_wrap=True
        )
    if arguments.json is not None:
        killed = None if kill is None else kill.as_json()
        document = {**figures.as_json(), "kill": killed, "day": plan.describe(), "problems": problems}
        if orders is not None:
            agree = not orders.disagreements(braind_lives=kill is None)
            document |= {"orders": orders.as_json(), "ledgers_agree": agree}
        write_json(arguments.json, document)
    return 1 if problems else 0


@dataclass(frozen=True)
class _Session:
    """One run's parts, from the first daemon's start to the last one's end."""

    plan: prepare.Plan
    directory: Path
    arguments: argparse.Namespace
    group: Group
    source: FigureSource
    control: ControlSource
    stop: _Stop
    console: Console
    venue: prepare.PaperVenue | None
    orders: OrderSource | None


@dataclass
class _Outcome:
    """What the run came to. `orders` None: there was no venue."""

    figures: Figures
    problems: list[str]
    kill: KillFigures | None
    orders: OrderFigures | None


def _run_suite(
    plan: prepare.Plan, directory: Path, arguments: argparse.Namespace, console: Console, log: Console
) -> _Outcome:
    paperd_json = directory / "paperd.json"
    ports = prepare.free_udp_ports(3)
    venue = None if arguments.no_orders else prepare.paper_venue(directory)
    config = prepare.write_config(plan, directory, ports, arguments.deadline_ms, venue, arguments.strategy)
    orders = None if venue is None else OrderSource(directory / "shm", venue.summary)
    source = FigureSource(directory / "shm", paperd_json)
    control = ControlSource(directory / "shm", directory / "state")
    session = _Session(
        plan, directory, arguments, Group(directory), source, control, _Stop(), console, venue, orders
    )
    group = session.group
    try:
        log.print("starting watchd, feedd and braind (warm-up) …")
        prepare.first_state(config)
        try:
            paperd = prepare.paperd_command(plan, ports, paperd_json, arguments, venue)
            if venue is not None:
                group.start("paperd", paperd, told=True)
            credentials = {} if venue is None else {"CREDENTIALS_DIRECTORY": str(venue.credentials)}
            for name in ("watchd", "feedd", "braind"):
                group.start(
                    name,
                    [prepare.executable(name), "--config", str(config)],
                    DAEMON_NICE,
                    environment=credentials,
                )
                group.wait_ready(name, START_SECONDS_MAX, session.stop.check)
            _await_armed(session)
        except GroupError as error:
            look = control.read()
            raise GroupError(
                f"{error}\n{look.closed_because()}" if look.state == "killed" else str(error)
            ) from error
        if arguments.record is not None:
            group.start("recorder", prepare.recorder_command(config, arguments.record))
            group.wait_ready("recorder", START_SECONDS_MAX, session.stop.check)
        if venue is None:
            group.start("paperd", paperd)
        else:
            group.tell("paperd")
        problems, kill = _watch(session)
        return _end(session, problems, kill)
    finally:
        group.stop_all()


def _await_armed(session: _Session) -> None:
    """In mode "paper" watchd arms by itself as soon as everything is live and reconciled. Raises GroupError."""
    deadline = time.monotonic() + ARM_SECONDS_MAX
    while not session.control.read().gateway_open:
        session.stop.check()
        if failed := session.group.failed():
            raise GroupError("\n".join(f"{d.name}: {d.state}\n{d.last_words()}" for d in failed))
        if time.monotonic() > deadline:
            watchd = session.group.daemons["watchd"]
            raise GroupError(
                f"not armed after {ARM_SECONDS_MAX:.0f} s: {watchd.status}\n{watchd.last_words()}"
            )
        time.sleep(0.02)


def _end(session: _Session, problems: list[str], kill: KillFigures | None) -> _Outcome:
    """Stops in order and adds everything up.

    The feed first, the venue last. braind before feedd: watchd then disarms, the gateway cancels what is open and
    confirms.
    """
    group = session.group
    _end_feed(session)
    if kill is None:
        _settle(session.source, group)
    names = [name for name in ("braind", "feedd") if name != "braind" or kill is None]
    for name in names:
        if name == "feedd" and kill is None:
            _await_disarmed(session)
        _stop(session, name, problems)
    for name in ("paperd", "recorder", "watchd"):
        if name in group.daemons:
            _stop(session, name, problems)
    figures = session.source.read()
    orders = None if session.orders is None else session.orders.read()
    if kill is None:
        problems += figures.broken_promises()
        if (state := session.control.read().state) != "disarmed":
            problems.append(f"the suite ended {state}, not disarmed")
    else:
        problems += kill.problems() + figures.broken_promises_of_the_venue_s_side()
    if orders is not None:
        problems += orders.disagreements(braind_lives=kill is None)
    return _Outcome(figures, problems, kill, orders)


def _stop(session: _Session, name: str, problems: list[str]) -> None:
    if not session.group.stop(name):
        daemon = session.group.daemons[name]
        problems.append(f"{name}: {daemon.state}\n{daemon.last_words()}")


def _end_feed(session: _Session) -> None:
    """No more market data. With a venue paperd stays until everybody has left it."""
    if session.venue is None:
        session.group.stop("paperd")
        return
    daemon = session.group.daemons["paperd"]
    if daemon.process.poll() is None:
        daemon.process.terminate()
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while session.source.read().paperd_state not in ("draining", "done") and time.monotonic() < deadline:
        time.sleep(0.02)


def _await_disarmed(session: _Session) -> None:
    """Braind has gone: the gateway cancels, watchd writes it down."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while session.control.read().state == "armed" and time.monotonic() < deadline:
        time.sleep(0.02)


def _watch(session: _Session) -> tuple[list[str], KillFigures | None]:
    """Shows the run until it is over. Returns what went wrong on the way, and the kill if one was asked for."""
    arguments, kill = session.arguments, None
    board = Region.open(str(session.directory / "shm/feedd/market.board"), int(RegionKind.MARKET_BOARD))
    live = session.console.is_terminal and not arguments.plain
    screen = make_screen(session.console, session.plan.title(), live=live)
    rates = Rates()
    started = time.monotonic()
    try:
        while True:
            seconds = time.monotonic() - started
            figures = _show(session, screen, board, rates, seconds)
            if problems := _failures(session, kill):
                return problems, kill
            if kill is None and arguments.kill_at is not None and seconds >= arguments.kill_at:
                kill = _kill(session)
                arguments.seconds = seconds + KILLED_SECONDS_SHOWN
            if _is_over(session, figures, seconds):
                return _unkilled(arguments, kill), kill
            time.sleep(REFRESH_SECONDS)
    finally:
        screen.close()


def _show(session: _Session, screen: Screen, board: Region, rates: Rates, seconds: float) -> Figures:
    session.group.observe()
    figures = session.source.read()
    daemons = {name: (d.state, d.status) for name, d in session.group.daemons.items()}
    daemons["paperd"] = (figures.paperd_state.upper() or "STARTING", "")  # a venue knows no sd_notify
    tops = book_tops(board, session.plan.shown)
    screen.show(Look(seconds, figures, rates.update(figures), daemons, tops, session.control.read()))
    return figures


def _is_over(session: _Session, figures: Figures, seconds: float) -> bool:
    ended = figures.paperd_state in ("draining", "done") or session.group.daemons["paperd"].state == "ENDED"
    limit = session.arguments.seconds
    return ended or session.stop.asked or (limit is not None and seconds >= limit)


def _failures(session: _Session, kill: KillFigures | None) -> list[str]:
    """Daemons that ended, and a fence that closed, although nobody asked for it; watchd's reason comes first."""
    failed = [d for d in session.group.failed() if kill is None or d.name != "braind"]
    closed = session.control.read().closed_because() if kill is None else ""
    return ([closed] if closed else []) + [f"{d.name}: {d.state}\n{d.last_words()}" for d in failed]


def _unkilled(arguments: argparse.Namespace, kill: KillFigures | None) -> list[str]:
    if arguments.kill_at is None or kill is not None:
        return []
    return [f"the day was over before --kill-at {arguments.kill_at:g} s"]


def _kill(session: _Session) -> KillFigures:
    fence = session.control.fence()
    assert fence is not None, "it was armed"
    kill = freeze_and_measure(session.group.daemons["braind"].process.pid, fence)
    gateway = Region.open(str(session.directory / "shm/feedd/gateway.state"), int(RegionKind.GATEWAY_STATE))
    orders = None if session.venue is None else await_drained(fence, gateway)
    passed = intents_after_fence(str(session.directory / "shm"), fence)
    return replace(kill, intents_after_fence=passed, orders=orders)


def _settle(source: FigureSource, group: Group) -> None:
    """Waits, bounded, until everything sent has arrived and every intent has its answer."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while time.monotonic() < deadline and not group.failed():
        figures = source.read()
        arrived = figures.sent == figures.decoded + figures.gaps
        if arrived and figures.intents == figures.answered and figures.unread < 64:
            return
        time.sleep(0.05)
