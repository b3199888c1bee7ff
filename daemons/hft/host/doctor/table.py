"""Results as a table for people, as JSON for programs, as a script of what would help."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hft.host.doctor.check import Result, Severity, State
from hft.host.doctor.checks.fixes import TUNED_PROFILE

_WORDS = {
    State.PASSED: ("yes", "green"),
    State.FAILED: ("NO", "red"),
    State.HIDDEN: ("?", "yellow"),
    State.NOT_ASKED: ("-", "dim"),
}


def print_table(results: list[Result], console: Console, *, everything: bool) -> None:
    """Condition, required, current, severity, passed; what the plan does not ask for only with `everything`."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("condition", "required", "current", "severity", "passed"):
        table.add_column(title, overflow="fold")
    for result in results:
        if result.state is State.NOT_ASKED and not everything:
            continue
        word, style = _WORDS[result.state]
        if result.state is State.FAILED and result.severity is not Severity.FATAL:
            style = "yellow"
        table.add_row(
            Text(result.check.condition), Text(result.required), Text(result.current), str(result.severity),
            Text(word, style),
        )  # fmt: skip
    console.print(table)


def print_reasons(results: list[Result], console: Console) -> None:
    """For each that is not passed: why it matters and where to read on."""
    for result in results:
        if result.state in (State.FAILED, State.HIDDEN):
            console.print(Text(f"\n{result.check.id}: {result.check.reason}"))
            console.print(Text(f"  {result.check.document}", "dim"))


def document(results: list[Result], config_path: Path, profile: str, *, fit: bool) -> dict[str, Any]:
    """What `--json` prints and `--report` writes."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "profile": profile,
        "fit": fit,
        "checks": [
            {
                "id": result.check.id,
                "condition": result.check.condition,
                "required": result.required,
                "current": result.current,
                "severity": str(result.severity),
                "state": str(result.state),
                "reason": result.check.reason,
                "document": result.check.document,
                "fix": [line.replace("{config}", str(config_path)) for line in result.check.fix],
                "by_hand": result.check.by_hand.replace("{config}", str(config_path)),
            }
            for result in results
        ],
    }


def as_json(results: list[Result], config_path: Path, profile: str, *, fit: bool) -> str:
    return json.dumps(document(results, config_path, profile, fit=fit), indent=2, ensure_ascii=False)


def fix_script(results: list[Result], config_path: Path, profile: str) -> str:
    """A shell script; each line once, in the order of the checks. Nothing is run by us.

    What is only worth knowing is a comment, and so is the tuned profile where the plan does not ask for one.
    """
    lines = [
        "#!/bin/sh",
        "# What would help, by `hft doctor --fix-script`: read it before you run it, as root.",
        "set -eu",
    ]
    seen: set[str] = set()
    for result in results:
        if result.state is not State.FAILED:
            continue
        check = result.check
        lines += ["", f"# {check.id}: {check.condition}. Now: {result.current}"]
        if check.by_hand:
            lines.append(f"# by hand: {check.by_hand.replace('{config}', str(config_path))}")
        for line in check.fix:
            filled = line.replace("{config}", str(config_path))
            why_not = (
                "above" if filled in seen else "if you want it" if check.severity is Severity.INFO else ""
            )
            if line == TUNED_PROFILE and profile != "isolated":
                why_not = 'after host.profile = "isolated", see hft tune plan'
            lines.append(f"# ({why_not}) {filled}" if why_not else filled)
            seen.add(filled)
    return "\n".join(lines) + "\n"
