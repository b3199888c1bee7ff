"""The extension's C functions, called from compiled Python and from the interpreter."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from hft import compiled
from hft.compiled import (
    intent_push,
    ring_advance,
    ring_cursor,
    ring_lag,
    ring_lost,
    ring_poll,
    ring_start_index,
    ring_validate,
)
from hft.layout.dtypes import MARKET_EVENT, ORDER_INTENT, RegionKind, dtype
from hft.regions import IntentConsumer, IntentProducer, Region, RingReader, RingWriter, monotonic_ns


@njit(nogil=True)
def _sum_until(ring: int, records: Any, target: int) -> int:
    """Spins on ring_poll until `target` records were consumed; the sum of their quantities."""
    total, consumed = 0, 0
    while consumed < target:
        count = ring_poll(ring, 64)
        start = ring_start_index(ring)
        for i in range(start, start + count):
            total += records[i]["quantity"]
        if ring_validate(ring) == 1:
            ring_advance(ring, count)
            consumed += count
    return total


def test_a_compiled_loop_that_spins_on_poll_sees_what_another_thread_publishes(shm_directory: Path) -> None:
    region = Region.create(str(shm_directory / "r"), RegionKind.MARKET_RING, 4096, 128)
    reader = RingReader(region)
    records = region.records(MARKET_EVENT)
    _sum_until(reader.address, records, 0)  # compiled before the clock of the test starts
    events = np.zeros(2000, MARKET_EVENT)
    events["quantity"] = np.arange(2000)
    sums: list[int] = []
    spinning = threading.Thread(target=lambda: sums.append(_sum_until(reader.address, records, 2000)))
    spinning.start()
    writer = RingWriter(region)
    for event in events:
        writer.publish(event)
    spinning.join(30)
    assert sums == [int(events["quantity"].sum())]
    assert (reader.cursor, reader.lost_records) == (2000, 0)


def test_the_c_functions_say_what_the_objects_say(shm_directory: Path) -> None:
    region = Region.create(str(shm_directory / "r"), RegionKind.MARKET_RING, 8, 128)
    RingWriter(region).publish_many(np.zeros(21, MARKET_EVENT))
    reader = RingReader(region)
    handle = reader.address
    assert ring_poll(handle, 8) == 0  # lapped
    assert ring_poll(handle, 3) == 3
    assert ring_start_index(handle) == reader.start == 17 % 8
    assert ring_validate(handle) == 1
    assert ring_advance(handle, 4) == 0
    assert ring_advance(handle, 3) == 1
    assert ring_cursor(handle) == reader.cursor == 20
    assert ring_lag(handle) == reader.lag_records == 1
    assert ring_lost(handle) == reader.lost_records == 17


def test_intents_are_pushed_from_compiled_code(shm_directory: Path) -> None:
    @njit
    def push(producer: int, intents: Any) -> int:
        intents[0]["intent_id"] = 9
        return int(intent_push(producer, intents.ctypes.data))

    queue = Region.create(str(shm_directory / "q"), RegionKind.INTENTS_RING, 16, 128)
    layout = dtype("GatewayState")
    state = Region.create(str(shm_directory / "g"), RegionKind.GATEWAY_STATE, 1, layout.itemsize)
    producer, consumer = IntentProducer(queue, state), IntentConsumer(state)
    intent, out = np.zeros(1, ORDER_INTENT), np.zeros(1, ORDER_INTENT)
    assert push(producer.address, intent) == 2
    consumer.attach(queue)
    assert push(producer.address, intent) == 0
    assert consumer.pop(out)
    assert out["intent_id"][0] == 9


def test_compiled_code_reads_the_same_clock() -> None:
    @njit
    def now() -> int:
        return compiled.monotonic_ns()

    before = monotonic_ns()
    assert before <= now() <= monotonic_ns()


def test_functions_that_use_them_can_be_cached(tmp_path: Path) -> None:
    source = tmp_path / "cached.py"
    source.write_text(
        "from numba import njit\nfrom hft.compiled import monotonic_ns\n"
        "@njit(cache=True)\ndef now():\n    return monotonic_ns()\n"
        "assert now() > 0\nprint(sum(now.stats.cache_hits.values()))\n"
    )
    runs = [
        subprocess.run([sys.executable, source], capture_output=True, text=True, check=True) for _ in range(2)
    ]
    assert [run.stdout for run in runs] == ["0\n", "1\n"]
    assert "Warning" not in runs[0].stderr


def test_without_jit_the_same_source_runs_interpreted() -> None:
    code = (
        "from numba import njit\nfrom hft.compiled import monotonic_ns\n"
        "@njit\ndef now():\n    return monotonic_ns()\n"
        "assert now() > 0 and type(now).__name__ == 'function'"
    )
    subprocess.run([sys.executable, "-c", code], env={"NUMBA_DISABLE_JIT": "1"}, check=True)
