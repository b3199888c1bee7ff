"""ITCH throughput of feedd's market path on one thread, against the targets of docs/TARGETS.md.

    .venv/bin/python bench/itch_throughput.py [--messages N] [--instruments N] [--passes N] [--json FILE]

Judged on a generated regular-session mix; the real pre-market capture, where it is at hand, is reported beside it
(96 % of it is administrative, so it flatters). Figures are nanoseconds of CPU time of the one thread, the best of
the passes: on a machine whose cores are shared, the wall clock measures the others.

Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REAL_DAY = ROOT.parent / "shared" / "data" / "itch50" / "20191230_premarket.itch50.gz"
BUILD = ROOT / "build" / "tests"

PUBLISH_MESSAGES_A_SECOND_MIN = 10_000_000
DECODE_TO_WALK_MAX = 3.0
STAGES = ("walk", "decode", "publish")


def build() -> Path:
    """The benchmark binary. Raises CalledProcessError with the compiler's words on its way."""
    python = f"-DPython_EXECUTABLE={sys.executable}"
    subprocess.run(["cmake", "--preset", "tests", python], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    command = ["cmake", "--build", str(BUILD), "-j2", "--target", "itch_throughput"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return BUILD / "bench" / "itch_throughput"


def generate(path: Path, messages: int, instruments: int) -> None:
    paperd = Path(sys.executable).with_name("paperd")
    size = ["--messages", str(messages), "--instruments", str(instruments)]
    subprocess.run(
        [paperd, "generate", "--pure-mix", "--seed", "1", *size, path], check=True, stdout=subprocess.DEVNULL
    )


def measure(binary: Path, capture: Path, passes: int) -> dict[str, Any]:
    done = subprocess.run(
        [binary, capture, "--passes", str(passes)], check=True, stdout=subprocess.PIPE, text=True
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def judged(measured: dict[str, Any]) -> list[str]:
    """What was missed, in words."""
    missed = []
    ratio = measured["decode"]["cpu_ns"] / measured["walk"]["cpu_ns"]
    rate = measured["publish"]["messages_per_cpu_second"]
    if ratio > DECODE_TO_WALK_MAX:
        missed.append(
            f"decode takes {ratio:.2f} × the walk over the framing, more than {DECODE_TO_WALK_MAX} ×"
        )
    if rate < PUBLISH_MESSAGES_A_SECOND_MIN:
        missed.append(
            f"{rate / 1e6:.2f} M messages/s published, fewer than {PUBLISH_MESSAGES_A_SECOND_MIN / 1e6} M"
        )
    return missed


def show(name: str, measured: dict[str, Any]) -> None:
    print(f"{name}: {measured['messages']:,} messages in {measured['packets']:,} packets")
    for stage in STAGES:
        figures = measured[stage]
        rate = figures["messages_per_cpu_second"] / 1e6
        print(
            f"  {stage:<8} {figures['cpu_ns']:8.2f} ns CPU  {figures['wall_ns']:8.2f} ns wall  {rate:8.2f} M/s"
        )
    print(f"  decode / walk {measured['decode']['cpu_ns'] / measured['walk']['cpu_ns']:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=4_000_000)
    parser.add_argument("--instruments", type=int, default=500)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    binary = build()
    results = {}
    with tempfile.TemporaryDirectory(prefix="itch_throughput.") as directory:
        day = Path(directory) / "generated.itch50"
        generate(day, arguments.messages, arguments.instruments)
        results["generated"] = measure(binary, day, arguments.passes)
        if REAL_DAY.exists():
            real = Path(directory) / "real.itch50"
            real.write_bytes(gzip.decompress(REAL_DAY.read_bytes()))
            results["real"] = measure(binary, real, arguments.passes)
    show(f"generated regular-session mix, {arguments.instruments} instruments", results["generated"])
    if "real" in results:
        show("real pre-market capture (not judged)", results["real"])
    missed = judged(results["generated"])
    for problem in missed:
        print(f"MISSED: {problem}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"missed": missed, **results}, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
