"""The table of `hft bench tick`."""

from __future__ import annotations

import statistics

from rich.console import Console
from rich.table import Table


def report(
    figures: dict[str, float],
    targets: dict[str, tuple[float, bool, str]],
    best: dict[str, float],
    latency: list[dict[str, float]],
    sustained: dict[str, list[float]],
    missed: list[str],
    seconds: float,
) -> None:
    """Prints targets with the best round's figures, its stages, and how the other rounds were."""
    console = Console(highlight=False)
    table = Table(title="publish → intent visible, 16 features, network 16-32-32-3, two processes")
    for name in ("", "best round", "median round", "worst round", "target", ""):
        table.add_column(name, justify="left" if not name else "right")
    spans = {
        "publish_to_intent_p50": [one["p50"] for one in latency],
        "publish_to_intent_p99": [one["p99"] for one in latency],
    } | sustained
    for name, (target, more, unit) in targets.items():
        table.add_row(
            name.replace("_", " "),
            _number(figures[name], unit),
            _number(statistics.median(spans[name]), unit),
            _number((min if more else max)(spans[name]), unit),
            f"{'≥' if more else '≤'} {_number(target, unit)}",
            "missed" if name in missed else "met",
        )
    console.print(table)
    stages = Table(title="where the time goes (medians of the best round; loop's own stamps)")
    stages.add_column("stage")
    stages.add_column("µs", justify="right")
    for name, value in best.items():
        if name not in ("p50", "p99", "p999", "max", "missed", "preempted"):
            stages.add_row(name, f"{value:.2f}")
    stages.add_row("publish → intent visible to the writer", f"{best['p50']:.2f}")
    console.print(stages)
    console.print(
        f"tail of the best round: p99.9 {best['p999']:.1f} µs, max {best['max']:.1f} µs, "
        f"{best['missed']:.0f} ticks without an intent; "
        f"{sum(one['preempted'] == 0 for one in latency)} of {len(latency)} undisturbed; {seconds:.0f} s"
    )


def _number(value: float, unit: str) -> str:
    return f"{value:.2f} {unit}" if unit == "µs" else f"{value / 1e6:.2f} M{unit}"
