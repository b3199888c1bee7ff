"""`watchd halt`: kills when watchd has not, and leaves alone what watchd has settled."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from watchd import halt
from watchd.ctl.arguments import TIMEOUT_S


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """As systemd starts it. It looks for a successor briefly; one that is there may take its time to answer."""
    monkeypatch.setattr(halt, "SUCCESSOR_S", 0.3)
    monkeypatch.setattr(halt, "ANSWER_S", 20.0)
    monkeypatch.setitem(TIMEOUT_S, "kill", 20.0)
    monkeypatch.setenv("MONITOR_SERVICE_RESULT", "watchdog")
    monkeypatch.setenv("MONITOR_EXIT_CODE", "killed")
    monkeypatch.setenv("MONITOR_EXIT_STATUS", "ABRT")


def run(site: Any) -> int:
    return halt.main(["--unit", "hft-feedd.service", "--config", str(site.config)])


def test_a_closed_fence_leaves_nothing_to_do(
    site: Any, watchd: Callable, braind: Callable, capsys: pytest.CaptureFixture
) -> None:
    fake, child = watchd(state="killed", fence={"open": False}), braind()
    assert run(site) == 0
    assert "hft-feedd.service failed: watchdog (ABRT); the fence is closed" in capsys.readouterr().out
    assert {request["verb"] for request in fake.seen} == {"status"}
    assert (site.veto.veto, child.poll()) == (0, None)


def test_a_fence_that_stays_open_is_killed_through_watchd(site: Any, watchd: Callable) -> None:
    fake = watchd(state="armed", fence={"open": True})
    assert run(site) == 0
    assert fake.seen[-1]["verb"] == "kill"
    assert (fake.seen[-1]["by"], fake.seen[-1]["reason"]) == (
        "systemd",
        "hft-feedd.service failed: watchdog (ABRT)",
    )
    assert site.veto.veto != 0


def test_without_watchd_braind_is_killed_and_the_veto_set(site: Any, braind: Callable) -> None:
    child: subprocess.Popen[str] = braind()
    assert run(site) == 69
    assert child.wait(5) == -9
    assert site.veto.veto != 0


def test_when_nothing_runs_nothing_is_killed(site: Any, capsys: pytest.CaptureFixture) -> None:
    assert run(site) == 0
    assert "neither watchd nor feedd nor braind runs" in capsys.readouterr().out
    assert site.veto.veto == 0


def test_a_unit_that_a_dependency_kept_from_starting_is_said_so(
    site: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("MONITOR_SERVICE_RESULT", "success")
    run(site)
    assert "hft-feedd.service did not start;" in capsys.readouterr().out
