"""The ring's receiving ends in `hft bench ring`: waiting for records and saying how old they were when seen.

A latency is the reader's CLOCK_MONOTONIC when the record was there, minus the stamp that the sender read
right before sending.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hft import compiled
from hft.bench.peers import Latencies, Receive
from hft.compiled import ring_advance, ring_poll, ring_start_index, ring_validate
from hft.layout.dtypes import MARKET_EVENT, RegionKind
from hft.regions import Region, RingReader, monotonic_ns

SPINS_MAX = 1000  # inside one call of poll, about 2 µs


@njit(nogil=True)
def clock_read_ns(reads: int) -> float:
    """Mean cost of one read of the clock from compiled code, over `reads` of them."""
    begin_ns = compiled.monotonic_ns()
    last_ns = begin_ns
    for _ in range(reads):
        last_ns = compiled.monotonic_ns()
    return float(last_ns - begin_ns) / reads


@njit(nogil=True)
def _see(ring: int, records: Any, latencies: Any, seconds_max: int) -> int:
    """Polls until every latency is filled; how many were, at the deadline. Reads both lines of a record."""
    seen = 0
    polls = 0
    end_ns = compiled.monotonic_ns() + np.uint64(seconds_max * 1_000_000_000)
    while seen < latencies.shape[0]:
        if ring_poll(ring, 1) == 0:
            polls += 1
            if polls % 65536 == 0 and compiled.monotonic_ns() > end_ns:
                break
            continue
        record = records[ring_start_index(ring)]
        stamp_ns = max(record["publish_ts_ns"], record["match_number"])  # the latter in the second line
        now_ns = compiled.monotonic_ns()
        if ring_validate(ring) == 1:
            latencies[seen] = np.int64(now_ns) - np.int64(stamp_ns)
            seen += 1
            ring_advance(ring, 1)
    return seen


def ring_compiled(path: str) -> Receive:
    """Numba: granted, both cache lines of the record read, clock."""
    region = Region.open(path, RegionKind.MARKET_RING)
    records = region.records(MARKET_EVENT)
    reader = RingReader(region)
    _see(reader.address, records, np.zeros(0, np.int64), 1)  # compiles

    def receive(count: int) -> Latencies:
        latencies = np.zeros(count, np.int64)
        if _see(reader.address, records, latencies, 10) < count:
            raise TimeoutError("no record for 10 s: the sender is stuck or dead")
        return latencies

    return receive


def ring_bytecode(path: str) -> Receive:
    """The interpreter: `poll` returned to bytecode, clock; stamps are read afterwards, like the peers'."""
    region = Region.open(path, RegionKind.MARKET_RING)
    records = region.records(MARKET_EVENT)
    reader = RingReader(region)

    def receive(count: int) -> Latencies:
        first = reader.cursor
        poll, advance, clock = reader.poll, reader.advance, monotonic_ns
        seen_ns = [0] * count
        for i in range(count):
            while not poll(1, SPINS_MAX):
                pass
            seen_ns[i] = clock()
            advance(1)
        slots = (first + np.arange(count)) % region.capacity_records
        return np.asarray(seen_ns, np.int64) - records["publish_ts_ns"][slots].astype(np.int64)

    return receive
