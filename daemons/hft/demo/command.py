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
from pathlib import Path

from rich.console import Console

from hft.demo import prepare
from hft.demo.figures import Figures, FigureSource
from hft.demo.group import Group, GroupError
from hft.demo.report import print_report, write_json
from hft.demo.screen import Look, Rates, book_tops, make_screen
from hft.layout.dtypes import RegionKind
from hft.regions import Region

REFRESH_SECONDS = 0.25
SETTLE_SECONDS_MAX = 5.0
START_SECONDS_MAX = 120.0
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (a private mkdtemp below it)
PREFIX = "hft-demo."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--capture", type=Path, metavar="FILE", help="an ITCH 5.0 file: length-prefixed, plain or .gz")
    add("--date", metavar="YYYY-MM-DD", help="its trading date, when its name does not tell")
    add(
        "--messages",
        type=_count,
        default=3_000_000,
        metavar="N",
        help="play at most its first N (%(default)s)",
    )
    add("--start-at", default="first-order", metavar="T", help="HH:MM:SS in New York; earlier goes out fast")
    add("--speed", type=_positive, metavar="X", help="times the real spacing (default: about half a minute)")
    add("--seconds", type=_positive, metavar="S", help="stop after this long (default: when the day is over)")
    add("--json", type=Path, metavar="FILE", help="write the report as JSON")
    add("--loss", type=_rate, default=0.0, metavar="P", help="drop this share of the packets of each line")
    add("--duplicate", type=_rate, default=0.0, metavar="P", help="send this share twice")
    add("--reorder", type=_rate, default=0.0, metavar="P", help="send this share late")
    add("--plain", action="store_true", help="plain lines also on a terminal")
    add("--keep", action="store_true", help="keep the run's directory: logs, configuration, regions")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 0.9:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 0.9")
    return value


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
    try:
        with _run_directory(arguments.keep) as directory:
            plan = prepare.make_plan(arguments, directory, log)
            figures, problems = _run_suite(plan, directory, arguments, console, log)
    except (prepare.PlanError, GroupError) as error:
        log.print(f"hft demo: {error}", markup=False)
        return 1
    print_report(console, figures, problems)
    if arguments.json is not None:
        write_json(arguments.json, {**figures.as_json(), "day": plan.describe(), "problems": problems})
    return 1 if problems else 0


def _run_suite(
    plan: prepare.Plan, directory: Path, arguments: argparse.Namespace, console: Console, log: Console
) -> tuple[Figures, list[str]]:
    stop = _Stop()
    paperd_json = directory / "paperd.json"
    ports = prepare.free_udp_ports(3)
    config = prepare.write_config(plan, directory, ports)
    source = FigureSource(directory / "shm", paperd_json)
    group = Group(directory)
    try:
        log.print("starting feedd and braind (warm-up) …")
        group.start("feedd", [prepare.executable("feedd"), "--config", str(config)])
        group.wait_ready("feedd", START_SECONDS_MAX, stop.check)
        group.start("braind", [prepare.executable("braind"), "--config", str(config)])
        group.wait_ready("braind", START_SECONDS_MAX, stop.check)
        group.start("paperd", prepare.paperd_command(plan, ports, paperd_json, arguments))
        problems = _watch(group, source, plan, directory, arguments.seconds, arguments.plain, stop, console)
        group.stop("paperd")
        _settle(source, group)
        for name in ("braind", "feedd"):
            if not group.stop(name):
                problems.append(f"{name}: {group.daemons[name].state}\n{group.daemons[name].last_words()}")
        figures = source.read()
        return figures, problems + figures.broken_promises()
    finally:
        group.stop_all()


def _watch(
    group: Group,
    source: FigureSource,
    plan: prepare.Plan,
    directory: Path,
    seconds_max: float | None,
    plain: bool,
    stop: _Stop,
    console: Console,
) -> list[str]:
    """Shows the run until it is over. Returns what went wrong on the way."""
    board = Region.open(str(directory / "shm/feedd/market.board"), int(RegionKind.MARKET_BOARD))
    screen = make_screen(console, plan.title(), live=console.is_terminal and not plain)
    rates = Rates()
    started = time.monotonic()
    try:
        while True:
            group.observe()
            figures = source.read()
            seconds = time.monotonic() - started
            daemons = {name: (d.state, d.status) for name, d in group.daemons.items()}
            daemons["paperd"] = (figures.paperd_state.upper() or "STARTING", "")  # a venue knows no sd_notify
            tops = book_tops(board, plan.shown)
            screen.show(Look(seconds, figures, rates.update(figures), daemons, tops))
            if failed := group.failed():
                return [f"{d.name}: {d.state}\n{d.last_words()}" for d in failed]
            over = figures.paperd_state in ("draining", "done") or group.daemons["paperd"].state == "ENDED"
            if over or stop.asked or (seconds_max is not None and seconds >= seconds_max):
                return []
            time.sleep(REFRESH_SECONDS)
    finally:
        screen.close()


def _settle(source: FigureSource, group: Group) -> None:
    """Waits, bounded, until everything sent has arrived and every intent has its answer."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while time.monotonic() < deadline and not group.failed():
        figures = source.read()
        arrived = figures.sent == figures.decoded + figures.gaps
        if arrived and figures.intents == figures.answered and figures.unread < 64:
            return
        time.sleep(0.05)
