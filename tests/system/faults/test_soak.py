"""No false kill in 20 seconds with every core overloaded; `make soak` is the long form (ten minutes)."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench"))
import overload_soak

SECONDS = 20.0


@pytest.mark.slow
def test_an_overloaded_machine_is_no_reason_to_kill() -> None:
    for attempt in range(2):
        soak = overload_soak.run(SECONDS, overload_soak.DEADLINE_MS, realtime=False)
        overload_soak.show(soak)
        if not soak.kills:
            break
        warnings.warn(f"attempt {attempt + 1}: {dict(soak.kills)}, margin {soak.margin}", stacklevel=1)
    assert soak.kills == {}
    assert soak.orders > 20
    assert soak.armed_s > SECONDS / 2
    assert soak.margin["time between two passes, longest"]["ms"] > 10.0, (
        "the machine was not overloaded at all"
    )
