"""What a person sees while the demo runs: a Rich screen on a terminal, one plain line a second elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from hft.demo.control import ControlLook
from hft.demo.figures import Figures
from hft.layout.dtypes import BOARD_ENTRY, BookValidity, TradeState
from hft.regions import Region, read_board_entry


@dataclass(frozen=True)
class Look:
    """Everything one refresh shows. `rates` are per second over the last interval."""

    seconds: float
    figures: Figures
    rates: dict[str, float]
    daemons: Mapping[str, tuple[str, str]]  # name -> (state, its own status line)
    tops: list[tuple[str, ...]]
    control: ControlLook


class Screen(Protocol):
    """Where looks go."""

    def show(self, look: Look) -> None: ...
    def close(self) -> None: ...


class Rates:
    """Counters per second over the last two seconds (paperd tells its count once a second)."""

    COUNTED = ("sent", "published", "consumed", "decisions", "intents")
    WINDOW_SECONDS = 2.0

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Figures]] = deque()

    def update(self, figures: Figures) -> dict[str, float]:
        """Adds a look; zeros at first."""
        now = time.monotonic()
        self._looks.append((now, figures))
        while now - self._looks[0][0] > self.WINDOW_SECONDS and len(self._looks) > 2:
            self._looks.popleft()
        then, earlier = self._looks[0]
        if now <= then:
            return dict.fromkeys(self.COUNTED, 0.0)
        return {
            name: (getattr(figures, name) - getattr(earlier, name)) / (now - then) for name in self.COUNTED
        }


def book_tops(board: Region, instruments: Mapping[int, str]) -> list[tuple[str, ...]]:
    """Rows (symbol, bid size, bid, ask, ask size, trade state, book) for the given instrument ids."""
    entry = np.zeros(1, BOARD_ENTRY)
    rows: list[tuple[str, ...]] = []
    for instrument_id, symbol in instruments.items():
        if not read_board_entry(board, instrument_id, entry):
            continue
        row = entry[0]
        scale = 10 ** int(row["price_decimals"])
        bid, ask = row["bids"][0], row["asks"][0]
        rows.append(
            (
                symbol,
                f"{int(bid['quantity']):,}",
                f"{int(bid['price']) / scale:.2f}" if bid["quantity"] else "–",
                f"{int(ask['price']) / scale:.2f}" if ask["quantity"] else "–",
                f"{int(ask['quantity']):,}",
                TradeState(int(row["trade_state"])).name.lower(),
                BookValidity(int(row["validity"])).name.lower(),
            )
        )
    return rows


def _table(
    title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, texts: tuple[int, ...] = (0,)
) -> Table:
    """`texts` are the columns of words; numbers stand to the right."""
    table = Table(
        title=f"[bold]{title}", title_justify="left", expand=True, pad_edge=False, box=box.SIMPLE_HEAD
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index in texts else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def flow_rows(look: Look) -> list[tuple[str, ...]]:
    f, r = look.figures, look.rates
    return [
        ("paperd sent", f"{f.sent:,}", f"{r['sent']:,.0f}/s"),
        ("feedd published", f"{f.published:,}", f"{r['published']:,.0f}/s"),
        ("braind consumed", f"{f.consumed:,}", f"{r['consumed']:,.0f}/s"),
        ("  lag, lost", f"{f.unread:,}, {f.lost_ring:,}", ""),
        ("decisions", f"{f.decisions:,}", f"{r['decisions']:,.0f}/s"),
        ("intents", f"{f.intents:,}", f"{r['intents']:,.0f}/s"),
        ("  sent to the venue", f"{f.sent_on + f.would_send:,}", ""),
        ("  refused", f"{f.refused:,}", ""),
        ("feed messages lost", f"{f.gaps:,}", ""),
    ]


def latency_rows(figures: Figures) -> list[tuple[str, ...]]:
    """Microseconds with one decimal, by hop."""
    return [
        (hop.replace("_", " "), *(f"{v[q] / 1000:,.1f}" for q in ("p50", "p99", "p999", "max")))
        for hop, v in figures.latency_ns.items()
    ]


class RichScreen:
    """Redraws in place, on the alternate buffer so that the report is what stays."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._live.start()

    def show(self, look: Look) -> None:
        control = look.control
        fence = f"{control.fence_text()}, epoch {control.epoch}"
        states = [("suite", control.state.upper() or "–", f"fence {fence}")]
        states += [(name, state, status) for name, (state, status) in look.daemons.items()]
        grid = Table.grid(expand=True, padding=(0, 2))
        grid.add_column(ratio=1)
        grid.add_column(ratio=1)
        grid.add_row(
            _table("flow", ("", "count", "rate"), flow_rows(look)),
            _table("latency (µs)", ("hop", "p50", "p99", "p99.9", "max"), latency_rows(look.figures)),
        )
        body = Group(
            _table("daemons", ("name", "state", "says"), states, texts=(0, 1, 2)),
            grid,
            _table(
                "books",
                ("symbol", "size", "bid", "ask", "size", "trading", "book"),
                look.tops,
                texts=(0, 5, 6),
            ),
        )
        title = f"{self._title} · {look.seconds:.0f} s · ctrl-C ends it"
        self._live.update(Panel(body, title=title), refresh=True)

    def close(self) -> None:
        self._live.stop()


class PlainScreen:
    """One line a second, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, look: Look) -> None:
        if look.seconds < self._next:
            return
        self._next = look.seconds + 1.0
        f, hop = look.figures, look.figures.latency_ns["publish_to_intent"]
        states = " ".join(f"{name}={state.lower()}" for name, (state, _) in look.daemons.items())
        self._console.print(
            f"{look.seconds:5.0f} s  sent {f.sent:,}  published {f.published:,}  consumed {f.consumed:,}  "
            f"lag {f.unread:,}  intents {f.intents:,}  publish→intent p50 {hop['p50'] / 1000:.1f} µs "
            f"p99 {hop['p99'] / 1000:.1f} µs  {look.control.state} fence {look.control.fence_text()}  {states}",
            soft_wrap=True,
            highlight=False,
        )

    def close(self) -> None:
        sys.stdout.flush()


def make_screen(console: Console, title: str, *, live: bool) -> Screen:
    """The screen that redraws in place, or plain lines."""
    return RichScreen(console, title) if live else PlainScreen(console)
