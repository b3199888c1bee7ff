"""The real braind comes to harm while it is armed: frozen, gone, crashed, looping, waiting for memory, out of its mind.

watchd and feedd go on living and the next braind takes over, as it would after each of these: so every test also
shows the way out, clear and arm.
"""

from __future__ import annotations

import signal
import struct
from collections.abc import Callable
from typing import Any

import pytest
from outcome import check_killed
from suite import Suite

from hft.layout.dtypes import CloseReason, VetoReason

IMBALANCE = "braind.strategies.imbalance:ImbalanceStrategy"
TRIGGER_OFFSET, PAGE_BYTES = 3 * 8, 4096


@pytest.fixture
def armed(house: Suite, request: Any) -> Suite:
    """With the strategy that the test names (indirect parameter), or the real one."""
    house.trigger.write_bytes(bytes(PAGE_BYTES))
    house.configure("braind", strategy=getattr(request, "param", IMBALANCE), model=str(house.material.model))
    return house.armed()


def pull_the_trigger(suite: Suite) -> None:
    with suite.trigger.open("r+b") as file:
        file.seek(TRIGGER_OFFSET)
        file.write(struct.pack("d", 1.0))


def test_stopped_it_is_killed(armed: Suite) -> None:
    armed.signal("braind", signal.SIGSTOP)
    check_killed(armed, CloseReason.LOOP_SILENT, "braind/brain: no round for")
    assert armed.processes["braind"].returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=["SIGKILL", "SIGSEGV"])
def test_ended_by_a_signal_it_takes_the_fence_with_it(armed: Suite, number: int) -> None:
    armed.signal("braind", number)
    check_killed(armed, CloseReason.PROCESS_DIED, "braind ended without saying so")


@pytest.mark.parametrize("armed", ["stuck:Looping"], indirect=True)
def test_an_endless_loop_in_its_compiled_policy_is_a_silence(armed: Suite) -> None:
    pull_the_trigger(armed)
    check_killed(armed, CloseReason.LOOP_SILENT, "braind/brain: no round for")
    assert armed.processes["braind"].returncode == -signal.SIGKILL


@pytest.mark.parametrize("armed", ["stuck:Touching"], indirect=True)
def test_memory_that_never_arrives_is_a_silence(armed: Suite) -> None:
    pull_the_trigger(armed)
    check_killed(armed, CloseReason.LOOP_SILENT, "braind/brain: no round for")


def test_heartbeats_that_stop_alone_are_a_miss_although_memory_shows_rounds(
    armed: Suite, freeze: Callable[[int], object]
) -> None:
    freeze(armed.thread("braind", "hft-watchd-link"))
    check_killed(armed, CloseReason.HEARTBEATS_LOST, "braind/brain: no heartbeat for")


def test_a_model_that_answers_nan_makes_it_veto_itself(house: Suite) -> None:
    """Armed before the day begins, because a mindless braind vetoes with its first decisions and is never armed."""
    house.kill("paperd", "braind")
    house.configure("braind", strategy=IMBALANCE, model=str(house.material.broken_model()))
    house.whole(play=False)
    if house.status()["state"] == "killed":
        house.clear()
    house.wait_until_armable()
    assert house.ask("arm", by="alice")["ok"]
    house.play()
    check_killed(house, CloseReason.BRAIND_VETO, f"veto reason {int(VetoReason.NUMBERS_NOT_FINITE)}")
    assert house.stats("braind")["braind_intents_total"] == 0
    assert "vetoed: no more intents until restart" in house.log("braind")
