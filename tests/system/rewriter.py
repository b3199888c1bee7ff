"""Writes into slots of braind's queue behind the gateway's back: rewriter.py RUN LOG

What a broken or hostile braind could do after it has pushed: as soon as a slot is published, or a moment later, one
word of it becomes a value that no gate lets pass. It is never put back, so that a copy of the slot is the intent as it
was pushed, or one that must be refused. Each stroke is in LOG when SIGTERM ends this: sequence, field, value, and
CLOCK_MONOTONIC before and after.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from hft._native import load_words
from hft.layout.dtypes import ORDER_INTENT, RegionKind
from hft.regions import Region

STROKE = np.dtype(
    [("sequence", "<u8"), ("field", "<u8"), ("value", "<u8"), ("before_ns", "<u8"), ("after_ns", "<u8")]
)
FIELDS = ("quantity", "price", "instrument_id")
HEAD_OFFSET = 256  # RingControl.head
LATE_NS_MAX = 300_000  # about as long as the gateway sleeps at most when it is idle, and a burst takes it


def bad_value(field: str, value: int) -> int:
    """Beyond every limit on quantity; off the tick; an instrument that nobody named."""
    return {"quantity": value + 1_000_000, "price": value // 100 * 300 + 7, "instrument_id": 63}[field]


def main(run: str, log: str) -> None:
    queue = Region.open_writable(f"{run}/braind/intents.ring", int(RegionKind.INTENTS_RING))
    slots = queue.records(ORDER_INTENT)
    columns = [slots[name] for name in FIELDS]
    dice, stopped, strokes = random.Random(1), [], []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    print("writing", flush=True)
    done = head = int(load_words(queue, HEAD_OFFSET, 1)[0])
    while not stopped:
        while head == done and not stopped:
            head = int(load_words(queue, HEAD_OFFSET, 1)[0])
        sequence, done = head, head  # the newest: what was pushed before it is lost to us
        end_ns = time.monotonic_ns() + dice.randrange(LATE_NS_MAX) * (dice.random() < 0.7)
        field, slot = dice.randrange(len(FIELDS)), (sequence - 1) % len(slots)
        value = bad_value(FIELDS[field], int(columns[field][slot]))
        before_ns = time.monotonic_ns()
        while before_ns < end_ns:
            before_ns = time.monotonic_ns()
        columns[field][slot] = value
        strokes.append((sequence, field, value, before_ns, time.monotonic_ns()))
    Path(log).write_bytes(np.array(strokes, STROKE).tobytes())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
