"""`hft bench tick`: every tick answered, stages in order, verdict and exit code as one."""

from __future__ import annotations

import json

import pytest

from braind.bench_tick import TARGETS, TICKS_A_ROUND
from hft import cli


def test_the_verdict_is_the_exit_code_and_every_round_is_in_the_json(tmp_path, capsys):
    code = cli.main(["bench", "tick", "--rounds", "3", "--json", str(tmp_path / "tick.json")])
    said = json.loads((tmp_path / "tick.json").read_text())
    assert code == (1 if said["missed"] else 0)
    assert set(said["figures"]) == set(TARGETS)
    for name, (target, more, _) in TARGETS.items():
        met = said["figures"][name] >= target if more else said["figures"][name] <= target
        assert met == (name not in said["missed"])
    assert len(said["rounds_us"]) == 3
    for one in said["rounds_us"]:
        assert one["missed"] < TICKS_A_ROUND
        assert 0 < one["p50"] <= one["p99"] <= one["p999"] <= one["max"]
        # Bucketed stamps of the loop are up to 1/16 low; the writer's include the way back.
        assert one["publish → consumed"] < one["publish → emitted"] <= 1.1 * one["p50"]
        assert one["model"] > 0
    assert "publish → intent visible" in capsys.readouterr().out


@pytest.mark.parametrize(("p50", "expected"), [(2.4, 0), (2.6, 1)])
def test_a_missed_target_is_an_exit_code_of_one(monkeypatch, p50, expected):
    rounds = [{"p50": p50, "p99": 5.0, "p999": 6.0, "max": 7.0, "missed": 0.0, "preempted": 0.0}]
    sustained = {"events_per_second": [2e7], "decisions_per_second": [1e6]}
    monkeypatch.setattr("braind.bench_tick.measure_latency", lambda _rounds: rounds)
    monkeypatch.setattr("braind.bench_parts.measure_sustained", lambda *_: sustained)
    assert cli.main(["bench", "tick"]) == expected
