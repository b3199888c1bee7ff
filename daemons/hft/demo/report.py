"""The demo's last word: a table for people, JSON for scripts, and whether the sums hold."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hft.demo.figures import Figures
from hft.demo.kill import KillFigures
from hft.demo.screen import latency_rows


def write_json(path: Path, document: dict[str, object]) -> None:
    """Writes atomically. Raises OSError naming the file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document, indent=1) + "\n")
    temporary.replace(path)


def print_report(console: Console, figures: Figures, problems: list[str], kill: KillFigures | None) -> None:
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
        ("  passed every check (there is no venue yet)", f.would_send),
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

    if kill is not None:
        fence, dead = (f"{ms:.1f} ms" if ms is not None else "never" for ms in (kill.fence_ms, kill.dead_ms))
        console.print(
            f"braind frozen: fence closed after {fence}, braind dead after {dead}, "
            f"{kill.intents_after_fence} intents passed after that",
            highlight=False,
        )
    if problems:
        for problem in problems:
            console.print(f"[bold red]does not add up:[/] {problem}", highlight=False)
    else:
        sums = "sent = decoded + gaps"
        if kill is None:
            sums += ", published = consumed + lost + unread, every intent answered"
        console.print(f"{sums}: [bold green]yes[/]", highlight=False)
