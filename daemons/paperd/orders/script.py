"""A script of faults: requests of the control socket, one JSON object a line, each with the moment it waits for.

{"when": {"orders": 5}, "verb": "reject", "code": 31}         after the 5th enter order was received
{"when": {"sequence": 12}, "verb": "cut"}                     once message 12 of the stream exists
{"when": {"after_s": 1.5}, "verb": "mute", "what": "all"}     after the start
{"verb": "delay", "ms": 20}                                   at once
"""

import json
from pathlib import Path
from typing import Any

_MOMENTS = ("orders", "sequence", "after_s")
Line = tuple[str, float, dict[str, Any]]


class ScriptError(ValueError):
    """A line that is none; the text has its number."""


def load_script(path: Path) -> list[Line]:
    """Moment, its value, request. ScriptError or OSError."""
    return [
        _line(path, number, text)
        for number, text in enumerate(path.read_text().splitlines(), 1)
        if text.strip() and not text.lstrip().startswith("#")
    ]


def _line(path: Path, number: int, text: str) -> Line:
    try:
        request = json.loads(text)
    except ValueError:
        raise ScriptError(f"{path}:{number}: not JSON") from None
    if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
        raise ScriptError(f"{path}:{number}: no object with a verb")
    when = request.pop("when", {"after_s": 0})
    if not isinstance(when, dict) or len(when) != 1:
        raise ScriptError(f"{path}:{number}: when: one of {', '.join(_MOMENTS)}")
    ((moment, value),) = when.items()
    if moment not in _MOMENTS or not isinstance(value, int | float):
        raise ScriptError(f"{path}:{number}: when: one of {', '.join(_MOMENTS)}")
    return moment, value, request


class Script:
    """What is still to be done."""

    def __init__(self, lines: list[Line], start_ns: int) -> None:
        self._lines = lines
        self._start_ns = start_ns

    def due(self, orders: int, sequence: int, now_ns: int) -> list[dict[str, Any]]:
        """Requests whose moment has come, in the script's order; each is handed out once."""
        if not self._lines:
            return []
        now = {"orders": orders, "sequence": sequence, "after_s": (now_ns - self._start_ns) / 1e9}
        ready = [line for line in self._lines if now[line[0]] >= line[1]]
        self._lines = [line for line in self._lines if now[line[0]] < line[1]]
        return [request for _, _, request in ready]
