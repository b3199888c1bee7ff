"""The throughput benchmark runs to its end and is nowhere near a tenth of its target."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_market_path_keeps_the_order_of_magnitude(bench_build: Path, tmp_path: Path) -> None:
    assert bench_build.is_dir()
    out = tmp_path / "throughput.json"
    script = ROOT / "bench" / "itch_throughput.py"
    size = ["--messages", "300000", "--instruments", "50", "--passes", "3"]
    done = subprocess.run(
        [sys.executable, script, *size, "--json", out],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode in (0, 1), done.stderr
    figures = json.loads(out.read_text())
    assert figures["generated"]["messages"] == 300_000
    assert figures["generated"]["publish"]["messages_per_cpu_second"] > 1_000_000
    assert bool(figures["missed"]) == (done.returncode == 1)
