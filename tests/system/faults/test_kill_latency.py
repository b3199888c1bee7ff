"""The deadlines of DESIGN 10 in ten repetitions with generous limits; `make kill-bench` measures the distribution."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
from material import Material

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench"))
import kill_latency

REPETITIONS = 10
DEADLINE_MS = 250
# Seen: 1 to 20 ms. Other work and the hypervisor take whole cores away for 100 ms at times.
LIMIT_MS = 250.0
EARLY_MS = -20.0


@pytest.mark.slow
def test_a_frozen_and_an_asked_for_kill_come_soon_after_their_deadline(material: Material) -> None:
    assert material.day.exists()
    settings = kill_latency.VARIANTS["normal"] | {"deadline_ms": DEADLINE_MS, "lease_ms": DEADLINE_MS}
    worst: dict[str, float] = {}
    for attempt in range(2):
        samples, interruptions = kill_latency.measure(
            settings, REPETITIONS, hows=(kill_latency.frozen, kill_latency.asked)
        )
        worst = {name: max(values) for name, values in samples.items()}
        earliest_ms = min(samples["frozen: fence closed, beyond the deadline"])
        if max(worst.values()) < LIMIT_MS and earliest_ms > EARLY_MS:
            break
        warnings.warn(
            f"attempt {attempt + 1}: {worst}, earliest {earliest_ms} ms, interrupted by {interruptions}",
            stacklevel=1,
        )
    assert max(worst.values()) < LIMIT_MS, worst
    assert len(samples["frozen: dead, beyond the deadline"]) == REPETITIONS
    # Not before the deadline, but for the last round of the loop, which was before the signal.
    assert earliest_ms > EARLY_MS
