"""The fence benchmark runs to its end, measures what it says, and is nowhere near ten times its targets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED_MEMORY = Path("/dev/shm")
SCRIPT = ROOT / "bench" / "fence.py"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the closer and the gateway need a core each")
def test_a_short_run_measures_every_row_and_leaves_nothing_behind(bench_build: Path, tmp_path: Path) -> None:
    assert bench_build.is_dir()
    before = set(SHARED_MEMORY.glob("hft-bench.*"))
    out = tmp_path / "fence.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--rounds", "3", "--json", out],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    document = json.loads(out.read_text())
    assert bool(document["missed"]) == (done.returncode == 1)
    assert set(document["rows"]) == {
        "clock", "before_send", "after_send", "checks", "answer", "bare", "idle", "busy",
    }  # fmt: skip
    for columns in document["rows"].values():
        for figures in columns.values():
            assert 0 < figures["p50"] <= figures["p99"] <= figures["p999"]
    assert document["rows"]["checks"]["best_round"]["p50"] < 5000
    assert document["rows"]["idle"]["best_round"]["p50"] < 10_000
    assert 0 < document["busy_passed_share"] < 1, "the gateway was answering when the fence closed"
    assert not set(SHARED_MEMORY.glob("hft-bench.*")) - before


@pytest.mark.parametrize("cores", ["0,0", "nonsense", "0,1023"])
def test_it_wants_two_different_cores(cores: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--cores", cores], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "needs two different ones" in done.stderr
