"""The gate, bucket and duplicate window in C++ against their twins in Python; every branch of the gate; its mutants."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gate_mutants as mutants
import gate_pipe as pipe
import numpy as np
import pytest
from gate_cases import FIELDS

from hft.layout.dtypes import RefusalReason

ROOT = Path(__file__).resolve().parents[3]
CASES = 1_000_000
REASONS = (
    RefusalReason.NONE,
    RefusalReason.MALFORMED_INTENT,
    *(
        reason
        for reason in RefusalReason
        if RefusalReason.NOT_ALLOWED <= reason <= RefusalReason.MESSAGE_RATE
    ),
)
EACH_MIN = CASES // 100
PASSED_MIN = CASES // 20


@pytest.fixture(scope="session")
def driver(gate_build: Path) -> Path:
    return gate_build / "tests" / "gate_driver"


@pytest.mark.slow
def test_gate_and_twin_agree_on_a_million_cases_and_every_rule_is_met(driver: Path) -> None:
    met = np.zeros(256, np.int64)
    for words in pipe.gate_chunks(20_261_128, CASES):
        expected, got = pipe.expected_refusals(words), pipe.gate_refusals(driver, words)
        assert len(got) == len(expected)
        if (wrong := np.flatnonzero(got != expected)).size:
            case = dict(zip(FIELDS, words[wrong[0]].tolist(), strict=True))
            pytest.fail(
                f"{RefusalReason(got[wrong[0]])!r}, the twin says {RefusalReason(expected[wrong[0]])!r}: {case}"
            )
        met += np.bincount(expected, minlength=256)
    report = {RefusalReason(reason).name: int(met[reason]) for reason in np.flatnonzero(met)}
    print(json.dumps(report))
    assert met.sum() == CASES
    assert set(report) == {reason.name for reason in REASONS}
    rare = {
        name: count for name, count in report.items() if count < (PASSED_MIN if name == "NONE" else EACH_MIN)
    }
    assert rare == {}


def test_orders_pass_although_the_account_is_beyond_its_gross_limit_when_they_do_not_add_to_it(
    driver: Path,
) -> None:
    words = next(pipe.gate_chunks(5, 50_000))
    passed = words[pipe.gate_refusals(driver, words) == RefusalReason.NONE]
    column = {name: passed[:, index] for index, name in enumerate(FIELDS)}
    beyond = column["gross_others"] > column["gross_max"]
    assert np.count_nonzero(beyond) >= 5
    assert (column["gross_max"] > 0).all()


def test_bucket_and_twin_agree_to_the_token(driver: Path) -> None:
    assert pipe.bucket_differences(driver, 7) == 0


@pytest.mark.parametrize("window_ns", [0, 1, 1000, 10**9])
def test_with_few_orders_the_window_is_exact(driver: Path, window_ns: int) -> None:
    rng = np.random.default_rng(window_ns)
    seen = 0
    for _ in range(50):
        got, true = pipe.duplicate_answers(driver, window_ns, pipe.few_orders(rng, window_ns, 200))
        assert got.tolist() == true.tolist()
        seen += int(true.sum())
    assert (seen > 500) == (window_ns > 0)


@pytest.mark.parametrize("orders", [1000, 8192, 40_000])
def test_however_many_orders_none_that_was_sent_within_the_window_is_forgotten(
    driver: Path, orders: int
) -> None:
    window_ns = 10**9
    steps = pipe.flood(np.random.default_rng(orders), window_ns, orders)
    got, true = pipe.duplicate_answers(driver, window_ns, steps)
    assert np.count_nonzero(true) > 1000
    assert np.flatnonzero(true & ~got).size == 0
    too_many = np.flatnonzero(got & ~true)
    if orders == 1000:
        assert too_many.size == 0
    last = steps[-1][5]
    assert [steps[i] for i in too_many if steps[i][5] == last and steps[i][0] == 0] == [], (
        "blind after the window"
    )


def test_every_branch_of_the_gate_is_taken(gate_build: Path, tmp_path: Path) -> None:
    """gcov over generated cases: no line, no side of any condition is left out."""
    includes = mutants.includes(gate_build)
    source = ROOT / mutants.GATE
    subprocess.run(
        ["g++", "-std=c++20", "-O0", "--coverage", *includes, mutants.DRIVER, source, "-o", tmp_path / "driver"],
        check=True, cwd=tmp_path,
    )  # fmt: skip
    for words in pipe.gate_chunks(11, 100_000):
        pipe.gate_refusals(tmp_path / "driver", words)
    (notes,) = tmp_path.glob("*gate.gcda")
    done = subprocess.run(
        ["gcov", "--json-format", "--stdout", "--branch-probabilities", notes],
        check=True, cwd=tmp_path, capture_output=True,
    )  # fmt: skip
    report = json.loads(done.stdout)
    (gate,) = [file for file in report["files"] if file["file"].endswith("risk/gate.cpp")]
    branches = [
        (line["line_number"], branch["count"])
        for line in gate["lines"]
        for branch in line["branches"]
        if not branch["throw"]
    ]
    assert len(branches) > 80
    assert [line for line, count in branches if count == 0] == []
    assert [line["line_number"] for line in gate["lines"] if line["count"] == 0] == []


def test_the_benchmark_times_orders_that_pass_and_judges_them(driver: Path, tmp_path: Path) -> None:
    assert driver.is_file()
    command = [sys.executable, ROOT / "bench" / "gate.py", "--rounds", "2", "--json", tmp_path / "gate.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    document = json.loads((tmp_path / "gate.json").read_text())
    assert done.returncode == int(document["missed"]), done.stderr
    assert set(document["rows"]) == {"clock", "gate", "whole"}
    for figures in document["rows"].values():
        assert 0 < figures["p50"] <= figures["p99"] <= figures["p999"]
    assert document["rows"]["gate"]["p50"] > document["rows"]["clock"]["p50"]
    assert document["rows"]["whole"]["p50"] < 5000


@pytest.mark.slow
@pytest.mark.timeout(900)  # thirty compilations beside whatever else runs
def test_a_sample_of_mutants_is_killed(gate_build: Path, tmp_path: Path) -> None:
    """`make mutants` runs them all; its last result is in docs/GATE.md."""
    made = mutants.all_mutants()
    assert len(made) > 150
    run = mutants.Run(gate_build, tmp_path)
    assert run.unchanged() == []
    chosen = np.random.default_rng().choice(len(made), 12, replace=False)
    survived = [made[i] for i in chosen if not made[i].equivalent and run.verdict(made[i]) == ""]
    assert survived == []


def test_every_equivalent_mutant_that_is_excused_exists() -> None:
    made = mutants.all_mutants()
    assert mutants.unused_excuses(made) == []
