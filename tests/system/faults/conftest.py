"""Fixtures of the fault tests: material, suites, frozen threads. The harness is in tests/system/suite.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import people as people_module
import pytest
from material import Material
from people import ONE, People
from suite import HERE, Suite


@pytest.fixture(scope="session")
def three_users() -> People:
    """Skips, loudly, where daemons can not be started as three users."""
    return people_module.three_users()


@pytest.fixture
def suite(material: Material) -> Iterator[Suite]:
    """Nothing of it is started yet; everything is ended afterwards."""
    made = Suite(material, ONE)
    yield made
    made.end()


@pytest.fixture(scope="module")
def house(material: Material) -> Iterator[Suite]:
    """One suite for the tests of a module, each of which leaves it killed or whole: `armed()` puts it right."""
    made = Suite(material, ONE)
    yield made
    made.end()


@pytest.fixture
def freeze() -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Freezes a thread (tests/system/freeze.py) until the test is over."""
    helpers: list[subprocess.Popen[str]] = []

    def begin(thread_id: int) -> subprocess.Popen[str]:
        helper = subprocess.Popen(
            [sys.executable, HERE / "freeze.py", str(thread_id)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        helpers.append(helper)
        assert helper.stdout is not None
        if helper.stdout.readline() != "frozen\n":
            said = helper.communicate()[1]
            if "Operation not permitted" in said:
                pytest.skip(f"NOT TESTED: ptrace is not permitted here ({said.strip()[-200:]})")
            pytest.fail(said)
        return helper

    yield begin
    for helper in helpers:
        helper.kill()
        helper.communicate()
