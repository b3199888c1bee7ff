"""What the loop does after a round without work: nothing (`spin`), or sleep longer and longer (`backoff`).

It does not yield first, for the reason given in daemons/feedd/src/runtime/idle.hpp.
"""

from __future__ import annotations

import time
from typing import Literal

# Empty polls inside one compiled round before it returns to Python: about a millisecond on a core of our own,
# a few microseconds where the core is shared.
SPIN_POLLS = 200_000
BACKOFF_POLLS = 1_000

SLEEP_MIN_S = 10e-6
SLEEP_MAX_S = 200e-6


class Idle:
    """`polls_max` goes into the compiled round, `after(work)` comes behind it."""

    def __init__(self, mode: Literal["spin", "backoff"]) -> None:
        self._spin = mode == "spin"
        self.polls_max = SPIN_POLLS if self._spin else BACKOFF_POLLS
        self._sleep_s = SLEEP_MIN_S

    def after(self, work: int) -> None:
        """`work` is what the round did."""
        if self._spin:
            return
        if work:
            self._sleep_s = SLEEP_MIN_S
            return
        time.sleep(self._sleep_s)
        self._sleep_s = min(2 * self._sleep_s, SLEEP_MAX_S)
