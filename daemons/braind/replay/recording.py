"""What a journal holds of braind: lives, the feeds each has read, and the places where a replay can begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.checkpoint import unpacked
from braind.identity import Identity, IdentityError, decode, hash_of
from braind.replay.errors import CanNot, Hole
from hft.journal.reader import Journal, Loss
from hft.layout.dtypes import SNAPSHOT, InputKind, JournalStream

INPUTS, MARKET = int(JournalStream.INPUTS), int(JournalStream.MARKET)
INTENTS, UPDATES = int(JournalStream.INTENTS), int(JournalStream.UPDATES)


@dataclass(frozen=True)
class Map:
    """One feed as one braind read it: inputs `first_input` … `last_input`, `mapped` the first if it is there.

    `ended` is the InputKind that ended it, NONE when the recording or braind's life broke off.
    """

    market_generation: int
    updates_generation: int
    intents_generation: int
    first_input: int
    last_input: int
    last_market_seq: int
    mapped: np.void | None
    ended: int


@dataclass(frozen=True)
class Anchor:
    """Where a replay can begin: the state after these sequences. `state` None: at the MAPPED input."""

    market_seq: int
    inputs_seq: int
    updates_seq: int
    intents_seq: int
    decide_after_seq: int
    state: Mapping[str, NDArray[Any]] | None

    def __str__(self) -> str:
        return (
            "the beginning" if self.state is None else f"the checkpoint at market record {self.market_seq:,}"
        )


class Life:
    """One braind. Raises CanNot when nothing says who it was."""

    def __init__(self, journal: Journal, generation: int) -> None:
        self.generation = generation
        self._journal = journal
        self._end = journal.ends().get((INPUTS, generation), 0)
        self.document = self._document()
        try:
            self.identity: Identity = decode(self.document)
        except IdentityError as error:
            raise CanNot(f"{journal.path}: {error}") from error
        self.maps = list(self._maps())

    def _document(self) -> bytes:
        for block in self._journal.blocks(JournalStream.IDENTITY, self.generation):
            return bytes(block.payload()[SNAPSHOT.itemsize :])
        raise CanNot(f"the identity of the braind with inputs {self.generation} was not recorded")

    def inputs(self, first: int, last: int) -> Iterator[np.void]:
        """Inputs `first` … `last`, those that are believed. Raises Hole where some are missing."""
        expected, market_seq = first, 0
        for records in self._journal.records(INPUTS, self.generation, first, min(last, self._end)):
            for record in records:
                if record["sequence"] != expected:
                    raise Hole(
                        market_seq, f"inputs {expected:,} … {int(record['sequence']) - 1:,} are missing"
                    )
                expected, market_seq = expected + 1, int(record["market_seq"])
                yield record

    def _maps(self) -> Iterator[Map]:
        """From the kinds alone: all inputs are looked at once, array by array."""
        inside: list[NDArray[np.void]] = []  # first and last input of the map that is open
        for records in self._journal.records(INPUTS, self.generation, 1, self._end):
            generations = records["market_generation"]
            starts = np.flatnonzero(
                (records["kind"] == InputKind.MAPPED)
                | (generations != np.concatenate([generations[:1], generations[:-1]]))
            )
            for part in np.split(records, starts):
                if not len(part):
                    continue
                begins = part["kind"][0] == InputKind.MAPPED
                if inside and (begins or part["market_generation"][0] != inside[0]["market_generation"][0]):
                    yield _map(inside[0], inside[-1])
                    inside = []
                if part["market_generation"][0] != 0:
                    inside = [inside[0] if inside else part[:1], part[-1:]]
        if inside:
            yield _map(inside[0], inside[-1])

    def anchors(self, one: Map) -> list[Anchor]:
        """The places to begin in a map, in order."""
        found = [] if one.mapped is None else [_anchor_of(one.mapped)]
        for block in self._journal.blocks(JournalStream.CHECKPOINT, self.generation):
            payload = block.payload()
            header = np.frombuffer(payload[: SNAPSHOT.itemsize], SNAPSHOT)[0]
            mine = (
                header["market_generation"] == one.market_generation
                and one.first_input - 1 <= header["inputs_seq"] <= one.last_input
                and header["identity_hash"] == hash_of(self.document)
            )
            if mine:
                found.append(self._anchor_at(header, np.frombuffer(payload[SNAPSHOT.itemsize :], np.uint8)))
        return found

    def _anchor_at(self, header: np.void, payload: NDArray[np.uint8]) -> Anchor:
        return Anchor(
            market_seq=int(header["market_seq"]),
            inputs_seq=int(header["inputs_seq"]),
            updates_seq=int(header["updates_seq"]),
            intents_seq=int(header["intents_seq"]),
            decide_after_seq=int(header["decide_after_seq"]),
            state=unpacked(payload, self.identity.state),
        )


def _map(first: NDArray[np.void], last: NDArray[np.void]) -> Map:
    begins, ends = first["kind"][0] == InputKind.MAPPED, int(last["kind"][0])
    return Map(
        int(first["market_generation"][0]),
        int(first["updates_generation"][0]),
        int(first["intents_generation"][0]),
        int(first["sequence"][0]),
        int(last["sequence"][0]),
        int(last["market_seq"][0]),
        first[0] if begins else None,
        ends if ends in (InputKind.UNMAPPED, InputKind.STOPPED) else int(InputKind.NONE),
    )


def _anchor_of(mapped: np.void) -> Anchor:
    return Anchor(0, int(mapped["sequence"]), 0, 0, int(mapped["first"]), None)


def lives(journal: Journal) -> list[int]:
    """Generations of inputs.ring in the journal. Raises CanNot when there is none."""
    found = journal.generations(INPUTS)
    if not found:
        raise CanNot(f"{journal.path}: no input of a braind was recorded")
    return found


def why_missing(losses: list[Loss], stream: int, generation: int, sequence: int) -> str:
    """What the recorder says of a record that is not there."""
    for loss in losses:
        mine = (loss.stream, loss.generation) == (stream, generation)
        if mine and loss.first_sequence <= sequence <= loss.last_sequence:
            return f"the recorder lost {loss}"
    return f"{JournalStream(stream).name.lower()} {sequence:,} is not in the journal"
