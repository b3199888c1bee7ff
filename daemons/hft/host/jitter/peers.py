"""The same cores measured by others, where they are installed: a second opinion, in their own words.

oslat (Debian: rt-tests) spins as we do, and counts whole microseconds. osnoise (Debian: rtla) is the kernel's own
tracer: it needs root and a kernel with CONFIG_OSNOISE_TRACER, and knows interrupts, softirqs and threads apart.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hft.host import cpulist

GRACE_S = 60.0  # beyond the duration, for preheating and tear-down


@dataclass(frozen=True, slots=True)
class PeerResult:
    """`longest_us` by core; empty with the `problem` that kept the tool from measuring."""

    tool: str
    longest_us: dict[int, float]
    problem: str = ""


def peers(cores: list[int], duration_s: float) -> list[PeerResult]:
    """Those that are installed, one after the other, each for the same time."""
    seconds = max(1, round(duration_s))
    return [
        run(cores, seconds) for tool, run in (("oslat", _oslat), ("rtla", _osnoise)) if shutil.which(tool)
    ]


def _oslat(cores: list[int], seconds: int) -> PeerResult:
    with tempfile.TemporaryDirectory(prefix="hft-jitter.") as folder:
        out = Path(folder) / "oslat.json"
        words = [
            "oslat",
            "--cpu-list",
            cpulist.render(cores),
            "--duration",
            str(seconds),
            f"--json={out}",
            "-q",
        ]
        problem = _run(words, seconds)
        if problem:
            return PeerResult("oslat", {}, problem)
        return PeerResult("oslat", parse_oslat(out.read_text(encoding="utf-8")))


def _osnoise(cores: list[int], seconds: int) -> PeerResult:
    words = ["rtla", "osnoise", "top", "-c", cpulist.render(cores), "-d", f"{seconds}s", "-q"]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return PeerResult("osnoise", {}, str(error))
    longest = parse_osnoise(ran.stdout)
    return PeerResult("osnoise", longest, "" if longest else _last_line(ran.stderr or ran.stdout))


def _run(words: list[str], seconds: int) -> str:
    """The problem, "" for none."""
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return _last_line(ran.stderr or ran.stdout) if ran.returncode else ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "said nothing"


def parse_oslat(text: str) -> dict[int, float]:
    """Longest gap in µs by core, of `oslat --json`."""
    threads = json.loads(text)["thread"].values()
    return {int(thread["cpu"]): float(thread["max"]) for thread in threads}


def parse_osnoise(text: str) -> dict[int, float]:
    """Longest single noise in µs by core, of `rtla osnoise top` (CPU, period, runtime, noise, %, max, max single)."""
    rows = re.findall(r"^\s*(\d+)\s+#\d+\s+\d+\s+\d+\s+[\d.]+\s+\d+\s+(\d+)", text, re.MULTILINE)
    return {int(core): float(longest) for core, longest in rows}
