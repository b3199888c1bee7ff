"""Idling: a core of our own spins, a shared one is given back."""

from __future__ import annotations

import pytest

from braind import idle
from braind.idle import SLEEP_MAX_S, SLEEP_MIN_S, Idle


@pytest.fixture
def calls(monkeypatch):
    made = []
    monkeypatch.setattr(idle.time, "sleep", made.append)
    return made


def test_spinning_never_gives_the_core_away(calls):
    spin = Idle("spin")
    for _ in range(1000):
        spin.after(0)
    assert calls == []


def test_backing_off_sleeps_longer_and_longer_up_to_a_limit(calls):
    backoff = Idle("backoff")
    for _ in range(10):
        backoff.after(0)
    assert calls[:2] == [SLEEP_MIN_S, 2 * SLEEP_MIN_S]
    assert calls[-1] == SLEEP_MAX_S


def test_work_starts_it_over(calls):
    backoff = Idle("backoff")
    for _ in range(3):
        backoff.after(0)
    calls.clear()
    backoff.after(1)
    backoff.after(0)
    assert calls == [SLEEP_MIN_S]
