"""The demo's last word: a table for people, JSON for scripts, and whether the sums hold."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hft.demo.figures import Figures
from hft.demo.kill import KillFigures
from hft.demo.orders import OrderFigures
from hft.demo.screen import latency_rows


def write_json(path: Path, document: dict[str, object]) -> None:
    """Writes atomically. Raises OSError naming the file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document, indent=1) + "\n")
    temporary.replace(path)


POSITIONS_SHOWN = 8


def print_orders(console: Console, orders: OrderFigures, *, braind_lives: bool) -> None:
    """What the paper venue, the gateway and the shadow book say of the orders."""
    table = Table(
        title="orders (a paper venue: its fills are a model's)", title_justify="left", show_header=False
    )
    table.add_column()
    table.add_column(justify="right")
    for name, value in (
        ("sent to the venue", orders.sent),
        ("  acknowledged", orders.acknowledged),
        ("  fills", orders.filled),
        ("  cancels", orders.canceled),
        ("  rejected", orders.rejected),
        ("  open at the end", orders.open),
    ):
        table.add_row(name, f"{value:,}")
    table.add_row("realized, without fees", f"{orders.realized:,.2f}")
    table.add_row("realized and marked", f"{orders.marked:,.2f}")
    table.add_row("fees", f"{orders.fees:,.2f}")
    console.print(table)
    print_positions(console, orders, braind_lives=braind_lives)


def print_positions(console: Console, orders: OrderFigures, *, braind_lives: bool) -> None:
    """By all three ledgers; a shadow book that died with braind has no last word."""
    rows = orders.three_positions()
    if not rows:
        console.print("position: flat", highlight=False)
        return
    table = Table(title="position (shares)", title_justify="left")
    table.add_column("symbol")
    for ledger in ("venue", "gateway", "shadow book"):
        table.add_column(ledger, justify="right")
    for symbol, venue, gateway, shadow in rows[:POSITIONS_SHOWN]:
        table.add_row(symbol, f"{venue:+,}", f"{gateway:+,}", f"{shadow:+,}" if braind_lives else "–")
    if len(rows) > POSITIONS_SHOWN:
        table.add_row(f"and {len(rows) - POSITIONS_SHOWN} more", "", "", "")
    console.print(table)


def print_kill(console: Console, kill: KillFigures) -> None:
    """From the freeze to the death, and what was open."""
    fence, dead = (f"{ms:.1f} ms" if ms is not None else "never" for ms in (kill.fence_ms, kill.dead_ms))
    console.print(
        f"braind frozen: fence closed after {fence}, braind dead after {dead}, "
        f"{kill.intents_after_fence} intents passed after that",
        highlight=False,
    )
    if kill.orders is not None:
        last = kill.orders.last_cancel_ms
        console.print(
            f"{kill.orders.open_at_kill} orders were open, the last cancel went out after "
            f"{'–' if last is None else f'{last:.1f} ms'}, {'drained' if kill.orders.drained else 'NOT drained'}",
            highlight=False,
        )


def print_report(
    console: Console,
    figures: Figures,
    problems: list[str],
    kill: KillFigures | None,
    orders: OrderFigures | None,
) -> None:
    """Counts, latencies, the kill, and one line a broken promise (or that there is none)."""
    counts = Table(title="events", title_justify="left", show_header=False)
    counts.add_column()
    counts.add_column(justify="right")
    f = figures
    for name, value in (
        ("feed messages sent (paperd)", f.sent),
        ("  decoded (feedd)", f.decoded),
        ("  lost for good, announced as GAP", f.gaps),
        ("ring records published (feedd)", f.published),
        ("  consumed (braind)", f.consumed),
        ("  lost to lapping", f.lost_ring),
        ("  unread at the end", f.unread),
        ("decisions", f.decisions),
        ("intents emitted (braind)", f.intents),
        ("  sent to the venue", f.sent_on),
        ("  passed every check, no venue (--no-orders)", f.would_send),
        ("  refused by the gateway", f.refused),
        ("  answers seen by braind", f.answered),
    ):
        counts.add_row(name, f"{value:,}")
    console.print(counts)

    latency = Table(title="latency (µs)", title_justify="left")
    for column in ("hop", "p50", "p99", "p99.9", "max"):
        latency.add_column(column, justify="left" if column == "hop" else "right")
    for row in latency_rows(figures):
        latency.add_row(*row)
    console.print(latency)

    if orders is not None:
        print_orders(console, orders, braind_lives=kill is None)
    if kill is not None:
        print_kill(console, kill)
    if problems:
        for problem in problems:
            console.print(f"[bold red]does not add up:[/] {problem}", highlight=False)
    else:
        sums = "sent = decoded + gaps"
        if kill is None:
            sums += ", published = consumed + lost + unread, every intent answered"
        if orders is not None:
            sums += ", the ledgers agree"
        console.print(f"{sums}: [bold green]yes[/]", highlight=False)
