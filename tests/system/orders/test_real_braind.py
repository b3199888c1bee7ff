"""The same moments with the real braind, its market maker and its shadow book: three ledgers that must agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from material import Material
from moments import Figures, one_moment
from order_world import OrderWorld
from suite import wait_until

CASES = (("braind", "SIGKILL"), ("braind", "SIGSTOP"), ("watchd", "SIGSTOP"), ("feedd", "SIGKILL"))
QUOTES = 4


@pytest.fixture(scope="module")
def world(material: Material) -> Iterator[OrderWorld]:
    made = OrderWorld(material, braind="braind", resting=QUOTES, deadline_ms=2000)  # few cores for everything
    made.suite.configure(
        "braind", strategy="braind.strategies.maker:MakerStrategy", order_quantity=10, position_max=100
    )
    yield made
    made.end()


def divergences(world: OrderWorld) -> dict[str, int]:
    """Answers that contradicted the shadow book of the last braind, which may be dead."""
    stats = world.suite.stats("braind")
    return {
        name: int(count)
        for name, count in stats.items()
        if name.startswith("braind_shadow_divergences_total") and count
    }


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("name", "number"), CASES)
def test_after_a_moment_the_shadow_book_agrees_too(
    world: OrderWorld, name: str, number: str, figure: Callable[[str], None]
) -> None:
    figures, seed = Figures(), f"real braind {name} {number}"
    one_moment(world, name, number, random.Random(seed), figures, trades_s=2.0, rests=True)
    assert figures.resting == 1
    assert divergences(world) == {}
    stats = world.suite.stats("braind")
    assert int(stats["braind_shadow_rebuilds_total"]) >= 1
    if world.suite.alive("braind"):
        wait_until(
            lambda: world.suite.stats("braind")["braind_shadow_orders"] == 0, "its shadow book is empty", 20
        )
        assert divergences(world) == {}
    figure(
        f"real braind, market maker, seed '{seed}': {world.ledger.fills:,} fills so far, no divergence; "
        f"fault to the last cancel {figures.fault_to_off_ns[0] / 1e6:.0f} ms"
    )
