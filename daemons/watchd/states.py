"""The suite's states and the reasons for leaving them, by name."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from hft.layout.dtypes import CloseReason


class SuiteState(StrEnum):
    """What the state file can say."""

    DISARMED = "disarmed"
    ARMED = "armed"
    KILLED = "killed"


class Phase(StrEnum):
    """What the monitor is doing: the three states and the ways between them."""

    DISARMED = "disarmed"
    ARMING = "arming"  # `armed` is on its way to the disk, the fence is still closed
    ARMED = "armed"
    DISARMING = "disarming"  # the fence is closed, the gateway has not confirmed that nothing is open
    KILLING = "killing"
    KILLED = "killed"


def reason_name(reason: Any) -> str:
    """`CloseReason.LOOP_SILENT` -> ``loop_silent``."""
    return str(CloseReason(int(reason)).name.lower())


def is_kill(reason: Any) -> bool:
    """Whether closing for this reason latches `killed`."""
    return int(reason) >= int(CloseReason.OPERATOR)
