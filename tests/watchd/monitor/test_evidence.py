"""What counts as proof that nothing is open or on its way out: counterexamples of the model, played to the monitor.

Names in capitals are the mutants of daemons/watchd/model that broke the same rule.
"""

from __future__ import annotations

import pytest
from world import World

from hft.layout.dtypes import CloseReason
from watchd.restore import restored
from watchd.state_file import StateRecord
from watchd.states import Phase, SuiteState


def phase(world: World) -> Phase:
    assert world.monitor is not None
    return world.monitor.phase


def seemingly_drained(world: World) -> World:
    """An armed suite whose gateway thread stands still since a look between the new epoch and its token."""
    world.feedd.loops[1].frozen = True
    world.gateway.drained, world.gateway.fence_open, world.gateway.open_orders = world.fence.epoch, False, 0
    return world


def test_what_was_seen_before_the_fence_was_closed_does_not_disarm() -> None:  # DRAINED_SEEN_BEFORE
    world = seemingly_drained(World().armed())
    world.send("disarm")
    world.watchd_pass()
    assert (phase(world), world.fence.token) == (Phase.DISARMING, 0)
    assert world.disk.queue == []
    world.gateway.drained = 0  # it moves on: that epoch is not drained, as it turns out
    world.run_ms(15)  # the next pass, before its silence is noticed
    assert (phase(world), world.disk.record.state) == (Phase.DISARMING, SuiteState.ARMED)


def test_what_was_seen_before_the_fence_was_closed_does_not_end_a_kill() -> None:
    world = seemingly_drained(World().armed())
    world.send("kill")
    world.watchd_pass()
    assert phase(world) is Phase.KILLING
    assert "drained" not in world.monitor.kill.steps_ns


def test_a_gateway_that_has_not_seen_the_closed_fence_keeps_the_suite_killed() -> None:  # CLEAR_WITHOUT_DRAIN
    world = World(state=SuiteState.KILLED).started()
    world.feedd.loops[1].frozen = True
    world.gateway.fence_open, world.gateway.open_orders = True, 0
    answer = world.clear()
    assert (answer["code"], phase(world)) == ("refused", Phase.KILLED)
    assert "has not seen yet that the fence is closed" in answer["text"]
    world.gateway.fence_open = False
    assert world.clear()["ok"]


def found(state: SuiteState, reason: str) -> StateRecord:
    return StateRecord(state, reason, "", "ada", 0, "2026-01-01T00:00:00+00:00", 3)


@pytest.mark.parametrize(
    ("record", "page_says", "page_must_say"),
    [
        (found(SuiteState.KILLED, "loop_silent"), 0, CloseReason.LOOP_SILENT),
        (found(SuiteState.KILLED, "of another build"), 0, CloseReason.OPERATOR),
        (found(SuiteState.KILLED, "disarmed"), 0, CloseReason.OPERATOR),
        (None, 0, CloseReason.STATE_UNREADABLE),
        (found(SuiteState.DISARMED, "disarmed"), int(CloseReason.OPERATOR), CloseReason.OPERATOR),
        (found(SuiteState.DISARMED, "disarmed"), int(CloseReason.DISARMED), 0),
        (found(SuiteState.ARMED, "none"), 0, 0),  # the monitor's first pass kills, and says so on the page
    ],
)
def test_a_killed_suite_is_killed_on_the_page_as_well(
    record: StateRecord | None, page_says: int, page_must_say: int
) -> None:  # PAGE_NOT_TOLD
    assert restored(record, "missing", page_says, 0, 0).kill_reason == int(page_must_say)
