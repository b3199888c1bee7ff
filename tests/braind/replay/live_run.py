"""One recorded run that many tests look at, and ways to falsify its journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from braind_process import Braind, publish
from feedd_side import FeeddSide
from keeping_pace import a_pass, recorded
from record_process import Recording

from braind.rehearsal import made_up_events
from hft.journal.blocks import RECORDS, Block
from hft.journal.reader import Journal
from hft.journal.writer import JournalWriter, Limits
from hft.layout.dtypes import JournalStream

RECORDED_EVENTS = 4000
EVERY_300 = "checkpoint_interval_records = 300"


def record_a_run(shared: Path, package: Path, out: Path) -> int:
    """A whole life of braind with 4000 records, answers and checkpoints, recorded into `out`; its intents."""
    recording = Recording(shared, out).ready()
    braind = Braind(shared, package, EVERY_300).wait_ready()
    feedd = FeeddSide(shared)
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    feedd.name(2, "STRANGER", 2)
    events, answered = made_up_events(RECORDED_EVENTS, 1_000_000, 2), 0
    for first in range(0, RECORDED_EVENTS, 100):
        publish(feedd, events[first : first + 100].copy())
        braind.wait_for("braind_ring_cursor", first + 100)
        a_pass(recording)  # with the checkpoint that there may be
        answered += len(feedd.answer_all())
    # What is left to the stop to read is not told in inputs.ring.
    braind.wait_for('braind_updates_total{kind="refused"}', answered)
    recorded(recording, market=RECORDED_EVENTS, intents=answered, updates=answered)
    assert braind.stop()[0] == 0
    feedd.retire()
    assert recording.end()[0] == 0
    braind.close()
    recording.close()
    return answered


def rewritten(source: Path, out: Path, change: Callable[[int, np.ndarray], np.ndarray | None]) -> Path:
    """The journal once more, each block's payload as `change(stream, a copy of it)` wants it; None leaves it out."""
    journal = Journal(source)
    limits = Limits(256 << 20, 1 << 40, "stop", 10**9)
    writer = JournalWriter(out, limits, list, lambda *_: None, threaded=False)
    for block in journal.all_blocks():
        stream = int(block.header["stream"])
        if stream == JournalStream.SEGMENT:
            continue
        payload = np.frombuffer(block.payload(), RECORDS.get(stream, np.dtype(np.uint8))).copy()
        payload = change(stream, payload)
        if payload is not None and len(payload):
            first = int(payload["sequence"][0]) if block.first_sequence else 0
            count = len(payload) if stream in RECORDS else 1
            writer.append(Block(stream, payload, block.generation, first, count, block.written_ns))
    writer.close()
    return out
