"""Rings of a replay's own: what the live loop read, under the numbers it had, and a queue that never refuses."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from braind.brain import Market
from braind.replay.recording import Anchor, Map
from hft.layout.dtypes import MARKET_EVENT, ORDER_INTENT, RegionKind, dtype
from hft.regions import IntentConsumer, IntentProducer, Region, RingReader, RingWriter

RING_RECORDS = 1 << 15
# Records fed at a time: never lapped, and every one of them may cause an intent.
CHUNK_RECORDS = RING_RECORDS // 2


class Stage:
    """A context: the regions go when it is left."""

    def __init__(self, one: Map, anchor: Anchor) -> None:
        """Raises RegionError."""
        self._folder = tempfile.TemporaryDirectory(prefix="hft-replay-", dir=_memory())
        self._ring = self._region("market", RegionKind.MARKET_RING, RING_RECORDS)
        self._intents = self._region("intents", RegionKind.INTENTS_RING, RING_RECORDS)
        self._gateway = self._region("gateway", RegionKind.GATEWAY_STATE, 1)
        self._consumer = IntentConsumer(self._gateway)
        self._consumer.attach(self._intents)
        self._producer = IntentProducer(self._intents, self._gateway)
        # Read-only like the real one: the compiled loop is specific to that.
        self._mapped = Region.open(self._ring.path, int(RegionKind.MARKET_RING))
        self._reader = RingReader(self._mapped, anchor.market_seq)
        self._writer = RingWriter(self._ring, anchor.market_seq)
        self.market = Market(
            self._reader.address, self._producer.address, self._mapped.records(MARKET_EVENT),
            one.market_generation,
        )  # fmt: skip
        self._intent = np.zeros(1, ORDER_INTENT)

    def _region(self, name: str, kind: int, records: int) -> Region:
        record_bytes = dtype("GatewayState").itemsize if kind == RegionKind.GATEWAY_STATE else 128
        return Region.create(f"{self._folder.name}/{name}", int(kind), records, record_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    @property
    def cursor(self) -> int:
        """The last market record consumed."""
        return int(self._reader.cursor)

    def publish(self, records: NDArray[np.void]) -> None:
        """The next market records, at most CHUNK_RECORDS before they are consumed."""
        self._writer.publish_many(records)

    def skip(self, records: int) -> None:
        """As the live reader, which lost them."""
        self._reader.seek(self.cursor + records)
        self._writer = RingWriter(self._ring, self.cursor)

    def emitted(self) -> NDArray[np.void]:
        """Intents since the last call."""
        taken = []
        while self._consumer.pop(self._intent):
            taken.append(self._intent.copy())
        self._consumer.commit()
        return np.concatenate(taken) if taken else np.zeros(0, ORDER_INTENT)


def _memory() -> str | None:
    """Where there is a tmpfs for shared memory, that; else wherever temporary files go."""
    shared = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    return str(shared) if shared.is_dir() else None
