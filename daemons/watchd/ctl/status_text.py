"""The status document as a few aligned lines that end with what to do next. Missing parts are left out, not guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

LABEL: Final = 9
_COLOURS: Final = {"armed": "32", "killed": "31;1", "disarmed": "33"}
_IN_PROGRESS: Final = ("arming", "disarming", "killing")

Document = Mapping[str, Any]


def render(document: Document, *, colours: bool) -> str:
    """Several lines, each label in its column."""
    lines = [*_state(document, colours=colours)]
    for label, texts in (
        ("fence", _fence(document.get("fence"))),
        ("vetoes", _vetoes(document.get("vetoes"))),
        ("pauses", _pauses(document.get("pauses") or document.get("paused"))),
        ("gateway", _gateway(document.get("gateway"))),
        ("orders", _orders(document.get("orders"))),
        *_daemons(document.get("daemons") or {}),
        ("watchd", _watchd(document)),
        ("alerts", _counts(document.get("alerts"))),
        ("arming", _blockers(document)),
        ("unread", iter(document.get("problems") or ())),
    ):
        lines += [
            f"{label if number == 0 else '':<{LABEL}}{text}" for number, text in enumerate(texts) if text
        ]
    return "\n".join([*lines, *_next(document)])


def _state(document: Document, *, colours: bool) -> Iterator[str]:
    state = str(document.get("state", "unknown"))
    reason, detail = document.get("reason") or "", document.get("detail") or ""
    if reason == state:
        reason = ""
    painted = f"\x1b[{_COLOURS[state]}m{state}\x1b[0m" if colours and state in _COLOURS else state
    yield ": ".join(str(part) for part in (painted, reason, detail) if part)
    by, at, epoch = document.get("by"), document.get("at"), document.get("epoch")
    told = [f"by {by}" if by else "", f"at {at}" if at else "", "" if epoch is None else f"epoch {epoch}"]
    if any(told):
        yield " " * LABEL + ", ".join(part for part in told if part)


def _fence(fence: Document | None) -> Iterator[str]:
    if fence is None:
        return
    if fence.get("open"):
        yield f"open, lease for {_ms(fence.get('lease_remaining_ms'))}"
        return
    for_ms = fence.get("closed_for_ms")
    reason = fence.get("reason")
    yield (
        "closed" + (f" for {_ms(for_ms)}" if for_ms is not None else "") + (f" ({reason})" if reason else "")
    )


def _vetoes(vetoes: Document | None) -> Iterator[str]:
    standing = [f"{who} ({why})" for who, why in (vetoes or {}).items() if why and why != "none"]
    yield ", ".join(standing) if standing else ("none" if vetoes else "")


def _pauses(pauses: Document | None) -> Iterator[str]:
    if not pauses:
        return
    paused = ["everything"] if pauses.get("all") else []
    symbols = pauses.get("symbols") or {}
    names = {at: f"{at} ({symbol})" for symbol, at in symbols.items()}
    for kind, ids in (
        ("instruments", [names.get(at, at) for at in pauses.get("instruments") or ()]),
        ("not in the feed", [symbol for symbol, at in symbols.items() if not at]),
        ("strategies", pauses.get("strategies") or ()),
    ):
        if ids:
            more = f" and {len(ids) - 10} more" if len(ids) > 10 else ""
            paused.append(f"{kind} {', '.join(map(str, ids[:10]))}{more}")
    yield "; ".join(paused) or "none"


def _gateway(gateway: Document | None) -> Iterator[str]:
    if not gateway:
        return
    names = {
        "open_orders": "open orders",
        "intents_would_send": "would send",
        "intents_refused": "refused",
        "epoch_latched": "epoch latched",
        "drained": "drained epoch",
    }
    told = [f"{text} {gateway[name]:,}" for name, text in names.items() if name in gateway]
    if "reconciled" in gateway:
        told.append("reconciled" if gateway["reconciled"] else "NOT reconciled")
    yield ", ".join(told)


def _orders(orders: Document | None) -> Iterator[str]:
    if not orders:
        return
    counted = orders.get("counted") or {}
    venue = f"venue {orders.get('venue_session')}" if orders.get("venue") else "no venue"
    told = [
        venue,
        f"open {orders.get('open_orders', 0):,}",
        f"unacknowledged {orders.get('unacknowledged', 0):,}",
    ]
    if counted:
        told += [
            f"positions {counted.get('positions', 0):,}",
            f"value {counted.get('marked_value', 0):+,.2f}",
        ]
    taken = "" if orders.get("limits_taken") or not orders.get("venue") else " (NOT taken by the gateway)"
    told.append(f"limits sequence {orders.get('limits_sequence', 0)}{taken}")
    yield ", ".join(told)
    if orders.get("sent_after_close"):
        yield f"NOT WELL: {orders['sent_after_close']} orders sent after the fence was closed"
    if counted.get("disagreement"):
        yield f"NOT WELL: {counted['disagreement']}"


def _daemons(daemons: Document) -> Iterator[tuple[str, Iterator[str]]]:
    """Each daemon with its loops, whose columns are as wide as the widest of all."""
    rows = {
        name: [_loop(loop) for loop in (daemon or {}).get("loops") or ()] for name, daemon in daemons.items()
    }
    widths = [
        max(map(len, column)) for column in zip(*(row for of in rows.values() for row in of), strict=True)
    ]
    for name, daemon in daemons.items():
        table = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows[name]
        )
        yield name, iter([_daemon(daemon), *table])


def _daemon(daemon: Document | None) -> str:
    if not daemon:
        return "not seen"
    pid = daemon.get("pid")
    alive = "" if daemon.get("alive") else ", NOT alive"
    registered = "" if daemon.get("registered") else ", not registered"
    return f"pid {pid}{alive}{registered}" if pid else f"not running{registered}"


def _loop(loop: Document) -> list[str]:
    """Always as many cells; "" for what is not known."""
    counts = (("iterations", "rounds"), ("consumed", "consumed"), ("produced", "produced"), ("lag", "lag"))
    ages = (("silent_ms", "silent"), ("heartbeat_age_ms", "heartbeat"))
    return [
        str(loop.get("name", "")),
        str(loop.get("state", "")),
        *("" if loop.get(name) is None else f"{text} {loop[name]:,}" for name, text in counts),
        *("" if loop.get(name) is None else f"{text} {_ms(loop[name])}" for name, text in ages),
    ]


def _watchd(document: Document) -> Iterator[str]:
    watchd = document.get("watchd")
    if not watchd:
        yield document.get("text", "does not answer")
        return
    pid = f"pid {watchd['pid']}, " if "pid" in watchd else ""
    passes = f"{pid}{watchd.get('passes', 0):,} passes, {watchd.get('passes_late', 0):,} late"
    yield f"{passes}, longest stall {_ms(watchd.get('longest_stall_ms', watchd.get('longest_gap_ms')))}"
    if document.get("state_durable") is False:
        yield "the state is NOT known to be on disk → docs/RUNBOOK.md#state-not-durable"


def _counts(counts: Document | None) -> Iterator[str]:
    yield ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in (counts or {}).items() if value != ""
    )


def _blockers(document: Document) -> Iterator[str]:
    if document.get("state") == "disarmed":
        yield from (f"blocked: {blocker}" for blocker in document.get("arm_blockers") or ())


def _next(document: Document) -> Iterator[str]:
    """The one thing to do, and where it is explained."""
    state = document.get("state")
    if document.get("watchd") is None:
        yield "→ docs/RUNBOOK.md#watchd-does-not-answer; to stop all the same: watchd ctl kill"
    elif state == "killed":
        yield (
            f"→ docs/RUNBOOK.md#{document.get('reason', '')}; then: watchd ctl clear --by NAME --reason TEXT"
        )
    elif state in _IN_PROGRESS:
        yield f"{state}: look again in a moment"
    elif state == "disarmed" and document.get("arm_blockers"):
        yield "→ docs/RUNBOOK.md#arm-blockers"
    elif state == "disarmed":
        yield "next: watchd ctl arm --by NAME"


def _ms(value: object) -> str:
    if not isinstance(value, int | float):
        return "?"
    if value < 1000:
        return f"{value:.1f} ms"
    seconds = value / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
