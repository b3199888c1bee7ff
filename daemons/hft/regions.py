"""Shared-memory regions, rings, the intents queue and the board, as Python sees them.

Everything here is a thin face of the C++ headers in daemons/feedd/include/feedd. What those headers promise
and what they leave to the caller, in short:

* A region has one writer. Readers map it read-only and look at ``retired`` at leisure: when it is true they
  open the path again and go on when the generation has changed (until the writer is back, the old one is
  still what they get).
* ``RingReader.poll(count_max)`` grants up to that many complete records, contiguous in
  ``region.records(dtype)`` from index ``reader.start``. Work in place, then ``validate()``; when it says
  False the writer overtook: discard what was derived, the next poll counts the loss. Then ``advance()``.
  ``poll(count_max, spins_max)`` looks again that often (about 2 ns each, holding the GIL) before it
  returns 0: the record that comes meanwhile is seen without a turn of the interpreter.
* Sequences are 1-based and never repeat within a generation; ``cursor`` is the last one consumed.
* ``IntentProducer.push`` returns ``PUSHED``, ``FULL`` or ``WRONG_GENERATION`` and never waits.

Compiled Python (Numba) calls the same operations through :mod:`hft.compiled`.

Errors: every failure to create or open is a :class:`RegionError` that names the file; a file that is not
there yet is a :class:`RegionMissing`, a :class:`DaemonLock` that another instance holds an
:class:`AlreadyRunning` naming its pid.
"""

from __future__ import annotations

from typing import Final

from hft._native import (
    RECORDS_OFFSET,
    AlreadyRunning,
    BoardWriter,
    DaemonLock,
    IntentConsumer,
    IntentProducer,
    Region,
    RegionError,
    RegionMissing,
    RingReader,
    RingWriter,
    load_words,
    monotonic_ns,
    read_board_entry,
)
from hft.layout.dtypes import dtype

__all__ = [
    "FULL",
    "PUSHED",
    "RECORDS_OFFSET",
    "WRONG_GENERATION",
    "AlreadyRunning",
    "BoardWriter",
    "DaemonLock",
    "IntentConsumer",
    "IntentProducer",
    "Region",
    "RegionError",
    "RegionMissing",
    "RingReader",
    "RingWriter",
    "load_words",
    "monotonic_ns",
    "read_board_entry",
    "read_gateway_state",
]

# What IntentProducer.push and hft.compiled.intent_push return (enum PushResult in feedd/queue.hpp).
PUSHED: Final = 0
FULL: Final = 1
WRONG_GENERATION: Final = 2


def read_gateway_state(region: Region) -> dict[str, int]:
    """The words of ``gateway.state`` by name, each loaded atomically (not one snapshot of all)."""
    layout = dtype("GatewayState")
    words = load_words(region, RECORDS_OFFSET, layout.itemsize // 8)
    names = [name for name in layout.names or () if not name.startswith("reserved")]
    return {name: int(words.view(layout)[0][name]) for name in names}
