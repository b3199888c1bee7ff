"""watchd's own statistics, in `<run>/watchd/stats`: readable after its death like everybody's."""

from __future__ import annotations

from pathlib import Path

from hft.layout.dtypes import CloseReason
from hft.stats import StatsBuilder
from watchd.heartbeats import REJECTIONS, Heartbeats
from watchd.limits import PRICE_UNITS
from watchd.liveness import LOOP_NAMES, READY
from watchd.monitor import Monitor
from watchd.states import is_kill
from watchd.tally import TallyLook


class Metrics:
    """Declares the region's values and makes it."""

    def __init__(self, path: Path, require_huge_pages: bool) -> None:
        """Raises RegionError."""
        builder = StatsBuilder()
        self._pass_ns = builder.histogram("watchd_pass_ns", "ns")
        self._gap_ns = builder.histogram("watchd_pass_gap_ns", "ns")
        self._late = builder.counter("watchd_passes_late_total", "passes")
        self._silence = {
            (daemon, loop): builder.gauge(
                "watchd_loop_silent_max_ns", "ns", 0, f'daemon="{daemon}",loop="{loop}"'
            )
            for daemon, loops in LOOP_NAMES.items()
            for loop in loops
        }
        self._heartbeat_age = {
            (daemon, loop): builder.gauge(
                "watchd_heartbeat_age_ns", "ns", 0, f'daemon="{daemon}",loop="{loop}"'
            )
            for daemon, loops in LOOP_NAMES.items()
            for loop in loops
        }
        self._heartbeats = {
            (daemon, index): builder.counter(
                "watchd_heartbeats_total", "heartbeats", 0, f'daemon="{daemon}",loop="{loop}"'
            )
            for daemon, loops in LOOP_NAMES.items()
            for index, loop in enumerate(loops)
        }
        self._rejected = {
            reason: builder.counter("watchd_heartbeats_rejected_total", "heartbeats", 0, f'reason="{reason}"')
            for reason in REJECTIONS
        }
        self._refused = builder.counter("watchd_registrations_refused_total", "registrations")
        self._requests = builder.counter("watchd_requests_total", "requests")
        self._kills = {
            int(reason): builder.counter("watchd_kills_total", "kills", 0, f'reason="{reason.name.lower()}"')
            for reason in CloseReason
            if is_kill(reason)
        }
        self._locked = builder.gauge("watchd_memory_locked", "bool")
        self._realtime = builder.gauge("watchd_realtime_priority", "priority")
        self._tally = {
            "updates": builder.counter("watchd_tally_updates_total", "records"),
            "lost_records": builder.counter("watchd_tally_lost_total", "records"),
            "rebuilds": builder.counter("watchd_tally_rebuilds_total", "rebuilds"),
            "positions": builder.gauge("watchd_tally_positions", "instruments"),
        }
        self._loss = builder.gauge("watchd_tally_loss", "currency")
        self._disagree = builder.gauge("watchd_tally_disagrees", "bool")
        self._limits = builder.gauge("watchd_limits_sequence", "sequence")
        self._writer = builder.create(str(path), require_huge_pages)
        self._silent_max: dict[tuple[str, str], int] = {}
        self._heard: dict[tuple[str, int], int] = {}

    def set_privileges(self, locked: bool, realtime_priority: int) -> None:
        self._writer.set(self._locked, int(locked))
        self._writer.set(self._realtime, realtime_priority)

    def add_refused(self) -> None:
        self._writer.add(self._refused)

    def add_kill(self, reason: int) -> None:
        self._writer.add(self._kills[reason])

    def add_pass(
        self,
        monitor: Monitor,
        heartbeats: Heartbeats,
        requests: int,
        pass_ns: int,
        gap_ns: int,
        tally: TallyLook | None,
    ) -> None:
        """After each pass. The silence gauges keep the longest silence of a READY loop: the margin."""
        writer = self._writer
        writer.record(self._pass_ns, pass_ns)
        writer.record(self._gap_ns, gap_ns)
        writer.set(self._late, monitor.late_passes)
        if requests:
            writer.add(self._requests, requests)
        writer.set(self._limits, monitor.limits.sequence)
        if tally is not None:
            self._add_tally(tally)
        for track in monitor.roster.tracks.values():
            for loop in track.loops:
                key = (track.name, loop.name)
                writer.set(self._heartbeat_age[key], loop.heartbeatless_ns)
                if loop.state == READY and loop.silent_ns > self._silent_max.get(key, 0):
                    self._silent_max[key] = loop.silent_ns
                    writer.set(self._silence[key], loop.silent_ns)
        for reason, count in heartbeats.rejected.items():
            writer.set(self._rejected[reason], count)
        for daemon, counts in heartbeats.accepted.items():
            for index, count in enumerate(counts):
                self._add_heard(daemon, index, count)

    def _add_tally(self, tally: TallyLook) -> None:
        for name, index in self._tally.items():
            self._writer.set(index, getattr(tally, name))
        self._writer.set(self._loss, max(0, -tally.marked_value) // PRICE_UNITS)
        self._writer.set(self._disagree, int(bool(tally.disagreement)))

    def _add_heard(self, daemon: str, index: int, count: int) -> None:
        before = self._heard.get((daemon, index), 0)
        if count != before:
            self._heard[daemon, index] = count
            self._writer.add(self._heartbeats[daemon, index], count - before if count > before else count)

    def retire(self) -> None:
        self._writer.retire()
