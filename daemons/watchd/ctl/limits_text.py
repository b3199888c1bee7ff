"""The limits as a table: configured, in force, and whether the gateway keeps to them already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

HEAD: Final = ("limit", "configured", "in force")
CURRENCY: Final = ("order_notional_max", "gross_notional_max", "loss_max")


def render(document: Mapping[str, Any]) -> str:
    """Columns as wide as their widest cell, numbers to the right; tightened ones are marked."""
    limits = document.get("limits") or {}
    rows = [HEAD, *_rows("", limits.get("account") or {})]
    for symbol, own in (limits.get("symbols") or {}).items():
        rows += _rows(f"{symbol} ", own)
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        f"{name:<{widths[0]}}  {configured:>{widths[1]}}  {value:>{widths[2]}}"
        + ("  tightened" if configured != value else "")
        for name, configured, value in rows[1:]
    ]
    head = f"{HEAD[0]:<{widths[0]}}  {HEAD[1]:>{widths[1]}}  {HEAD[2]:>{widths[2]}}"
    return "\n".join([head, *lines, *_sequence(limits)])


def _rows(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, value in values.items():
        unit = " (currency)" if name in CURRENCY else ""
        yield f"{prefix}{name}{unit}", f"{value['config']:,}", f"{value['in_force']:,}"


def _sequence(limits: Mapping[str, Any]) -> Iterator[str]:
    sequence = limits.get("sequence", 0)
    if not sequence:
        yield "sequence 0: nobody tightened anything"
    elif not limits.get("venue"):
        yield f"sequence {sequence}; no venue is configured, so nobody takes it"
    elif limits.get("gateway_sequence") is None:
        yield f"sequence {sequence}; feedd is not running"
    elif limits.get("taken"):
        yield f"sequence {sequence}, taken by the gateway"
    else:
        yield f"sequence {sequence}, NOT taken by the gateway (it has {limits['gateway_sequence']})"
    if limits.get("durable") is False:
        yield "NOT known to be on disk → docs/RUNBOOK.md#state-not-durable"
