"""The recorder's statistics, in `<run>/recorder/stats` (docs/METRICS.md)."""

from __future__ import annotations

from hft.journal.blocks import RINGS
from hft.journal.facts import SnapshotFollower
from hft.journal.follow import Followers
from hft.journal.writer import JournalWriter
from hft.layout.dtypes import JournalStream, LossReason
from hft.stats import StatsBuilder, StatsWriter

# Two threads write: the recorder's own, and the one that waits for fsync.
_RECORDER, _SYNC = 0, 1


class RecorderStats:
    """Declares the region's values and fills them."""

    def __init__(self, path: str, require_huge_pages: bool) -> None:
        """Raises RegionError."""
        builder = StatsBuilder()
        streams = {int(stream): JournalStream(stream).name.lower() for stream in RINGS}
        self._records = {
            stream: builder.counter("recorder_records_total", "records", _RECORDER, f'stream="{name}"')
            for stream, name in streams.items()
        }
        self._lost = {
            (stream, int(reason)): builder.counter(
                "recorder_lost_total", "records", _RECORDER,
                f'stream="{name}",reason="{reason.name.lower()}"',
            )
            for stream, name in streams.items()
            for reason in LossReason if reason
        }  # fmt: skip
        self._lag = {
            stream: builder.gauge("recorder_lag_records", "records", _RECORDER, f'stream="{name}"')
            for stream, name in streams.items()
        }
        self._generation = {
            stream: builder.gauge("recorder_generation", "generation", _RECORDER, f'stream="{name}"')
            for stream, name in streams.items()
        }
        self._blocks = builder.counter("recorder_blocks_total", "blocks", _RECORDER)
        self._passes = builder.counter("recorder_passes_total", "passes", _RECORDER)
        self._checkpoints = builder.counter("recorder_checkpoints_total", "checkpoints", _RECORDER)
        self._missed = builder.counter("recorder_checkpoints_missed_total", "checkpoints", _RECORDER)
        self._segments = builder.gauge("recorder_segments", "segments", _RECORDER)
        self._dropped = builder.counter("recorder_segments_dropped_total", "segments", _RECORDER)
        self._bytes = builder.gauge("recorder_journal_bytes", "bytes", _RECORDER)
        self._limit = builder.gauge("recorder_limit_bytes", "bytes", _RECORDER)
        self._full = builder.gauge("recorder_limit_reached", "bool", _RECORDER)
        self._torn_bytes = builder.gauge("recorder_torn_bytes", "bytes", _RECORDER)
        self._torn_records = builder.gauge("recorder_torn_records", "records", _RECORDER)
        self._sync = builder.histogram("recorder_sync_ns", "ns", _SYNC)
        self._writer: StatsWriter = builder.create(path, require_huge_pages)

    def begun(self, limit_bytes: int, torn_bytes: int, torn_records: int) -> None:
        """The limit, and what was cut off at the end of an earlier recording."""
        self._writer.set(self._limit, limit_bytes)
        self._writer.set(self._torn_bytes, torn_bytes)
        self._writer.set(self._torn_records, torn_records)

    def wrote(self, stream: int, records: int) -> None:
        """A block went into the journal."""
        self._writer.add(self._blocks)
        if stream in self._records:
            self._writer.add(self._records[stream], records)
        elif stream == JournalStream.CHECKPOINT:
            self._writer.add(self._checkpoints)

    def dropped(self) -> None:
        """The oldest segment went away for the limit."""
        self._writer.add(self._dropped)
        self._writer.set(self._full, 1)

    def full(self) -> None:
        """The limit is reached and the policy is to stop."""
        self._writer.set(self._full, 1)

    def synced(self, nanoseconds: int) -> None:
        """An fsync took this long. From the fsync thread."""
        self._writer.record(self._sync, nanoseconds)

    def passed(self, followers: Followers, checkpoints: SnapshotFollower, writer: JournalWriter) -> None:
        """The state of things after a pass."""
        self._writer.add(self._passes)
        for ring in followers.rings:
            stream = ring.source.stream
            self._writer.set(self._lag[stream], ring.lag_records)
            self._writer.set(self._generation[stream], ring.generation)
            for reason, count in ring.lost.items():
                self._writer.set(self._lost[stream, reason], count)
        self._writer.set(self._missed, checkpoints.missed)
        self._writer.set(self._segments, writer.segments)
        self._writer.set(self._bytes, writer.total_bytes)
