"""No false kill in 20 seconds with every core overloaded; `make soak` is the long form (ten minutes)."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench"))
import overload_soak

SECONDS = 20.0
ORDERS = 20
PASS_MS = 10.0


@pytest.mark.slow
def test_an_overloaded_machine_is_no_reason_to_kill() -> None:
    for attempt in range(2):
        soak = overload_soak.run(SECONDS, overload_soak.DEADLINE_MS, realtime=False)
        overload_soak.show(soak)
        longest_gap_ms = soak.margin["time between two passes, longest"]["ms"]
        armed = soak.orders > ORDERS and soak.armed_s > SECONDS / 2
        if not soak.kills and armed and longest_gap_ms > PASS_MS:
            break
        warnings.warn(f"attempt {attempt + 1}: {soak}", stacklevel=1)
    assert soak.kills == {}
    assert soak.orders > ORDERS
    assert soak.armed_s > SECONDS / 2
    assert longest_gap_ms > PASS_MS, "the machine was not overloaded at all"
