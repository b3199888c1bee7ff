"""feedd's regions as braind maps them, and braind's own intents queue beside them.

All of a feed's regions belong to one life of feedd. When feedd comes back, everything is mapped anew, and the
intents queue is born again too: a queue that another gateway has read must not be read twice.

Mapping a ring of a million records takes 20 ms where pages are small, longer than a hot loop may be silent. So it
is done on a thread beside the loop, which meanwhile makes its rounds.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from braind.brain import Market
from hft.layout.dtypes import MARKET_EVENT, ORDER_INTENT, RegionKind
from hft.regions import IntentProducer, Region, RegionMissing, RingReader


@dataclass(frozen=True)
class Feed:
    """One life of feedd, mapped. `market` points into the objects beside it."""

    ring: Region
    reader: RingReader
    board: Region
    updates: Region
    updates_reader: RingReader
    gateway_state: Region
    gateway_orders: Region
    gateway_positions: Region
    intents: Region
    producer: IntentProducer
    market: Market
    head_at_start: int

    @property
    def retired(self) -> bool:
        """Whether this feedd has ended or been replaced. What it published can still be read."""
        return bool(self.ring.retired or self.gateway_state.retired)


class FeedMapper:
    """Maps the feed of `run_directory` when there is one to map."""

    def __init__(self, run_directory: Path, intents_capacity: int, require_huge_pages: bool) -> None:
        """Creates the first intents queue at once, so that a gateway finds it. Raises RegionError."""
        self._feedd = run_directory / "feedd"
        self._intents_path = str(run_directory / "braind" / "intents.ring")
        self._intents_capacity = intents_capacity
        self._require_huge_pages = require_huge_pages
        self._veto = 0
        self._beside = ThreadPoolExecutor(1, "hft-braind-map")
        self._mapping: Future[Feed | None] | None = None
        self._current = self._new_intents()
        self._intents: Region | None = self._current

    def veto(self, reason: int) -> None:
        """Says no, a schema.VetoReason, in the queue that is there and in every later one of this life."""
        self._veto = reason
        self._current.set_veto(reason)

    def _new_intents(self) -> Region:
        made = Region.create(
            self._intents_path,
            int(RegionKind.INTENTS_RING),
            self._intents_capacity,
            ORDER_INTENT.itemsize,
            require_huge_pages=self._require_huge_pages,
        )
        if self._veto:
            made.set_veto(self._veto)
        return made

    def poll(self) -> Feed | None:
        """The feed that is live, once it is mapped; None until then, at once. Raises RegionError as `map` does."""
        if self._mapping is None:
            if self._is_there():
                self._mapping = self._beside.submit(self.map)
            return None
        if not self._mapping.done():
            return None
        done, self._mapping = self._mapping, None
        return done.result()

    def _is_there(self) -> bool:
        """By the smallest of its regions."""
        try:
            state = Region.open(str(self._feedd / "gateway.state"), int(RegionKind.GATEWAY_STATE))
        except RegionMissing:
            return False
        return not state.retired

    def map(self) -> Feed | None:
        """The feed that is live now, or None while there is none (or not all of it).

        Raises RegionError for regions of another layout.
        """
        try:
            ring = Region.open(str(self._feedd / "market.ring"), int(RegionKind.MARKET_RING))
            board = Region.open(str(self._feedd / "market.board"), int(RegionKind.MARKET_BOARD))
            updates = Region.open(str(self._feedd / "updates.ring"), int(RegionKind.UPDATES_RING))
            gateway_state = Region.open(str(self._feedd / "gateway.state"), int(RegionKind.GATEWAY_STATE))
            orders = Region.open(str(self._feedd / "gateway.orders"), int(RegionKind.GATEWAY_ORDERS))
            positions = Region.open(str(self._feedd / "gateway.positions"), int(RegionKind.GATEWAY_POSITIONS))
        except RegionMissing:
            return None
        if any(region.retired for region in (ring, board, updates, gateway_state, orders, positions)):
            return None
        tables_fit = {orders.peer_generation, positions.peer_generation} == {updates.generation}
        if board.peer_generation != ring.generation or not tables_fit:
            return None
        intents = self._current = self._intents or self._new_intents()
        self._intents = None
        reader, updates_reader = RingReader(ring, 0), RingReader(updates, 0)
        producer = IntentProducer(intents, gateway_state)
        market = Market(
            reader.address,
            producer.address,
            ring.records(MARKET_EVENT),
            ring.generation,
            updates_reader.address,
        )
        return Feed(
            ring, reader, board, updates, updates_reader, gateway_state, orders, positions, intents, producer, market,
            reader.head,
        )  # fmt: skip
