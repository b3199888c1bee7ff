"""Each daemon killed and frozen at random moments with orders resting and messages on their way.

After every moment: nothing rests at the venue, the ledgers agree, nothing was sent once the fence was shut, no order
came twice, no limit was exceeded, and a person had to bring it back. HFT_ORDER_KILLS says how many moments (default
100, over all cases; `make order-kills` for more). A failure names its moment, which is its seed.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest
from material import Material
from moments import REASONS, Figures, one_moment
from order_world import OrderWorld

MOMENTS = int(os.environ.get("HFT_ORDER_KILLS", "100"))
WORLD_S_MAX = 600.0  # before the day that it trades on ends


class Worlds:
    """One world for all cases, replaced before its day is over."""

    def __init__(self, material: Material) -> None:
        self._material, self._world = material, OrderWorld(material)
        self._orders = self._fills = 0  # of worlds that are over

    def world(self) -> OrderWorld:
        if time.monotonic() - self._world.began_s > WORLD_S_MAX:
            self._orders, self._fills = self.counts()
            self._world.end()
            self._world = OrderWorld(self._material)
        return self._world

    def counts(self) -> tuple[int, int]:
        """Orders and replaces that the venue received, and fills."""
        ledger = self._world.ledger
        return self._orders + len(ledger.received), self._fills + ledger.fills

    def end(self) -> None:
        self._world.end()


@pytest.fixture(scope="module")
def worlds(material: Material) -> Iterator[Worlds]:
    made = Worlds(material)
    yield made
    made.end()


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("name", "number"), REASONS)
def test_after_any_moment_nothing_rests_the_ledgers_agree_and_a_person_brings_it_back(
    worlds: Worlds, name: str, number: str, figure: Callable[[str], None]
) -> None:
    figures, before = Figures(), worlds.counts()
    count = MOMENTS // len(REASONS) + (list(REASONS).index((name, number)) < MOMENTS % len(REASONS))
    for moment in range(count):
        seed = f"{name} {number} {moment}"
        try:
            one_moment(worlds.world(), name, number, random.Random(seed), figures)
        except AssertionError as error:
            error.add_note(f"the moment was: {seed}")
            raise
    orders, fills = (now - then for now, then in zip(worlds.counts(), before, strict=True))
    figure(
        f"{name} {number} at {count} random moments (seeds '{name} {number} 0' to '{count - 1}'): "
        f"orders rested at {figures.resting}, messages were on their way at {figures.in_flight}; "
        f"{orders:,} orders, {fills:,} fills; "
        f"fence or lease to the last cancel at the venue p50 {median_ms(figures.shut_to_off_ns):.1f} ms, "
        f"max {max(figures.shut_to_off_ns) / 1e6:.1f} ms; "
        f"fault to the last cancel max {max(figures.fault_to_off_ns) / 1e6:.0f} ms"
        + (f"; the machine was first: {figures.starved}" if figures.starved else "")
    )
    assert figures.resting > 0
    assert len(figures.starved) <= count // 3, f"the machine starves the suite: {figures.starved}"


def median_ms(values_ns: list[int]) -> float:
    return sorted(values_ns)[len(values_ns) // 2] / 1e6
