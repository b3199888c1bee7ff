"""From typing `watchd ctl kill` to the operator's veto, and to braind's death, without a watchd.

    .venv/bin/python bench/ctl_kill.py [--runs N] [--busy] [--json FILE]

"Typing" is the moment before the process is started. Beside it, as the limit of the same run: a Python that starts
and ends (`python -c pass`), with and without `site`. --busy adds two spinning processes a core. Judged is the median
of the quiet run against DESIGN's 100 ms; exit code 1 when it is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hft.layout.dtypes import RegionKind, dtype
from hft.regions import Region

TYPING_TO_VETO_MS_MAX = 100.0
WATCHD = Path(sys.executable).with_name("watchd")
BRAIND = """
import sys, time
from hft._native import DaemonLock
lock = DaemonLock(sys.argv[1])
print(flush=True)
time.sleep(600)
"""


def _milliseconds(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e3


def bare(*flags: str) -> float:
    """A Python that starts and ends."""
    return _milliseconds(lambda: subprocess.run([sys.executable, *flags, "-c", "pass"], check=True) and None)


class Installation:
    """A run directory with a veto page; no watchd."""

    def __init__(self, directory: Path) -> None:
        self.run = directory / "run"
        (self.run / "operator").mkdir(parents=True)
        self.config = directory / "hft.toml"
        self.config.write_text(f'[run]\ndirectory = "{self.run}"\ncontrol_directory = "{directory}"\n')
        size = dtype("VetoNote").itemsize
        self.veto = Region.adopt(str(self.run / "operator" / "veto"), RegionKind.VETO, size, mode=0o660)

    def kill(self) -> tuple[float, float]:
        """Milliseconds from typing to the veto and to the death of a braind."""
        self.veto.set_veto(0)
        stand_in = [sys.executable, "-c", BRAIND, str(self.run / "braind")]
        with subprocess.Popen(stand_in, stdout=subprocess.PIPE) as braind:
            assert braind.stdout is not None
            braind.stdout.readline()
            start = time.perf_counter()
            command = [WATCHD, "ctl", "kill", "--config", str(self.config)]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL):
                while self.veto.veto == 0:
                    time.sleep(0.0002)
                veto_ms = (time.perf_counter() - start) * 1e3
                braind.wait()
                return veto_ms, (time.perf_counter() - start) * 1e3


def measure(runs: int) -> dict[str, list[float]]:
    """Sorted milliseconds of each row, the rows taken in turn."""
    rows: dict[str, list[float]] = {
        name: []
        for name in ("python -I -S -c pass", "python -c pass", "typing → veto", "typing → braind dead")
    }
    with tempfile.TemporaryDirectory(prefix="ctl_kill.", dir="/dev/shm") as directory:
        installation = Installation(Path(directory))
        for _ in range(runs):
            veto_ms, dead_ms = installation.kill()
            for values, ms in zip(rows.values(), (bare("-I", "-S"), bare(), veto_ms, dead_ms), strict=True):
                values.append(ms)
    return {name: sorted(values) for name, values in rows.items()}


def show(title: str, rows: dict[str, list[float]]) -> None:
    print(title)
    for name, values in rows.items():
        p90 = values[len(values) * 9 // 10]
        print(
            f"  {name:<22} p50 {statistics.median(values):6.1f} ms   p90 {p90:6.1f} ms   max {values[-1]:6.1f} ms"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = {"quiet": measure(arguments.runs)}
    show(f"{arguments.runs} kills", results["quiet"])
    if arguments.busy:
        with ExitStack() as stack:
            for _ in range(2 * (os.cpu_count() or 1)):
                spinner = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
                stack.callback(spinner.kill)
            results["busy"] = measure(arguments.runs)
        show("the same with two spinning processes a core", results["busy"])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    p50 = statistics.median(results["quiet"]["typing → veto"])
    if p50 > TYPING_TO_VETO_MS_MAX:
        print(f"MISSED: typing → veto {p50:.0f} ms, more than {TYPING_TO_VETO_MS_MAX:.0f} ms")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
