"""Whether watchd kills without cause: the real suite, armed and flowing, while other work overloads every core.

    .venv/bin/python bench/overload_soak.py [--seconds N] [--deadline-ms N] [--realtime] [--json FILE]

watchd, feedd, braind and paperd run on the same cores as two spinning processes a core and a compiler that never
rests. Nothing is wrong with any of them, so every kill is a false one: it is counted with its reason, and the suite is
put right and armed again. A lapsed lease is counted apart: that is watchd being starved, which it says of itself
and which blames nobody; arming undoes it. The margin is what watchd measured in its passes: how long the loops were
silent at most, and how far apart its own passes were, beside the deadlines.

Exit code 1 when there was a false kill, or when the suite was armed for less than half of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "system"))

import material
from suite import Interrupted, Suite

SPINNERS_A_CORE = 2
LOOK_INTERVAL_S = 0.2
DEADLINE_MS = 100  # as the demo on shared cores; a server with cores of its own keeps 30
# A unit that takes a compiler about a second: many functions, all different.
SOURCE = "\n".join(
    f"double f{i}(const double *x, int n) {{ double s = {i}; for (int k = 0; k < n; k += {i % 7 + 1}) "
    f"s += x[k] * (k % {i % 5 + 2}) + s / (k + {i + 1}); return s; }}"
    for i in range(400)
)
COMPILE_FOR_EVER = 'while cc -O2 -c "$1" -o "$1.o" 2> /dev/null; do :; done'


@dataclass
class Soak:
    """What happened. `kills` are false ones, by reason with the loop they blame."""

    armed_s: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    lapses: int = 0
    orders: int = 0
    margin: dict[str, dict[str, float]] = field(default_factory=dict)


@contextmanager
def overload() -> Iterator[None]:
    """Two spinning processes a core, and a compiler; all ended afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hft-soak.")))
        (folder / "unit.c").write_text(SOURCE)
        commands = [
            [sys.executable, "-c", "while True: pass"]
            for _ in range(SPINNERS_A_CORE * len(os.sched_getaffinity(0)))
        ]
        commands.append(["sh", "-c", COMPILE_FOR_EVER, "-", str(folder / "unit.c")])
        for command in commands:
            process = stack.enter_context(
                subprocess.Popen(["setpriv", "--pdeathsig=KILL", "--", *command], stdout=subprocess.DEVNULL)
            )
            stack.callback(process.kill)
        yield


def armed_suite(deadline_ms: int, *, realtime: bool) -> Suite:
    """Whole and armed before the others start; one that was killed on the way is replaced, for its figures' sake."""
    while True:
        suite = Suite(material.prepare())
        suite.configure(
            deadline_ms=deadline_ms, lease_ms=100, stall_deadline_ms=300, heartbeat_deadline_ms=300,
            realtime_priority=50 if realtime else 0,
        )  # fmt: skip
        try:
            return suite.armed(tries=1)
        except Interrupted as interrupted:
            print(f"  before it began: {str(interrupted)[:200]}", flush=True)
            suite.end()
        except BaseException:
            suite.end()
            raise


def run(seconds: float, deadline_ms: int, *, realtime: bool) -> Soak:
    """`seconds` of overload."""
    soak = Soak()
    suite = armed_suite(deadline_ms, realtime=realtime)
    try:
        with overload():
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                look(suite, soak, end)
        soak.margin = margin(suite, deadline_ms)
    finally:
        suite.end()
    return soak


def look(suite: Suite, soak: Soak, end: float) -> None:
    """Until the fence is closed or the time is over; a closed one is counted and opened again."""
    started, before = time.monotonic(), suite.gateway()["intents_would_send"]
    while suite.fence()["token"] and time.monotonic() < end:
        time.sleep(LOOK_INTERVAL_S)
        if not suite.alive("paperd"):
            suite.play()  # the next day
    soak.armed_s += time.monotonic() - started
    if suite.alive("feedd"):
        soak.orders += suite.gateway()["intents_would_send"] - before
    if suite.fence()["token"]:
        return
    suite.wait_for_state("killed", "disarmed")
    status = suite.status()
    print(f"  {status['state']}: {status['reason']}: {status['detail']}", flush=True)
    if status["state"] == "killed":
        soak.kills[f"{status['reason']} {status['detail'].split(':')[0]}"] += 1
    else:
        soak.lapses += 1
    while True:
        try:
            suite.armed()
        except Interrupted as interrupted:
            print(f"  while it was armed again: {str(interrupted)[:200]}", flush=True)
            if time.monotonic() > end:
                return
        else:
            return


def margin(suite: Suite, deadline_ms: int) -> dict[str, dict[str, float]]:
    """Milliseconds; `limit` is what each may reach."""
    stats = suite.stats("watchd")
    gap = stats["watchd_pass_gap_ns"]
    rows = {
        f"silence of {daemon}/{loop}, longest": {
            "ms": stats[f'watchd_loop_silent_max_ns{{daemon="{daemon}",loop="{loop}"}}'] / 1e6,
            "limit": float(deadline_ms),
        }
        for daemon, loop in (("feedd", "market"), ("feedd", "gateway"), ("braind", "brain"))
    }
    lease_ms = float(str(suite.sections["watchd"]["lease_ms"]))
    for name, value in (("p50", gap.percentile(50)), ("p99.9", gap.percentile(99.9)), ("longest", gap.max)):
        rows[f"time between two passes, {name}"] = {"ms": value / 1e6, "limit": lease_ms}
    return rows


def show(soak: Soak) -> None:
    print(f"{soak.armed_s:.0f} s armed, {soak.orders:,} orders would have been sent")
    kills = ", ".join(f"{count} × {reason}" for reason, count in soak.kills.items())
    print(f"false kills: {soak.kills.total()}{f' ({kills})' if kills else ''}; lapsed leases: {soak.lapses}")
    for name, row in soak.margin.items():
        print(f"  {name:<40} {row['ms']:8.2f} ms of {row['limit']:.0f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--deadline-ms", type=int, default=DEADLINE_MS)
    parser.add_argument("--realtime", action="store_true", help="watchd with SCHED_FIFO 50")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("HFT_CACHE_DIR", str(material.ROOT / "build" / "test-cache"))
    soak = run(options.seconds, options.deadline_ms, realtime=options.realtime)
    show(soak)
    if options.json:
        document: dict[str, Any] = {
            "seconds": options.seconds, "deadline_ms": options.deadline_ms, "realtime": options.realtime,
            "armed_s": round(soak.armed_s, 1), "orders": soak.orders, "kills": soak.kills, "lapses": soak.lapses,
            "margin_ms": soak.margin, "cores": os.cpu_count(), "load_after": os.getloadavg(),
        }  # fmt: skip
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if soak.armed_s < options.seconds / 2 or not soak.orders:
        print(
            f"too little was armed to judge by: {soak.armed_s:.0f} of {options.seconds:.0f} s",
            file=sys.stderr,
        )
        return 1
    return 1 if soak.kills else 0


if __name__ == "__main__":
    sys.exit(main())
