"""`hft journal cut`: a range of the market stream, with all that belongs to it, as a journal of its own.

Taken along: the inputs that took effect inside the range and the updates they consumed, the intents decided on it,
checkpoints inside it, identities, symbols, and what was lost there. Blocks keep their times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft.journal import reader
from hft.journal.blocks import Block
from hft.journal.follow import loss_block
from hft.journal.reader import Journal, Loss
from hft.journal.writer import JournalWriter, Limits
from hft.layout.dtypes import JOURNAL_END, LOOP_INPUT, SNAPSHOT, InputKind, JournalStream

_MARKET, _INPUTS = int(JournalStream.MARKET), int(JournalStream.INPUTS)
_INTENTS, _UPDATES = int(JournalStream.INTENTS), int(JournalStream.UPDATES)


@dataclass(frozen=True)
class Range:
    """Market records `first` … `last` of one generation."""

    generation: int
    first: int
    last: int


@dataclass(frozen=True)
class Span:
    """Records of one stream and generation, by their sequence."""

    stream: int
    generation: int
    first: int
    last: int


def cut(journal: Journal, wanted: list[Range], out: Path, limits: Limits) -> int:
    """Writes the new journal; returns how many market records are in it. Raises JournalError."""
    writer = JournalWriter(out, limits, list, lambda _event, _value: None)
    try:
        spans = [span for one in wanted for span in _spans(journal, one)]
        for block in _documents(journal, wanted, spans):
            writer.append(block)
        records, times = 0, (0, 0)
        for span in spans:
            for block in _in_order(journal, span):
                writer.append(block)
                records += block.count if block.stream == _MARKET else 0
                times = max(times, block.written_ns or times)
        writer.append(_pass(spans, times))
    finally:
        writer.close()
    return records


def _spans(journal: Journal, wanted: Range) -> Iterator[Span]:
    """The market range, and what belongs to it in the other streams."""
    yield Span(_MARKET, wanted.generation, wanted.first, wanted.last)
    for life in journal.generations(_INPUTS):
        inputs = _of_range(journal, life, wanted)
        if not len(inputs):
            continue
        yield Span(_INPUTS, life, int(inputs["sequence"][0]), int(inputs["sequence"][-1]))
        answers = inputs[inputs["kind"] == InputKind.ANSWERS]
        if len(answers):
            first, last = (
                answers["first"][0] - answers["lost"][0],
                answers["first"][-1] + answers["count"][-1] - 1,
            )
            yield Span(_UPDATES, int(answers["updates_generation"][0]), int(first), int(last))
        generation = int(inputs["intents_generation"][0])
        sequences = [
            records["sequence"][
                (records["market_seq"] >= wanted.first) & (records["market_seq"] <= wanted.last)
            ]
            for records in journal.records(_INTENTS, generation)
        ]
        chosen = np.concatenate(sequences) if sequences else np.zeros(0, np.uint64)
        if len(chosen):
            yield Span(_INTENTS, generation, int(chosen[0]), int(chosen[-1]))


def _of_range(journal: Journal, life: int, wanted: Range) -> NDArray[np.void]:
    parts = [
        records[
            (records["market_generation"] == wanted.generation)
            & (records["market_seq"] + 1 >= wanted.first)
            & (records["market_seq"] <= wanted.last)
        ]
        for records in journal.records(_INPUTS, life)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, LOOP_INPUT)


def _documents(journal: Journal, wanted: list[Range], spans: list[Span]) -> Iterator[Block]:
    """Regions and identities of the spans, symbols of the market generations, checkpoints inside the ranges."""
    generations = {span.generation for span in spans}
    for stream in (JournalStream.REGION, JournalStream.IDENTITY, JournalStream.SYMBOLS):
        seen: set[bytes] = set()
        for block in journal.blocks(stream):
            payload = bytes(block.payload())
            if block.generation in generations and payload not in seen:
                seen.add(payload)
                yield _copied(block, payload, int(block.header["count"]))
    inputs = {span.generation: span for span in spans if span.stream == _INPUTS}
    for block in journal.blocks(JournalStream.CHECKPOINT):
        at = np.frombuffer(block.payload()[: SNAPSHOT.itemsize], SNAPSHOT)[0]
        span = inputs.get(int(at["inputs_generation"]))
        inside = any(
            one.generation == at["market_generation"] and one.first - 1 <= at["market_seq"] <= one.last
            for one in wanted
        )
        if span is not None and inside and span.first - 1 <= at["inputs_seq"] <= span.last:
            yield _copied(block, bytes(block.payload()), 1)


def _copied(block: reader.Block, payload: bytes | NDArray[np.void], count: int, first: int = 0) -> Block:
    return Block(int(block.header["stream"]), payload, block.generation, first, count, block.written_ns)


def _in_order(journal: Journal, span: Span) -> Iterator[Block]:
    """The span's records, with what was lost of them in its place."""
    lost = [
        loss
        for loss in journal.losses()
        if (loss.stream, loss.generation) == (span.stream, span.generation)
        and loss.first_sequence <= span.last
        and loss.last_sequence >= span.first
    ]
    for block in journal.blocks(span.stream, span.generation):
        while lost and lost[0].first_sequence < block.first_sequence:
            yield _overlap(lost.pop(0), span, block.written_ns)
        first, last = max(span.first, block.first_sequence), min(span.last, block.last_sequence)
        if first <= last:
            records = block.records()[first - block.first_sequence : last + 1 - block.first_sequence]
            yield _copied(block, records, len(records), first)
    for loss in lost:
        yield _overlap(loss, span, None)


def _overlap(loss: Loss, span: Span, times: tuple[int, int] | None) -> Block:
    first, last = max(loss.first_sequence, span.first), min(loss.last_sequence, span.last)
    return loss_block(span.stream, span.generation, first, last + 1 - first, loss.reason, times)


def _pass(spans: list[Span], times: tuple[int, int]) -> Block:
    ends = np.zeros(len(spans), JOURNAL_END)
    for end, span in zip(ends, spans, strict=True):
        end["stream"], end["generation"], end["last_sequence"] = span.stream, span.generation, span.last
    return Block(int(JournalStream.PASS), ends, count=len(ends), written_ns=times)
