"""`hft bench ring`: the arithmetic of its verdicts, and one short run of the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hft.bench import ring
from hft.bench.ring import BARE, BYTECODE, COMPILED, ICEORYX2, ZEROMQ_BLOCKING, ZEROMQ_SPINNING

SHARED_MEMORY = Path("/dev/shm")
GOOD = {
    BARE: 45.0,
    COMPILED: 90.0,
    BYTECODE: 100.0,
    ICEORYX2: 1200.0,
    ZEROMQ_SPINNING: 15e3,
    ZEROMQ_BLOCKING: 46e3,
}


def test_all_targets_are_met_by_good_figures() -> None:
    judged = ring.targets(GOOD)
    assert [round(target.ratio or 0, 1) for target in judged] == [2.0, 150.0, 12.0]
    assert all(target.met for target in judged)


@pytest.mark.parametrize(
    ("row", "p50_ns", "missed"), [(COMPILED, 226.0, 0), (BYTECODE, 151.0, 1), (ICEORYX2, 999.0, 2)]
)
def test_a_figure_beyond_its_limit_misses_its_target(row: str, p50_ns: float, missed: int) -> None:
    assert not ring.targets({**GOOD, row: p50_ns})[missed].met


def test_zeromq_is_judged_by_its_quicker_way() -> None:
    assert ring.targets({**GOOD, ZEROMQ_BLOCKING: 12e3})[1].ratio == 120.0


def test_a_peer_that_was_not_measured_is_not_beaten() -> None:
    without = {name: p50 for name, p50 in GOOD.items() if name != ICEORYX2}
    assert not ring.targets(without)[2].met


def test_figures_come_from_the_quietest_tenth_of_the_rounds() -> None:
    row = ring.Row("x", lambda: np.zeros(1), [np.full(100, float(100 + i)) for i in range(20)])
    figures = row.figures()
    assert (figures["p50"], figures["max"], figures["rounds_used"], figures["samples"]) == (
        100.5,
        101.0,
        2,
        200,
    )
    assert figures["p50_all_rounds"] == 109.5


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="hand-over between cores needs two of them")
def test_a_short_run_measures_every_way_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = set(SHARED_MEMORY.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "hft.cli", "bench", "ring", "--seconds=1", "--json", tmp_path / "ring.json"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    document = json.loads((tmp_path / "ring.json").read_text())
    assert done.returncode == (0 if all(target["met"] for target in document["targets"]) else 1), done.stderr
    measured = document["latency_ns"]
    assert {BARE, COMPILED, BYTECODE, ZEROMQ_SPINNING, ZEROMQ_BLOCKING} <= set(measured)
    for row in measured.values():
        assert 0 < row["p50"] <= row["p99"] <= row["p999"] <= row["max"]
    assert not set(SHARED_MEMORY.glob("hft-bench.*")) - before
