"""`watchd ctl report`: the last kill, step by step, from `<state_directory>/last_kill.json`.

    {"reason", "detail", "by", "uid", "at", "epoch", "fence_was_open", "open_orders", "drained",
     "open_at_kill", "cancelled", "last_cancel_ms", "sent_after_fence", "in_window": […], "positions": […], …
     "steps_us": {"braind_signalled": 12, …}}        (written by watchd/documents.py and kill_orders.py)

Steps count in microseconds from the moment in which the kill was decided, which is when the fence was closed.
Keys that are not known here are shown as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from watchd.ctl.arguments import Options
from watchd.ctl.settings import Settings
from watchd.ctl_words import EXIT_DONE, EXIT_NOT_PERMITTED, EXIT_REFUSED

_ELSEWHERE = (
    "reason", "detail", "by", "at", "epoch", "steps_us", "positions", "in_window", "cancel_on_disconnect_relied_on",
    "feedd_died_by_itself", "open_when_feedd_died",
)  # fmt: skip
# step -> (as it should be, in words). The steps are those of watchd/killing.py.
STEPS = {
    "braind_signalled": (True, "SIGKILL sent to braind"),
    "braind_dead": (True, "braind is dead"),
    "braind_was_gone": (True, "there was no braind"),
    "braind_does_not_die": (False, "braind is still there: it waits in the kernel"),
    "drained": (True, "the gateway confirmed: closed, nothing open"),
    "drain_deadline": (False, "the gateway did not confirm in time: rely on cancel-on-disconnect"),
    "feedd_signalled": (True, "SIGKILL sent to feedd"),
    "feedd_dead": (True, "feedd is dead"),
    "feedd_was_gone": (False, "there was no feedd to cancel anything"),
    "feedd_does_not_die": (False, "feedd is still there: it waits in the kernel"),
}


def report(
    options: Options, settings: Settings, show: Callable[[str], None], complain: Callable[[str], None]
) -> int:
    """The exit code; 1 when there was no kill or its report can not be read."""
    path = f"{settings.state_directory}/last_kill.json"
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (as in settings.py)
            document = json.load(file)
    except FileNotFoundError:
        complain("there was no kill yet")
        return EXIT_REFUSED
    except PermissionError:
        complain(f"{path}: not permitted → docs/RUNBOOK.md#not-permitted")
        return EXIT_NOT_PERMITTED
    except (OSError, ValueError) as error:
        complain(f"{path}: can not be read: {error}")
        return EXIT_REFUSED
    if not isinstance(document, dict):
        complain(f"{path}: damaged")
        return EXIT_REFUSED
    show(json.dumps(document) if options.json else render(document))
    return EXIT_DONE


def render(document: Mapping[str, Any]) -> str:
    """Head, steps with their times, the rest, and where the reason is explained."""
    reason, detail = str(document.get("reason", "unknown")), document.get("detail")
    lines = [
        f"killed: {reason}" + (f": {detail}" if detail else ""),
        f"  by {document.get('by')}, at {document.get('at')}, epoch {document.get('epoch')}",
    ]
    steps = document.get("steps_us")
    steps = steps if isinstance(steps, Mapping) else {}
    lines += [_step_line(0, True, "fence closed")]
    lines += [_step_line(us, *STEPS.get(step, (True, step))) for step, us in steps.items()]
    lines += [f"  {name}: {_plain(value)}" for name, value in document.items() if name not in _ELSEWHERE]
    lines += _orders(document)
    return "\n".join([*lines, f"→ docs/RUNBOOK.md#{reason}"])


def _orders(document: Mapping[str, Any]) -> Iterator[str]:
    """What a person must act on, in words; then what we hold."""
    for order in document.get("in_window") or ():
        told = ", ".join(f"{name} {value}" for name, value in order.items())
        yield f"  sent while the fence was closing, cancelled at once: {told}"
    if document.get("sent_after_fence"):
        yield f"NOT WELL: {document['sent_after_fence']} orders were sent after the fence was closed"
    if document.get("feedd_died_by_itself"):
        left = document.get("open_when_feedd_died")
        yield f"NOT WELL: feedd died by itself, {left if left is not None else 'an unknown number of'} orders were open"
    if document.get("cancel_on_disconnect_relied_on"):
        yield "NOT WELL: what was open is left to the venue's cancel-on-disconnect: look at its own screen first"
    elif document.get("cancel_on_disconnect_relied_on", False) is None:
        yield "NOT KNOWN: whether orders were open, for no gateway was seen: look at the venue's own screen first"
    for held in document.get("positions") or ():
        name = held.get("symbol") or f"instrument {held.get('instrument_id')}"
        yield f"  position {name}: {held.get('position'):+,} at {held.get('mark_price')}"


def _step_line(after_us: object, fine: bool, text: str) -> str:
    when = f"{after_us / 1e3:12.3f} ms" if isinstance(after_us, int | float) else f"{'–':>12}   "
    return f"{when}  {'' if fine else 'NOT WELL: '}{text}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
