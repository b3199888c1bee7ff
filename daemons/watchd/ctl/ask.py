"""The verbs that watchd decides on: ask, show, exit code. `clear` takes the operator's veto back afterwards.

A kill of one instrument or strategy is two of them.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from hft import _native
from watchd.ctl.arguments import TIMEOUT_OTHERWISE_S, TIMEOUT_S, Options
from watchd.ctl.settings import Settings
from watchd.ctl.wire import NoAnswer, ask
from watchd.ctl_words import EXIT_DONE, EXIT_NO_ANSWER, EXIT_NOT_PERMITTED, EXIT_OF_CODE, EXIT_REFUSED

Veto = tuple[int, int, int, int]


class Asked:
    """An answer with what it means for this command."""

    def __init__(self, document: dict[str, Any], exit_code: int) -> None:
        self.document = document
        self.exit_code = exit_code

    def text(self) -> str:
        lines = [str(self.document.get("text", ""))]
        lines += [f"  - {blocker}" for blocker in self.document.get("arm_blockers", [])]
        if self.exit_code == EXIT_NO_ANSWER:
            lines.append("→ docs/RUNBOOK.md#watchd-does-not-answer")
        elif self.exit_code == EXIT_NOT_PERMITTED:
            lines.append("→ docs/RUNBOOK.md#not-permitted")
        elif self.exit_code == EXIT_REFUSED and "arm_blockers" in self.document:
            lines.append("→ docs/RUNBOOK.md#arm-blockers")
        return "\n".join(lines)


def ask_watchd(options: Options, settings: Settings) -> Asked:
    """Any verb. A watchd that does not answer is an answer with the code ``no_answer``."""
    try:
        document = ask(settings.ctl_socket, options)
    except NoAnswer as error:
        text = f"watchd does not answer: {error}" if not error.not_permitted else str(error)
        exit_code = EXIT_NOT_PERMITTED if error.not_permitted else EXIT_NO_ANSWER
        code = "not_permitted" if error.not_permitted else "no_answer"
        return Asked({"ok": False, "code": code, "text": text}, exit_code)
    return Asked(document, EXIT_OF_CODE.get(document["code"], EXIT_REFUSED))


def clear(options: Options, settings: Settings) -> Asked:
    """watchd first, then the veto: when it ends between the two, the gateway still refuses.

    Only the veto that stood when the command began is taken back. One that came since is another person's kill.
    """  # noqa: D403 (the daemon's name is written small)
    seen = _or_none(lambda: _native.read_operator_veto(settings.veto))
    asked = ask_watchd(options, settings)
    if asked.exit_code != EXIT_DONE:
        return asked
    problem = _take_back(settings.veto, seen)
    asked.document["operator_veto_cleared"] = not problem
    if problem:
        asked.exit_code = EXIT_REFUSED
        text = f"{asked.document.get('text', '')}\nbut the operator's veto stands: {problem}"
        asked.document |= {"ok": False, "text": f"{text}\n→ docs/RUNBOOK.md#operator-veto-left-set"}
    return asked


def kill_one(options: Options, settings: Settings) -> Asked:
    """A pause, which outlives restarts, then everything of it cancelled. Without the first the second is not asked."""
    steps: list[dict[str, Any]] = []
    for verb in ("pause", "cancel-all"):
        step = copy(options)
        step.verb = verb
        if options.timeout_s == TIMEOUT_S["kill"]:
            step.timeout_s = TIMEOUT_OTHERWISE_S
        asked = ask_watchd(step, settings)
        steps.append(asked.document)
        if asked.exit_code != EXIT_DONE:
            break
    text = "\n".join(str(document.get("text", "")) for document in steps)
    if asked.exit_code != EXIT_DONE:
        text += "\nnot all of it was done: `watchd ctl kill` alone stops everything, with watchd or without"
    return Asked({**asked.document, "text": text, "steps": steps}, asked.exit_code)


def _take_back(path: str, seen: Veto | None) -> str:
    """The problem, "" when no veto stands (any more)."""
    try:
        if _native.read_operator_veto(path)[0] == 0:
            return ""
        if seen is None or not _native.clear_operator_veto(path, seen):
            return "somebody has set it while you cleared; look at `watchd ctl status`"
    except _native.RegionMissing:
        return ""  # watchd makes a new one, without a veto; until then the gateway refuses
    except _native.RegionError as error:
        return str(error)
    return ""


def _or_none(read: Callable[[], Veto]) -> Veto | None:
    try:
        return read()
    except _native.RegionError:
        return None
