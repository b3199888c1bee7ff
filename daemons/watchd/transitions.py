"""The monitor's one table of transitions. What is not in it can not happen: `follow` raises.

          ARM_ASKED             ARM_DURABLE
disarmed ───────────► arming ─────────────────► armed
    ▲  ▲                │ ARM_FAILED              │ CLOSE
    │  └────────────────┘ (disarming if the       ▼
    │        DISARM_DURABLE   disk may say armed)  disarming
    └───────────────────────────────────────────────┘
every phase ── KILL ──► killing ── KILL_DONE ──► killed ── CLEARED ──► disarmed
"""

from __future__ import annotations

from enum import StrEnum

from watchd.states import Phase


class Step(StrEnum):
    """What moves the suite from one phase to the next."""

    ARM_ASKED = "arm_asked"  # by a person or arm_on_start, with no blocker
    ARM_DURABLE = "arm_durable"  # `armed` is on the disk and still nothing blocks
    ARM_FAILED = "arm_failed"  # it is not, or something blocks by now
    CLOSE = "close"  # disarm, orderly stop, lapsed lease
    DISARM_DURABLE = "disarm_durable"  # nothing open, and `disarmed` is on the disk
    KILL = "kill"
    KILL_DONE = "kill_done"  # every step taken or given up at its deadline
    CLEARED = "cleared"  # a person acknowledged, and `disarmed` is on the disk


TRANSITIONS: dict[tuple[Phase, Step], Phase] = {
    (Phase.DISARMED, Step.ARM_ASKED): Phase.ARMING,
    (Phase.ARMING, Step.ARM_DURABLE): Phase.ARMED,
    (Phase.ARMING, Step.ARM_FAILED): Phase.DISARMING,
    (Phase.ARMED, Step.CLOSE): Phase.DISARMING,
    (Phase.DISARMING, Step.DISARM_DURABLE): Phase.DISARMED,
    (Phase.KILLING, Step.KILL_DONE): Phase.KILLED,
    (Phase.KILLED, Step.CLEARED): Phase.DISARMED,
    **{(phase, Step.KILL): Phase.KILLING for phase in Phase},
}


def follow(phase: Phase, step: Step) -> Phase:
    """The phase after `step`. Raises KeyError for a step that `phase` does not know."""
    return TRANSITIONS[phase, step]
