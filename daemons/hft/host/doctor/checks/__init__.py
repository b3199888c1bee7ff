"""Every check, in the order of the table: most costly mistakes first."""

from __future__ import annotations

from typing import Final

from hft.host.doctor.check import Check
from hft.host.doctor.checks import (
    clock,
    cores,
    files,
    interrupts,
    kernel,
    limits,
    machine,
    memory,
    nic,
    power,
)

CHECKS: Final[tuple[Check, ...]] = (
    *machine.CHECKS,
    *cores.CHECKS,
    *power.CHECKS,
    *memory.CHECKS,
    *clock.CHECKS,
    *interrupts.CHECKS,
    *nic.CHECKS,
    *kernel.CHECKS,
    *limits.CHECKS,
    *files.CHECKS,
)
