"""All that a journal holds, from a place on: which maps, from which anchors, with which brain; and the verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import msgspec
import numpy as np

from braind.assembly import Assembled, assemble
from braind.counts import Histogram
from braind.identity import Identity
from braind.model.inference import ModelError
from braind.model.libtorch import LibtorchError
from braind.model.package import PackageError
from braind.policy import StrategyError
from braind.replay.errors import CanNot
from braind.replay.recording import Life, Map, lives
from braind.replay.rerun import Rerun, Result
from hft.config import Braind, Config
from hft.journal.places import Place, sequence_of
from hft.journal.reader import Journal
from hft.stats import StatsBuilder, StatsWriter

Say = Callable[[str], None]


class Verdict(IntEnum):
    """Exit codes."""

    IDENTICAL = 0
    DIFFERENT = 1
    CAN_NOT = 3


@dataclass(frozen=True)
class Options:
    """`place` None: from the beginning. `config` and `model` replace what was recorded; `keep`: intents wanted."""

    place: Place | None = None
    generation: int | None = None
    config: Config | None = None
    model: Path | None = None
    keep: bool = False


@dataclass
class MapResult:
    """One map's results, a second one behind each hole; `skipped` says why there is none."""

    life: int
    market_generation: int
    results: list[Result] = field(default_factory=list)
    skipped: str = ""


@dataclass
class Outcome:
    """`reasons` why it is not IDENTICAL; `notes` what might explain it."""

    maps: list[MapResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    verdict: Verdict = Verdict.CAN_NOT

    @property
    def results(self) -> list[Result]:
        return [result for one in self.maps for result in one.results]


class Brains:
    """One brain an identity: maps of the same braind use it one after the other."""

    def __init__(self, options: Options, notes: list[str]) -> None:
        self._options, self._notes = options, notes
        self._made: dict[bytes, Assembled] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="hft-replay-")
        self._stats: list[StatsWriter] = []

    def close(self) -> None:
        self._folder.cleanup()

    def of(self, life: Life) -> Assembled:
        """Raises CanNot when this installation has no such braind."""
        if life.document not in self._made:
            self._made[life.document] = self._assembled(life.identity)
        return self._made[life.document]

    def _assembled(self, recorded: Identity) -> Assembled:
        braind, instruments_max = self._wanted(recorded)
        try:
            made = assemble(braind, instruments_max, self._histograms())
        except PackageError as error:
            raise CanNot(f"the model: {error} (another place of the package: --model DIR)") from error
        except (StrategyError, ModelError, LibtorchError) as error:
            raise CanNot(str(error)) from error
        _refuse_others(recorded, made.identity)
        self._notes += _remarks(recorded, made.identity)
        return made

    def _wanted(self, recorded: Identity) -> tuple[Braind, int]:
        braind, instruments_max = recorded.braind, recorded.instruments_max
        braind = msgspec.structs.replace(braind, model=recorded.model.directory)
        if (config := self._options.config) is not None:
            if config.braind is None:
                raise CanNot("the configuration has no [braind]")
            braind, instruments_max = config.braind, config.feedd.capacity.instruments
        if self._options.model is not None:
            braind = msgspec.structs.replace(braind, model=str(self._options.model))
        return braind, instruments_max

    def _histograms(self) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        """Latencies of a replay mean nothing, but the loop records them."""
        builder = StatsBuilder()
        indices = [builder.histogram(one.name.lower(), "ns") for one in Histogram]
        self._stats.append(builder.create(f"{self._folder.name}/stats{len(self._stats)}"))
        return np.array([self._stats[-1].value_address(index) for index in indices], np.uint64)


def _refuse_others(recorded: Identity, here: Identity) -> None:
    theirs, mine = recorded.parts(), here.parts()
    for name, value in theirs.items():
        if value != mine[name]:
            raise CanNot(f"other {name}: the journal was recorded with {value}, this is {mine[name]}")


def _remarks(recorded: Identity, here: Identity) -> list[str]:
    """What may make the last bit of a float, or a decision, another one."""
    remarks = [
        f"{name} was {version}, is {here.versions.get(name)}"
        for name, version in recorded.versions.items()
        if here.versions.get(name) != version
    ]
    if recorded.machine != here.machine:
        remarks.append("the CPU has other instructions than the one that recorded")
    if recorded.sources_hash != here.sources_hash:
        remarks.append("braind's sources have changed since")
    if recorded.strategy.source_sha256 != here.strategy.source_sha256:
        remarks.append(f"the source of {recorded.strategy.name} has changed since")
    before, now = msgspec.to_builtins(recorded.braind), msgspec.to_builtins(here.braind)
    remarks += [
        f"braind.{key} was {before[key]!r}, is {now[key]!r}"
        for key in before
        if key != "model" and before[key] != now[key]
    ]
    return remarks


def replay(journal: Journal, options: Options, say: Say) -> Outcome:
    """Repeats what can be repeated. Raises JournalError, RegionError; what can not be is in the outcome."""
    outcome = Outcome()
    brains = Brains(options, outcome.notes)
    try:
        for generation in lives(journal):
            life = Life(journal, generation)
            for one in life.maps:
                if options.generation in (None, one.market_generation):
                    outcome.maps.append(_replay_map(journal, life, one, brains, options, say))
    except CanNot as reason:
        outcome.reasons.append(str(reason))
    finally:
        brains.close()
    _judge(journal, outcome, options)
    return outcome


def _replay_map(
    journal: Journal, life: Life, one: Map, brains: Brains, options: Options, say: Say
) -> MapResult:
    made = MapResult(life.generation, one.market_generation)
    from_seq = 1 if options.place is None else sequence_of(journal, one.market_generation, options.place)
    anchors = [anchor for anchor in life.anchors(one) if anchor.market_seq + 1 >= from_seq]
    if not anchors:
        made.skipped = (
            f"no checkpoint at or after market record {from_seq:,}, and its beginning was not recorded"
            if options.place is None
            else f"no checkpoint at or after {options.place} (the recording ends at {one.last_market_seq:,})"
        )
        return made
    brain = brains.of(life).brain
    while anchors:
        anchor = anchors[0]
        say(f"market {one.market_generation}: from {anchor} …")
        result = Rerun(journal, life, one, anchor, brain, options.keep).run()
        if result.hole is not None and not result.records and not made.results:
            made.skipped = str(result.hole)  # recorded later than it begins: the next anchor is the first
        else:
            made.results.append(result)
        if result.hole is None:
            break
        # Behind the hole, or, where it was hit before the first record, behind this anchor.
        anchors = [each for each in anchors[1:] if each.market_seq > result.hole.market_seq]
    return made


def _judge(journal: Journal, outcome: Outcome, options: Options) -> None:
    """A difference outweighs a hole, a hole outweighs what is the same."""
    reasons = outcome.reasons
    differences = [result.difference for result in outcome.results if result.difference is not None]
    for one in outcome.maps:
        if one.skipped and one.results:
            outcome.notes.append(f"market {one.market_generation}: not from the beginning: {one.skipped}")
        elif one.skipped and (options.place is None or not outcome.results):
            reasons.append(f"market {one.market_generation}: {one.skipped}")
        for result in one.results:
            if result.hole is not None:
                reasons.append(f"market {one.market_generation}: {result.hole}")
    if not outcome.maps and not reasons:
        reasons.append(f"{journal.path}: no braind of it mapped a feed that is asked for")
    if differences:
        outcome.verdict = Verdict.DIFFERENT
    elif not reasons:
        outcome.verdict = Verdict.IDENTICAL
    torn = journal.torn_bytes
    if torn:
        outcome.notes.append(f"the journal has a torn tail of {torn:,} bytes, which is not replayed")
