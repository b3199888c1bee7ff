"""The loop's thread on its core: taken, looked after, given up with a word."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from braind_process import NOBODY_ANSWERS, wait_until

from braind.pin import LOOK_INTERVAL_NS, Pin
from hft.config import ConfigError


@pytest.fixture
def cores() -> Iterator[list[int]]:
    allowed = os.sched_getaffinity(0)
    yield sorted(allowed)
    os.sched_setaffinity(0, allowed)


def test_a_thread_that_is_found_elsewhere_is_put_back(cores: list[int]) -> None:
    pin = Pin(cores[0])
    pin.take()
    assert os.sched_getaffinity(0) == {cores[0]}
    assert (pin.look(1), pin.in_place) == (set(), True)
    os.sched_setaffinity(0, set(cores))
    assert pin.look(2) == set(), "once a second"
    assert pin.look(1 + LOOK_INTERVAL_NS) == set(cores)
    assert (os.sched_getaffinity(0), pin.in_place) == ({cores[0]}, True)


def test_a_core_that_is_gone_is_said_to_be_and_one_that_comes_back_is_taken(
    cores: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = Pin(cores[0])
    pin.take()
    os.sched_setaffinity(0, set(cores))
    with monkeypatch.context() as gone:

        def refuse(*_: object) -> None:
            raise OSError

        gone.setattr(os, "sched_setaffinity", refuse)
        assert (pin.look(1), pin.in_place) == (set(cores), False)
    assert (pin.look(1 + LOOK_INTERVAL_NS), pin.in_place) == (set(cores), True)
    assert os.sched_getaffinity(0) == {cores[0]}


def test_a_core_that_is_not_there_is_a_wrong_configuration_and_none_is_none() -> None:
    with pytest.raises(ConfigError, match=r"cores\.brain"):
        Pin(4095).take()
    before = os.sched_getaffinity(0)
    nowhere = Pin(-1)
    nowhere.take()
    assert (nowhere.look(1), nowhere.in_place, os.sched_getaffinity(0)) == (set(), True, before)


def test_the_daemon_looks_after_its_thread(start, cores: list[int]) -> None:
    if len(cores) < 2:
        pytest.skip("NOT TESTED: one core only")
    braind = start(f'strategy = "{NOBODY_ANSWERS}"\n[cores]\nbrain = {cores[0]}\n').wait_ready()
    assert os.sched_getaffinity(braind.process.pid) == {cores[0]}
    os.sched_setaffinity(braind.process.pid, set(cores))
    wait_until(lambda: os.sched_getaffinity(braind.process.pid) == {cores[0]}, "its core")
    wait_until(lambda: braind.value("braind_thread_affinity_repairs_total") == 1, "the count")
    assert braind.value("braind_thread_affinity_ok") == 1
