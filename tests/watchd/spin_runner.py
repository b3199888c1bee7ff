"""Runs daemons/watchd/model/control.pml through spin: `spin -a`, a C compiler, and the verifier that comes out."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).resolve().parents[2] / "daemons" / "watchd" / "model" / "control.pml"
DEPTH_MAX = 1_000_000
MEMORY_MAX_MB = 12_000


@dataclass(frozen=True)
class Outcome:
    """What a search found. `failed`: the name beside the assertion, CYCLE for the claim, "" when nothing failed.

    `unreached`: statements (line, text) that no explored path came to.
    """

    failed: str
    states: int
    transitions: int
    depth: int
    complete: bool
    unreached: frozenset[tuple[str, str]]
    seconds: float

    def __str__(self) -> str:
        end = f"{self.failed} fails" if self.failed else "no error"
        size = f"{self.states:>11,} states {self.transitions:>12,} transitions {self.depth:>6,} deep"
        return f"{size} {self.seconds:6.1f} s  {end}"


def mutants() -> list[str]:
    """Names of the mutants in the model, in its order."""
    return list(dict.fromkeys(re.findall(r"^#.*\bMUTANT_([A-Z][A-Z_]+)", MODEL.read_text(), re.MULTILINE)))


def assertion_names() -> dict[int, str]:
    """Line -> the name in the comment beside the assertion there."""
    lines = MODEL.read_text().splitlines()
    return {
        number: found[1] if (found := re.search(r"/\* ([A-Z_]+) \*/$", line)) else ""
        for number, line in enumerate(lines, 1)
        if "assert(" in line
    }


def search(
    directory: Path, definitions: Mapping[str, int], *, claim: bool = False, compress: bool = False
) -> Outcome:
    """An exhaustive search in `directory`, which is used up. `claim`: of the LTL claim under weak fairness."""
    defines = [f"-D{name}={value}" for name, value in definitions.items()]
    shutil.copy(MODEL, directory)
    _run(directory, "spin", "-a", *defines, MODEL.name)
    options = ["-DVECTORSZ=128", f"-DMEMLIM={MEMORY_MAX_MB}", *(["-DCOLLAPSE"] if compress else [])]
    _run(directory, "cc", "-O1", "-w", *options, *([] if claim else ["-DSAFETY"]), "-o", "pan", "pan.c")
    # -E: a suite that stays killed is no deadlock. -A: the claim alone, without the assertions on the way.
    flags = ["-a", "-f", "-A"] if claim else ["-E"]
    started = time.monotonic()
    report = _run(directory, "./pan", *flags, f"-m{DEPTH_MAX}", "-w26" if not claim else "-w22")
    seconds = time.monotonic() - started
    for cut_short in ("max search depth too small", "out of memory", "truncated"):
        assert cut_short not in report, report
    failed = ""
    if "errors: 0" not in report:
        failed = "CYCLE" if claim else _failed_assertion(directory, defines)
    return Outcome(
        failed,
        _number(r"([\d.e+]+) states, stored", report),
        _number(r"([\d.e+]+) transitions", report),
        _number(r"depth reached (\d+)", report),
        "Search not completed" not in report,
        frozenset(re.findall(r'control\.pml:(\d+), state \d+, "(.*)"', report)),
        seconds,
    )


def _failed_assertion(directory: Path, defines: list[str]) -> str:
    """Name of the assertion at the end of the trail."""
    replay = _run(directory, "spin", "-t", *defines, MODEL.name, codes=(0, 1))
    return assertion_names()[_number(r"control\.pml:(\d+), Error: assertion violated", replay)]


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found, text
    return int(float(found[1]))  # large ones are printed as 2.3e+08


def _run(directory: Path, *command: str, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode in codes, f"{' '.join(command)}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout + done.stderr
