"""One pass after the other: what the rings have, what is new beside them, a PASS block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hft.journal.blocks import Block
from hft.journal.disk import Disk
from hft.journal.errors import JournalFull
from hft.journal.facts import SnapshotFollower, Symbols
from hft.journal.follow import Followers, Source
from hft.journal.reader import Journal
from hft.journal.stats import RecorderStats
from hft.journal.writer import JournalWriter, Limits
from hft.layout.dtypes import JournalStream, RegionKind
from hft.regions import monotonic_ns

# Market records a pass (8 MiB): the small rings are not kept waiting for longer.
RECORDS_A_PASS = 65_536
_MARKET, _CHECKPOINT = int(JournalStream.MARKET), int(JournalStream.CHECKPOINT)

# (event, fields) -> None: what is to be told to people.
Report = Callable[[str, dict[str, object]], None]


@dataclass(frozen=True)
class Options:
    """Where from, where to, how much."""

    run_directory: Path
    directory: Path
    limits: Limits


def _sources(run_directory: Path) -> list[Source]:
    """Inputs first, intents last: what an input caused is in the same pass as the input."""
    feedd, braind = run_directory / "feedd", run_directory / "braind"
    return [
        Source(braind / "inputs.ring", int(RegionKind.INPUTS_RING), int(JournalStream.INPUTS)),
        Source(feedd / "market.ring", int(RegionKind.MARKET_RING), _MARKET),
        Source(feedd / "updates.ring", int(RegionKind.UPDATES_RING), int(JournalStream.UPDATES)),
        Source(braind / "intents.ring", int(RegionKind.INTENTS_RING), int(JournalStream.INTENTS)),
    ]


class Recorder:
    """`do_pass` until told otherwise, then `close`. One thread, and the writer's."""

    def __init__(
        self, options: Options, stats: RecorderStats, report: Report, disk: Disk | None = None,
        threaded: bool = True,
    ) -> None:  # fmt: skip
        """Opens or continues the journal. Raises JournalError."""
        self._stats, self._report = stats, report
        run, directory = options.run_directory, options.directory
        self._identity = SnapshotFollower(
            run / "braind" / "identity", int(RegionKind.IDENTITY), int(JournalStream.IDENTITY)
        )
        self._checkpoint = SnapshotFollower(
            run / "braind" / "checkpoint", int(RegionKind.CHECKPOINT), _CHECKPOINT
        )
        self._symbols = Symbols(run / "feedd" / "market.board")
        self._followers = Followers([], {})
        self._writer = JournalWriter(directory, options.limits, self._preamble, self._observe, disk, threaded)
        reached = Journal(directory).reached() if self._writer.recovered.blocks else {}
        self._followers = Followers(_sources(run), reached)
        recovered = self._writer.recovered
        stats.begun(options.limits.max_bytes, recovered.torn_bytes, recovered.torn_records)
        if recovered.torn_bytes:
            report("torn tail cut off", {"bytes": recovered.torn_bytes, "records": recovered.torn_records})
        self.continues_blocks = recovered.blocks

    @property
    def total_bytes(self) -> int:
        """Of the journal."""
        return self._writer.total_bytes

    def do_pass(self) -> int:
        """Takes what is there; returns how many blocks. Raises JournalFull, JournalBroken, RegionError."""
        try:
            return self._do_pass()
        except JournalFull:
            self._stats.full()
            raise

    def _do_pass(self) -> int:
        blocks = 0
        for block in self._taken():
            self._append(block)
            blocks += 1
        if blocks:
            self._append(self._followers.ends())
        self._stats.passed(self._followers, self._checkpoint, self._writer)
        self._writer.sync_if_due(monotonic_ns())
        return blocks

    def pressed(self) -> bool:
        """Whether a ring has so much waiting that the next pass should not."""
        return any(ring.pressed for ring in self._followers.rings)

    def close(self) -> None:
        """All of it on the medium. Raises JournalBroken."""
        self._writer.close()

    def _taken(self) -> Iterator[Block]:
        for ring in self._followers.rings:
            for block in ring.take(RECORDS_A_PASS):
                if block.stream == _MARKET:
                    self._symbols.see(block.generation, block.payload)  # type: ignore[arg-type]
                elif block.stream == JournalStream.REGION:
                    self._report(
                        "following", {"stream": ring.source.path.name, "generation": block.generation}
                    )
                yield block
        for fresh in (self._identity.take(), self._checkpoint.take(), self._symbols.take()):
            if fresh is not None:
                yield fresh

    def _append(self, block: Block) -> None:
        self._writer.append(block)
        self._stats.wrote(block.stream, block.count)

    def _preamble(self) -> list[Block]:
        identity = [self._identity.last] if self._identity.last is not None else []
        return [*self._followers.preamble(), *identity, *self._symbols.preamble()]

    def _observe(self, event: str, value: int) -> None:
        if event == "synced":
            self._stats.synced(value)
        else:
            self._stats.dropped()
            self._report("limit reached: oldest segment dropped", {"segment": value})
