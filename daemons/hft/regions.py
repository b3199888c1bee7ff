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
    FENCE_INSTRUMENTS,
    FENCE_STRATEGIES,
    RECORDS_OFFSET,
    AlreadyRunning,
    BoardWriter,
    CommandsReader,
    CommandsWriter,
    DaemonLock,
    FenceWriter,
    IntentConsumer,
    IntentProducer,
    LimitsWriter,
    ProgressWriter,
    Region,
    RegionError,
    RegionMissing,
    RingReader,
    RingWriter,
    fence_token,
    load_words,
    monotonic_ns,
    read_board_entry,
    read_entries,
    read_snapshot,
    snapshot_version,
    write_snapshot,
)
from hft.layout.dtypes import dtype

__all__ = [
    "FENCE_INSTRUMENTS",
    "FENCE_STRATEGIES",
    "FULL",
    "PUSHED",
    "RECORDS_OFFSET",
    "WRONG_GENERATION",
    "AlreadyRunning",
    "BoardWriter",
    "CommandsReader",
    "CommandsWriter",
    "DaemonLock",
    "FenceWriter",
    "IntentConsumer",
    "IntentProducer",
    "LimitsWriter",
    "ProgressWriter",
    "Region",
    "RegionError",
    "RegionMissing",
    "RingReader",
    "RingWriter",
    "fence_token",
    "load_words",
    "monotonic_ns",
    "read_board_entry",
    "read_control_record",
    "read_entries",
    "read_gateway_state",
    "read_snapshot",
    "snapshot_version",
    "write_snapshot",
]

# What IntentProducer.push and hft.compiled.intent_push return (enum PushResult in feedd/queue.hpp).
PUSHED: Final = 0
FULL: Final = 1
WRONG_GENERATION: Final = 2


def read_control_record(region: Region, struct_name: str, index: int = 0) -> dict[str, int]:
    """The scalar words of record `index` by name, each loaded atomically (not one snapshot of all).

    `struct_name` is a schema struct of 64-bit words: ``GatewayState``, ``Fence``, ``LoopProgress``, ``VetoNote``.
    """
    layout = dtype(struct_name)
    words = load_words(region, RECORDS_OFFSET + index * layout.itemsize, layout.itemsize // 8)
    record = words.view(layout)[0]
    names = [name for name in layout.names or () if layout[name].shape == ()]
    return {name: int(record[name]) for name in names}


def read_gateway_state(region: Region) -> dict[str, int]:
    """The words of ``gateway.state`` by name, as `read_control_record` reads them."""
    return read_control_record(region, "GatewayState")
