"""Everything there is to read, as sources: each is asked once a scrape and fails for itself.

| source | expected | from |
|---|---|---|
| ``feedd/stats``, ``braind/stats``, any other ``*/stats`` | the first two | stats.py |
| ``feedd/progress``, ``braind/progress``, any other | the first two | progress.py |
| ``watchd/fence``, ``feedd/gateway.state``, ``operator/veto``, ``braind/intents.ring`` | yes | control.py |
| ``watchd/limits``, ``feedd/gateway.positions`` | yes | orders.py |
| ``state.json`` | yes | state.py |
| ``last_kill.json`` | no | state.py |
| ``regions`` | yes | headers of all regions (mapped.py), who writes them (processes.py) |
| ``daemons`` | yes | the locks of all daemons (processes.py) |

An expected source that is missing is exposed as ``hft_exporter_up 0``; another one is exposed while it is there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hft.config import Config
from hft.layout.dtypes import RegionKind
from hft.locks import lock_holder
from hft.regions import Region, RegionError, RegionMissing
from watchd.exporter.control import Now, read_fence, read_gateway, read_operator_veto, read_veto
from watchd.exporter.doctor import read_doctor_report
from watchd.exporter.mapped import Header, MappedRegion, read_header
from watchd.exporter.orders import PositionsReader, read_limits_page
from watchd.exporter.processes import process_alive
from watchd.exporter.progress import ProgressReader
from watchd.exporter.readings import Reading, gauge
from watchd.exporter.state import KILL_REPORT, read_kill_report, read_state
from watchd.exporter.stats import StatsReader
from watchd.state_file import FILE_NAME as STATE_FILE

DAEMONS: Final = ("feedd", "braind", "watchd")
DIRECTORIES_MAX: Final = 16
REGIONS_MAX: Final = 64
# First words of the exporter's own metrics: a daemon of such a name could pass its statistics off as ours.
RESERVED: Final = frozenset(
    (
        "build",
        "daemon",
        "exporter",
        "fence",
        "gateway",
        "last",
        "limit",
        "limits",
        "loop",
        "operator",
        "position",
        "region",
        "suite",
        "veto",
    )
)
DOCTOR: Final = "doctor"
_DIRECTORY = re.compile(r"[a-z][a-z0-9_]{0,31}")
_REGION = re.compile(r"[a-z][a-z0-9_.]{0,47}")


@dataclass(slots=True)
class Outcome:
    """What a source gave. `problem`: why it gave less than everything, "" = it did not."""

    readings: list[Reading] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """`read` raises what `collector` counts: RegionMissing and FileNotFoundError mean that it is not there."""

    name: str
    expected: bool
    read: Callable[[Now], Outcome]


class Sources:
    """The sources of one configuration; directories that appear later are found at the next scrape."""

    def __init__(self, config: Config) -> None:
        self._run = Path(config.run.directory)
        self._state = Path(config.watchd.state_directory)
        self._doctor_report = config.watchd.exporter.doctor_report
        self._positions = PositionsReader(
            MappedRegion(self._run / "feedd/market.board", int(RegionKind.MARKET_BOARD))
        )
        self._known: dict[str, Source] = {}

    def all(self) -> Iterator[Source]:
        """Own metrics first, so that no daemon's statistic can take their names."""
        yield self._region("watchd/fence", RegionKind.FENCE, read_fence)
        yield self._region("feedd/gateway.state", RegionKind.GATEWAY_STATE, _read_gateway_and_veto)
        yield self._region("operator/veto", RegionKind.VETO, lambda region, _: read_operator_veto(region))
        yield self._region(
            "braind/intents.ring", RegionKind.INTENTS_RING, lambda region, _: read_veto(region, "braind")
        )
        yield self._region("watchd/limits", RegionKind.LIMITS, lambda region, _: read_limits_page(region))
        yield self._region(
            "feedd/gateway.positions",
            RegionKind.GATEWAY_POSITIONS,
            lambda region, _: self._positions.read(region),
        )
        yield Source(STATE_FILE, expected=True, read=lambda _: Outcome(read_state(self._state)))
        yield Source(KILL_REPORT, expected=False, read=lambda _: Outcome(read_kill_report(self._state)))
        if self._doctor_report:
            yield Source(
                DOCTOR, expected=False, read=lambda _: Outcome(read_doctor_report(Path(self._doctor_report)))
            )
        yield Source("daemons", expected=True, read=lambda _: self._daemons())
        yield Source("regions", expected=True, read=lambda _: self._regions())
        for directory in dict.fromkeys(("feedd", "braind", *self._directories())):
            yield self._progress(directory)
            if directory.partition("_")[0] not in RESERVED:
                yield self._stats(directory)

    def _directories(self) -> list[str]:
        """Names of the daemons' directories, at most DIRECTORIES_MAX."""
        try:
            with os.scandir(self._run) as entries:
                found = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            return []
        return [name for name in found if _DIRECTORY.fullmatch(name)][:DIRECTORIES_MAX]

    def _region(
        self, name: str, kind: int, read: Callable[[Region, Now], list[Reading]], *, expected: bool = True
    ) -> Source:
        if name not in self._known:
            mapped = MappedRegion(self._run / name, int(kind))
            self._known[name] = Source(name, expected, lambda now: Outcome(read(mapped.look(), now)))
        return self._known[name]

    def _progress(self, daemon: str) -> Source:
        reader = ProgressReader(daemon)
        expected = daemon in ("feedd", "braind")
        return self._region(f"{daemon}/progress", RegionKind.PROGRESS, reader.read, expected=expected)

    def _stats(self, daemon: str) -> Source:
        name = f"{daemon}/stats"
        if name not in self._known:
            mapped, reader = MappedRegion(self._run / name, int(RegionKind.STATS)), StatsReader(daemon)

            def read(_: Now) -> Outcome:
                readings, unusable = reader.read(mapped.look())
                return Outcome(readings, f"{unusable} declared values can not be used" if unusable else "")

            self._known[name] = Source(name, daemon in ("feedd", "braind"), read)
        return self._known[name]

    def _daemons(self) -> Outcome:
        outcome = Outcome()
        for daemon in dict.fromkeys((*DAEMONS, *self._directories())):
            lock = self._run / daemon / "lock"
            try:
                if daemon in DAEMONS or lock.exists():
                    alive = lock.exists() and lock_holder(lock) != 0
                    outcome.readings.append(gauge("hft_daemon_alive", float(alive), daemon=daemon))
            except OSError as error:
                outcome.problem = str(error)
        return outcome

    def _regions(self) -> Outcome:
        outcome = Outcome()
        paths = [path for name in self._directories() for path in _files(self._run / name)]
        for path in paths[:REGIONS_MAX]:
            try:
                header = read_header(path)
            except (RegionError, OSError) as error:
                outcome.problem = str(error)
                continue
            if header is not None:
                outcome.readings += _facts(f"{path.parent.name}/{path.name}", header)
        if len(paths) > REGIONS_MAX:
            outcome.problem = f"{len(paths)} files, {REGIONS_MAX} were looked at"
        return outcome


def _files(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    except OSError:
        return []
    return [directory / name for name in names if _REGION.fullmatch(name) and ".tmp." not in name]


def _facts(region: str, header: Header) -> list[Reading]:
    return [
        gauge("hft_region_created_timestamp_seconds", header.generation / 1e9, region=region),
        gauge("hft_region_retired", float(header.retired), region=region),
        gauge("hft_region_page_bytes", header.page_bytes, region=region),
        gauge("hft_region_size_bytes", header.size_bytes, region=region),
        gauge("hft_region_writer_alive", float(process_alive(header.writer_pid)), region=region),
    ]


def _read_gateway_and_veto(region: Region, _now: Now) -> list[Reading]:
    return read_gateway(region) + read_veto(region, "feedd")


MISSING: Final = (RegionMissing, FileNotFoundError)
