"""What the tests of the monitor look at."""

from __future__ import annotations

from world import World

from watchd.states import Phase


def phase(world: World) -> Phase:
    assert world.monitor is not None
    return world.monitor.phase


def reason(world: World) -> str:
    assert world.monitor is not None
    return world.monitor.record.reason


def noted(world: World, event: str) -> list[dict[str, object]]:
    return [note.fields for note in world.notes if note.event == event]
