"""`hft bench ring`: the arithmetic of its verdicts, and one short run of the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hft.bench.verdict import (
    BARE,
    BYTECODE,
    COMPILED,
    ICEORYX2,
    ZEROMQ_BLOCKING,
    ZEROMQ_SPINNING,
    Round,
    Row,
    distance,
    figures,
    targets,
)
from hft.cli import main

SHARED_MEMORY = Path("/dev/shm")
GOOD = {
    BARE: 45.0,
    COMPILED: 90.0,
    BYTECODE: 100.0,
    ICEORYX2: 1200.0,
    ZEROMQ_SPINNING: 15e3,
    ZEROMQ_BLOCKING: 46e3,
}


def _row(*rounds: tuple[float, float, float]) -> Row:
    """Rounds of 100 equal latencies: (latency, bare before, bare after)."""
    return Row("x", [Round(np.full(100, latency), before, after) for latency, before, after in rounds])


def test_all_targets_are_met_by_good_figures() -> None:
    judged = targets(GOOD)
    assert [round(target.ratio or 0, 1) for target in judged] == [2.0, 150.0, 12.0]
    assert all(target.met for target in judged)


@pytest.mark.parametrize(
    ("row", "p50_ns", "missed"), [(COMPILED, 226.0, 0), (BYTECODE, 151.0, 1), (ICEORYX2, 999.0, 2)]
)
def test_a_figure_beyond_its_limit_misses_its_target(row: str, p50_ns: float, missed: int) -> None:
    assert not targets({**GOOD, row: p50_ns})[missed].met


def test_zeromq_is_judged_by_its_quicker_way() -> None:
    assert targets({**GOOD, ZEROMQ_BLOCKING: 12e3})[1].ratio == 120.0


def test_a_peer_that_was_not_measured_is_not_beaten() -> None:
    without = {name: p50 for name, p50 in GOOD.items() if name != ICEORYX2}
    assert not targets(without)[2].met


def test_figures_come_from_the_quietest_tenth_of_the_rounds() -> None:
    row = _row(*[(100.0 + i, 45.0, 45.0) for i in range(40)])
    told = figures(row, 45.0)
    assert (told["p50"], told["max"], told["rounds_used"], told["samples"]) == (101.5, 103.0, 4, 400)
    assert told["p50_all_rounds"] == 119.5


def test_rounds_during_which_the_cores_moved_are_left_out() -> None:
    row = _row((10.0, 200.0, 45.0), (20.0, 45.0, 200.0), *[(100.0, 45.0, 46.0)] * 3)
    assert figures(row, 45.0)["p50"] == 100.0
    assert figures(row, None)["p50"] == 20.0


def test_the_nearest_distance_that_every_row_met_quietly_is_judged_at() -> None:
    near, far = (100.0, 45.0, 45.0), (400.0, 210.0, 210.0)
    both = _row(*[near] * 3, *[far] * 9)
    assert distance([both, both]) == 45.0
    disturbed_when_near = _row(*[(5e6, 45.0, 45.0)] * 3, *[far] * 9)
    assert distance([both, disturbed_when_near]) == 210.0
    assert distance([both, _row(*[near] * 2, *[far] * 2)]) is None
    assert distance([Row("empty")]) is None


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="hand-over between cores needs two of them")
def test_a_peer_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert main(["bench", "ring"]) == 2
    assert "make bench" in capsys.readouterr().err


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
