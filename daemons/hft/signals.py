"""SIGTERM and SIGINT as a question that a loop asks."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType


def stop_on_signals() -> Callable[[], bool]:
    """From now on SIGTERM and SIGINT only make the returned function say True. Main thread only."""
    stop = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return lambda: stop
