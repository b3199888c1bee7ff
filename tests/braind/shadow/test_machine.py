"""The shadow book against a model of gateway and venue (street.py), whatever happens in whatever order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from desk import BUY, CANCEL, DAY, IOC, NEW, REPLACE, SELL
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from random_street import RandomStreet
from street import Street
from street_gateway import GENERATION_HERE
from street_venue import INSTRUMENTS

from braind.shadow.layout import GENERATION, HELD, NOT_REBUILT, ORDER_ID, SIDE

SLOTS = st.integers(0, len(INSTRUMENTS) - 1)
QUANTITIES = st.integers(1, 20).map(lambda lots: 10 * lots)


class ShadowBookMachine(RuleBasedStateMachine):
    """Every rule moves one thing on; the invariant looks at the truth after each."""

    def __init__(self) -> None:
        super().__init__()
        self.street = Street()

    @rule(
        slot=SLOTS, ticks=st.integers(95, 101), quantity=QUANTITIES, lifetime=st.sampled_from([DAY, DAY, IOC])
    )
    def buy(self, slot, ticks, quantity, lifetime):
        self.street.want(slot, NEW, BUY, 100 * ticks, quantity, lifetime)

    @rule(
        slot=SLOTS,
        ticks=st.integers(100, 106),
        quantity=QUANTITIES,
        lifetime=st.sampled_from([DAY, DAY, IOC]),
    )
    def sell(self, slot, ticks, quantity, lifetime):
        self.street.want(slot, NEW, SELL, 100 * ticks, quantity, lifetime)

    @rule(slot=SLOTS, which=st.integers(0, 30), ticks=st.integers(95, 106), quantity=QUANTITIES)
    def replace(self, slot, which, ticks, quantity):
        if own := self.own(slot):
            one = own[which % len(own)]
            self.street.want(slot, REPLACE, int(one[SIDE]), 100 * ticks, quantity, DAY, int(one[ORDER_ID]))

    @rule(slot=SLOTS, which=st.integers(0, 30))
    def cancel(self, slot, which):
        if own := self.own(slot):
            self.street.want(slot, CANCEL, order_id=int(own[which % len(own)][ORDER_ID]))

    def own(self, slot):
        return [one for one in self.street.orders_of(slot) if one[GENERATION] == GENERATION_HERE]

    @precondition(lambda self: self.street.intents)
    @rule(refuse=st.sampled_from([False, False, False, True]))
    def gateway_answers(self, refuse):
        self.street.gateway_step(refuse)

    @precondition(lambda self: self.street.wire)
    @rule(how=st.sampled_from([0, 0, 0, 1, 2]), quantity=QUANTITIES)
    def venue_handles(self, how, quantity):
        self.street.venue_step(how, quantity)

    @precondition(lambda self: self.street.live)
    @rule(which=st.integers(0, 30), quantity=QUANTITIES)
    def venue_fills(self, which, quantity):
        one = list(self.street.live.values())[which % len(self.street.live)]
        self.street.fill(one, min(quantity, one.leaves))

    @precondition(lambda self: self.street.live)
    @rule(which=st.integers(0, 30), quantity=st.integers(0, 5).map(lambda lots: 10 * lots))
    def venue_cancels_unasked(self, which, quantity):
        one = list(self.street.live.values())[which % len(self.street.live)]
        self.street.cancel(one, quantity)

    @precondition(lambda self: self.street.replies and self.street.up)
    @rule(count=st.integers(1, 4))
    def gateway_reads(self, count):
        for _ in range(count):
            self.street.reply_step()

    @precondition(lambda self: self.street.updates)
    @rule(count=st.integers(1, 8))
    def braind_reads(self, count):
        self.street.take_updates(count)

    @precondition(lambda self: self.street.updates)
    @rule(count=st.integers(1, 8))
    def braind_is_lapped(self, count):
        self.street.lose_updates(count)

    @precondition(lambda self: self.street.book.words[HELD] & NOT_REBUILT)
    @rule(behind=st.integers(0, 5))
    def braind_rebuilds(self, behind):
        self.street.rebuild(behind)

    @precondition(lambda self: self.street.up)
    @rule(arrived=st.integers(0, 4))
    def session_breaks(self, arrived):
        self.street.break_session(arrived, self.street.venue_step)

    @precondition(lambda self: not self.street.up)
    @rule()
    def session_is_back(self):
        self.street.restore_session()

    @rule()
    def gateway_cancels_all(self):
        self.street.cancel_all()

    @rule()
    def everything_comes_to_rest(self):
        self.street.settle()
        self.street.check_quiet()

    @invariant()
    def worst_case_holds_and_nothing_is_there_twice(self):
        self.street.check()

    def teardown(self):
        self.street.settle()
        self.street.check()
        self.street.check_quiet()


TestShadowBookMachine = ShadowBookMachine.TestCase
TestShadowBookMachine.settings = settings(
    max_examples=int(os.environ.get("HFT_SHADOW_EXAMPLES", "60")), stateful_step_count=60, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_long_random_days_end_with_equal_ledgers_and_without_a_divergence(seed):
    day = RandomStreet(1000 + seed)
    for _ in range(500):
        day.move()
        day.street.check()
    day.street.settle()
    day.street.check()
    day.street.check_quiet()
    assert day.said[0] > 20
    assert len(day.street.trades) > 10


def test_interpreted_and_compiled_books_are_the_same_bytes_after_every_move():
    program = Path(__file__).with_name("random_street.py")
    said = []
    for disable_jit in ("0", "1"):
        done = subprocess.run(
            [sys.executable, program, "3", "1500"], env={**os.environ, "NUMBA_DISABLE_JIT": disable_jit},
            capture_output=True, text=True, check=True, timeout=240,
        )  # fmt: skip
        said.append(done.stdout)
    assert said[0] == said[1]
    orders, updates, _ = said[0].split()
    assert int(orders) > 50
    assert int(updates) > 100
