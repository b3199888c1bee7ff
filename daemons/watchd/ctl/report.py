"""`watchd ctl report`: the last kill, step by step, from `<state_directory>/last_kill.json`.

    {"reason", "detail", "by", "uid", "at", "epoch", "open_orders",
     "steps": [{"step": "fence closed", "after_ms": 0.004, "ok": true, "text": "…"}, …], …}

`after_ms` counts from the moment in which the kill was decided. Other keys are shown as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from watchd.ctl.arguments import Options
from watchd.ctl.settings import Settings
from watchd.ctl_words import EXIT_DONE, EXIT_NOT_PERMITTED, EXIT_REFUSED

_IN_THE_HEAD = ("reason", "detail", "by", "at", "epoch", "steps")


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
    lines += [_step_line(step) for step in document.get("steps") or () if isinstance(step, Mapping)]
    lines += [f"  {name}: {_plain(value)}" for name, value in document.items() if name not in _IN_THE_HEAD]
    return "\n".join([*lines, f"→ docs/RUNBOOK.md#{reason}"])


def _step_line(step: Mapping[str, Any]) -> str:
    after_ms = step.get("after_ms")
    when = f"{after_ms:12.3f} ms" if isinstance(after_ms, int | float) else f"{'–':>12}   "
    mark = "" if step.get("ok", True) else "  FAILED"
    text = f"  {step['text']}" if step.get("text") else ""
    return f"{when}  {step.get('step', '')}{mark}{text}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
