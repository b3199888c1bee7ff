"""`hft doctor`: reads, compares, says so; changes nothing.

Exit codes: 0 fit, 1 not fit (fatal findings; with --strict also warnings), or the configuration is refused.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import sdnotify  # type: ignore[import-untyped]
from rich.console import Console

from hft.config import ConfigError, load
from hft.host.doctor.check import Result, State
from hft.host.doctor.examine import examine, unfit
from hft.host.doctor.subject import Subject
from hft.host.doctor.table import as_json, fix_script, print_reasons, print_table
from hft.host.tree import Tree

DEFAULT_CONFIG = Path("/etc/hft/hft.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, help="the suite's configuration (default %(default)s)"
    )
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="a host laid down as files"
    )
    parser.add_argument("--strict", action="store_true", help="warnings make the host unfit, too")
    parser.add_argument("--all", action="store_true", help="also list what this plan does not ask for")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="also write the JSON there (for watchd exporter)"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true")
    how.add_argument("--fix-script", action="store_true", help="print commands that would help; none is run")
    how.add_argument(
        "--preflight", action="store_true", help="no table; reasons on standard error (hft-preflight.service)"
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        config = load(arguments.config)
    except ConfigError as error:
        print(f"hft doctor: {arguments.config}: {error}", file=sys.stderr)
        return 1
    results = examine(Subject(Tree(arguments.root), config, arguments.config))
    against = unfit(results, strict=arguments.strict)
    profile = config.host.profile
    report = as_json(results, arguments.config, profile, fit=not against)
    if arguments.report is not None:
        _write(arguments.report, report)
    if arguments.json:
        print(report)
    elif arguments.fix_script:
        print(fix_script(results, arguments.config, profile), end="")
    elif arguments.preflight:
        _say(results, against, profile)
    else:
        _show(results, against, everything=arguments.all)
    return 1 if against else 0


def _show(results: list[Result], against: list[Result], *, everything: bool) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    print_table(results, console, everything=everything)
    print_reasons(results, console)
    verdict = f"not fit to trade: {len(against)} findings" if against else "fit to trade"
    console.print(f"\n{verdict}")


def _say(results: list[Result], against: list[Result], profile: str) -> None:
    """One line a finding, what stands in the way last: `systemctl status` and `journalctl -n` show the end."""
    others = [r for r in results if r.state in (State.FAILED, State.HIDDEN) and r not in against]
    for result in [*others, *against]:
        wanted = f" (required: {result.required})" if result.required else ""
        level = _priority(3 if result in against else 5)
        print(
            f"{level}{result.severity}: {result.check.id}: {result.check.condition}: {result.current}{wanted};"
            f" {result.check.document}",
            file=sys.stderr,
        )
    if profile == "untuned":
        print(
            f'{_priority(4)}UNTUNED HOST: host.profile = "untuned" lets the suite start here; not for trading',
            file=sys.stderr,
        )
    if against:
        print(
            f"{_priority(3)}not fit to trade: hft doctor shows more, hft doctor --fix-script what would help;"
            ' [host] profile = "untuned" is for laptops and virtual machines',
            file=sys.stderr,
        )

    first = f": {against[0].check.id}: {against[0].current}" if against else ""
    sdnotify.SystemdNotifier().notify(f"STATUS={'not fit' if against else 'fit'} to trade{first}")


def _priority(level: int) -> str:
    """sd-daemon(3)'s prefix, where the journal reads it."""
    return f"<{level}>" if "JOURNAL_STREAM" in os.environ else ""


def _write(path: Path, text: str) -> None:
    """Whole or not at all, under a new name first. The verdict does not depend on it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
        )
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)  # whatever the umask: the exporter is another user
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        print(f"hft doctor: {path}: {error.strerror}; the report was not written", file=sys.stderr)
