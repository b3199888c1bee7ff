"""The deadlines of DESIGN 10, a few repetitions with generous limits; `make kill-bench` measures the distribution."""

from __future__ import annotations

import warnings

import kill_bench

REPETITIONS = 3
# Seen: 1 to 12 ms. Other work and the hypervisor take whole cores away for 100 ms at times.
LIMIT_MS = 250.0


def test_a_frozen_and_an_asked_for_kill_come_soon_after_their_deadline() -> None:
    settings = kill_bench.VARIANTS["normal scheduling, a pass every 10 ms"] | {"deadline_ms": 250}
    worst = {}
    for attempt in range(2):
        samples = kill_bench.measure(settings, REPETITIONS)
        beyond = 250.0 - kill_bench.DEADLINE_MS
        worst = {
            name: max(values) - (beyond if name.startswith("frozen") else 0.0)
            for name, values in samples.items()
        }
        if max(worst.values()) < LIMIT_MS:
            break
        warnings.warn(f"attempt {attempt + 1}: {worst}", stacklevel=1)
    assert max(worst.values()) < LIMIT_MS, worst
    assert min(samples["frozen: fence closed, beyond the deadline"]) > 0.0
