"""Progress of the hot loops, as each loop counts its own rounds.

`hft_loop_unmoved_seconds` is the exporter's own observation: how long ago a scrape first saw the present number of
rounds. Its resolution is the time between scrapes, and a loop that stood still before the first one counts from
there. watchd judges by the same words every few milliseconds; this is for people.
"""

from __future__ import annotations

from typing import Final

from hft.layout.dtypes import LoopState
from hft.regions import Region, RegionError, read_control_record
from watchd.exporter.control import Now
from watchd.exporter.readings import Reading, counter, gauge, one_hot

LOOPS_MAX: Final = 16
LOOP_STATES: Final = tuple(state.name.lower() for state in LoopState)
# In the order of the daemon's progress records (schema/control.fbs); others are called by their index.
LOOP_NAMES: Final = {"feedd": ("market", "gateway"), "braind": ("brain",)}


class ProgressReader:
    """Reads one daemon's progress region and remembers when each loop last moved."""

    def __init__(self, daemon: str) -> None:
        self._daemon = daemon
        self._moved: dict[int, tuple[tuple[int, int], int]] = {}  # loop -> ((generation, rounds), seen at ns)

    def read(self, region: Region, now: Now) -> list[Reading]:
        """Raises RegionError for more loops than any daemon has."""
        count = region.capacity_records
        if count > LOOPS_MAX:
            raise RegionError(f"{region.path}: {count} loops, at most {LOOPS_MAX} are believed")
        return [reading for loop in range(count) for reading in self._loop(region, loop, now)]

    def _loop(self, region: Region, loop: int, now: Now) -> list[Reading]:
        words = read_control_record(region, "LoopProgress", loop)
        names = LOOP_NAMES.get(self._daemon, ())
        labels = {"daemon": self._daemon, "loop": names[loop] if loop < len(names) else str(loop)}
        place = (region.generation, words["iterations"])
        if loop not in self._moved or self._moved[loop][0] != place:
            self._moved[loop] = (place, now.monotonic_ns)
        state = words["state"]
        state_name = LOOP_STATES[state] if state < len(LOOP_STATES) else "unknown"
        readings = [
            counter("hft_loop_iterations_total", words["iterations"], **labels),
            counter("hft_loop_consumed_total", words["consumed"], **labels),
            counter("hft_loop_produced_total", words["produced"], **labels),
            gauge("hft_loop_lag_records", words["lag_records"], **labels),
            gauge("hft_loop_unmoved_seconds", (now.monotonic_ns - self._moved[loop][1]) / 1e9, **labels),
            *one_hot("hft_loop_state", "state", LOOP_STATES, state_name, **labels),
        ]
        if words["state_ts_ns"]:
            stamp = now.utc_s(words["state_ts_ns"])
            readings.append(gauge("hft_loop_state_timestamp_seconds", stamp, **labels))
        return readings
