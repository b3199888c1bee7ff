"""`hft jitter`: measures what interrupts a core that only spins. Exit codes: 0 measured, 1 not, or above --max-us."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console

from hft.config import ConfigError, load
from hft.host import cpulist
from hft.host.jitter.draw import document, print_jitter
from hft.host.jitter.measure import CoreJitter, CoreUnusable, measure
from hft.host.jitter.peers import peers
from hft.host.places import core_plan
from hft.host.tree import Tree

DEFAULT_CONFIG = Path("/etc/hft/hft.toml")
SECONDS_MAX = 86_400.0
BORROW = "systemd-run --slice=hft-hot.slice --pipe --wait -q"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, help=f"measures the plan's hot cores (default {DEFAULT_CONFIG}, if there)"
    )
    parser.add_argument("--cores", metavar="LIST", help="which ones, e.g. 2-4,8")
    parser.add_argument("--seconds", type=float, default=10.0, help="for how long (default %(default)s)")
    parser.add_argument(
        "--threshold-us", type=float, default=1.0, help="what counts as an interruption (default %(default)s)"
    )
    parser.add_argument("--max-us", type=float, help="exit code 1 when an interruption was longer")
    parser.add_argument(
        "--alone", action="store_true", help="without oslat and rtla, also where they are installed"
    )
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    try:
        cores, roles = _cores(arguments)
        threshold_ns = _threshold_ns(arguments)
        if not arguments.json:
            print(f"cores {cpulist.render(cores)}, {arguments.seconds:g} s …", file=sys.stderr)
        results = measure(cores, arguments.seconds, threshold_ns, Tree())
    except CoreUnusable as error:
        # A tuned host keeps people's shells off the hot cores (AllowedCPUs= of user.slice), so they borrow the suite's.
        print(f"hft jitter: {error}; if a slice keeps you off: {BORROW} hft jitter …", file=sys.stderr)
        return 1
    except (ConfigError, ValueError) as error:
        print(f"hft jitter: {error}", file=sys.stderr)
        return 1
    others = [] if arguments.alone else peers(cores, arguments.seconds)
    if arguments.json:
        print(json.dumps(document(results, roles, threshold_ns, others), indent=2))
    else:
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        print_jitter(results, roles, threshold_ns, others, console)
    return _judged(results, arguments.max_us)


def _threshold_ns(arguments: argparse.Namespace) -> int:
    """Raises ValueError, also for a duration out of range."""
    if not 0 < arguments.seconds <= SECONDS_MAX:
        raise ValueError(f"--seconds: {arguments.seconds} is not within 0 … {SECONDS_MAX:.0f}")
    if not 1e-3 <= arguments.threshold_us <= 1e6:
        raise ValueError(f"--threshold-us: {arguments.threshold_us} is not within 0.001 … 1000000")
    return int(arguments.threshold_us * 1000)


def _cores(arguments: argparse.Namespace) -> tuple[list[int], dict[int, str]]:
    """What to measure, and what the plan uses it for. Raises ConfigError, ValueError."""
    path = arguments.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    roles = {core: name for name, core in core_plan(load(path)).hot.items()} if path else {}
    if arguments.cores is not None:
        cores = sorted(cpulist.parse(arguments.cores))
        if not cores:
            raise ValueError("--cores: names none")
        return cores, roles
    return sorted(roles) or sorted(os.sched_getaffinity(0)), roles


def _judged(results: list[CoreJitter], max_us: float | None) -> int:
    above = [result for result in results if max_us is not None and result.gaps.max > max_us * 1000]
    for result in above:
        print(f"hft jitter: core {result.core}: {result.gaps.max / 1000:.1f} µs", file=sys.stderr)
    return 1 if above else 0
