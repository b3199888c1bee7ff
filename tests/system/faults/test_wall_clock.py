"""Somebody steps the wall clock by an hour, both ways, under an armed suite of the three real daemons: nothing happens.

A shim under each of them (tests/system/native/wall_clock.c) answers for CLOCK_REALTIME; the machine's clock stays.
"""

from __future__ import annotations

import struct
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from material import Material
from suite import DEADLINES, Suite, wait_until

from hft.layout.dtypes import LoopState
from hft.regions import monotonic_ns

SOURCE = Path(__file__).resolve().parents[1] / "native" / "wall_clock.c"
HOUR_S = 3600
OBSERVED_S = 1.5  # many renewals, several heartbeat intervals, publications and status reports
LEASE_MS = 5000  # nobody is to be killed here for what the machine does


class WallClock:
    """The file that the shim reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(bytes(16))
        path.chmod(0o666)

    def step_to(self, ahead_s: int) -> None:
        with self._path.open("r+b") as file:
            file.write(struct.pack("<q", ahead_s))

    @property
    def asked(self) -> int:
        return int(struct.unpack("<qQ", self._path.read_bytes())[1])


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "wall_clock.so"
    subprocess.run(
        ["cc", "-std=c11", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", SOURCE, "-o", library], check=True
    )
    return library


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> WallClock:
    return WallClock(tmp_path_factory.mktemp("clock") / "page")


@pytest.fixture(scope="module")
def armed(material: Material, shim: Path, clock: WallClock) -> Iterator[Suite]:
    made = Suite(material)
    made.environment = {"LD_PRELOAD": str(shim), "HFT_TEST_WALL_CLOCK": str(clock._path)}
    made.configure(**dict.fromkeys(DEADLINES, LEASE_MS))
    try:
        yield made.armed()
    finally:
        made.end()


def at_of_last_event(suite: Suite) -> datetime:
    return datetime.fromisoformat(suite.events("request")[-1]["at"])


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])
def test_a_step_of_the_wall_clock_changes_nothing(armed: Suite, clock: WallClock, ahead_s: int) -> None:
    epoch, asked = armed.status()["epoch"], clock.asked
    clock.step_to(ahead_s)
    deadline = time.monotonic() + OBSERVED_S
    leases = set()
    while time.monotonic() < deadline:
        now_ns, page = monotonic_ns(), armed.fence()
        assert page["token"] != 0
        assert now_ns < page["lease_deadline_ns"] < now_ns + HOUR_S * 10**9 // 2
        leases.add(page["lease_deadline_ns"])
        time.sleep(0.002)
    armed.wait_for_flow()
    assert len(leases) > 20, "the lease goes on being renewed"
    status = armed.status()
    assert (status["state"], status["epoch"]) == ("armed", epoch)
    for name in ("feedd", "braind"):
        for loop in status["daemons"][name]["loops"]:
            assert loop["state"] == LoopState.READY.name.lower()
    # What people read does follow the clock that they set, which also shows that the step was felt.
    assert clock.asked > asked
    armed.ask("pause", by="alice", scope={"instrument": 7})
    armed.ask("resume", by="alice", scope={"instrument": 7})
    wait_until(
        lambda: abs((at_of_last_event(armed) - datetime.now(UTC)).total_seconds() - ahead_s) < 60, "its time"
    )
    latency = armed.stats("feedd")["feedd_receive_to_publish_ns"]
    assert latency.percentile(50) < 10**9, "receive times are not an hour off"


def test_a_region_made_after_a_step_back_has_a_later_generation(armed: Suite, clock: WallClock) -> None:
    """Generations are made of the wall clock, and a token is bound to them: none may come twice."""
    clock.step_to(0)
    before = armed.gateway()
    generation = armed.status()["gateway"]["generation"]
    armed.kill("feedd")
    armed.wait_for_state("killed")
    clock.step_to(-HOUR_S)
    armed.start("feedd")
    wait_until(lambda: armed.status()["gateway"] is not None, "the new gateway is seen")
    assert armed.status()["gateway"]["generation"] > generation
    assert armed.gateway()["updates_generation"] > before["updates_generation"]
