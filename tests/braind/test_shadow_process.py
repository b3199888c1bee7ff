"""A real braind with a paper gateway: what it sends when, what it believes, and how it gets to know again."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest
from braind_process import publish, wait_until

from braind.rehearsal import made_up_events
from hft import stats
from hft.layout.dtypes import (
    ORDER_UPDATE,
    EventKind,
    IntentAction,
    IntentFlags,
    OrderState,
    RegionKind,
    UpdateKind,
    VenueSession,
    VetoReason,
)
from hft.regions import Region

MAKER = 'strategy = "braind.strategies.maker:MakerStrategy"\n'
TAKER = 'strategy = "braind.strategies.taker:TakerStrategy"\n'


class Market:
    """Events one after the other, in pieces, with the gateway at work in between."""

    def __init__(self, feedd, count: int = 6000, keep_pace=lambda _at: None) -> None:
        """`keep_pace`: called with the last record that was published, before the gateway takes intents."""
        self.feedd, self.events, self.at = feedd, made_up_events(count, 1_000_000), 0
        self.keep_pace = keep_pace
        self.intents: list[np.ndarray] = []

    def run(self, pieces: int, count: int = 20, pause_s: float = 0.004) -> None:
        for _ in range(pieces):
            publish(self.feedd, self.events[self.at : self.at + count].copy())
            self.at += count
            time.sleep(pause_s)
            self.keep_pace(self.at)
            self.intents.append(self.feedd.trade_all())

    def run_until_sent(self, more_than: int = 0) -> None:
        """Goes on until the gateway was sent more intents than that; behind the last event it waits."""

        def sent() -> bool:
            self.run(1, count=min(20, len(self.events) - self.at))
            return len(self.sent) > more_than

        wait_until(sent, "an intent")

    @property
    def sent(self) -> np.ndarray:
        return np.concatenate(self.intents)


def begun(start, feedd_side, extra: str, **options):
    braind = start(extra).wait_ready()
    feedd = feedd_side(**options)
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    return braind, feedd


def divergences(braind) -> dict[str, int]:
    values = stats.read(str(braind.directory / "braind" / "stats"))
    return {name: value for name, value in values.items() if "divergences" in name and value}


def at_rest(braind, feedd, market) -> None:
    """Everything is answered, and braind has taken it in."""

    def nothing_left() -> bool:
        done = (
            braind.value("braind_ring_cursor") == market.at
        )  # first: what it sent before is in the queue then
        taken = feedd.trade_all()
        market.intents.append(taken)
        return done and not len(taken)

    wait_until(nothing_left, "rest")
    # The figures after the next ones are of a round that began later than the last answer.
    braind.wait_for("braind_loop_iterations_total", braind.value("braind_loop_iterations_total") + 3)


def quotes_at_rest(braind, feedd, market) -> None:
    """Something rests, and nothing is filled any more."""
    feedd.venue.trade = lambda: None
    at_rest(braind, feedd, market)
    while not feedd.venue.orders:  # it may just have taken its quotes back, to make them anew
        market.run(1)
        at_rest(braind, feedd, market)


@pytest.mark.parametrize("strategy", [MAKER, TAKER])
def test_a_strategy_trades_within_its_limit_and_agrees_with_the_gateway(start, feedd_side, strategy):
    braind, feedd = begun(start, feedd_side, strategy + "position_max = 300\n")
    market = Market(feedd)
    market.run(120)
    at_rest(braind, feedd, market)
    assert len(market.sent) > 30
    assert feedd.venue.matches > 10
    assert max(abs(position) for position in feedd.venue.position.values()) <= 300
    assert divergences(braind) == {}
    assert braind.value("braind_vetoed") == 0
    assert braind.value("braind_shadow_held") == 0
    wait_until(
        lambda: braind.value("braind_shadow_orders") == len(feedd.venue.orders), "the same open orders"
    )
    if strategy == MAKER:
        assert {int(action) for action in market.sent["action"]} >= {IntentAction.NEW, IntentAction.REPLACE}
        orders = market.sent[market.sent["action"] != IntentAction.CANCEL]
        assert set(orders["flags"].tolist()) == {IntentFlags.POST_ONLY}
    assert (np.diff(market.sent["intent_id"].astype(np.int64)) > 0).all()
    feedd.retire()


def test_nothing_is_sent_before_the_gateway_has_reconciled(start, feedd_side):
    braind, feedd = begun(start, feedd_side, MAKER, reconciled=False)
    market = Market(feedd)
    market.run(20)
    braind.wait_for("braind_events_consumed_total", 400)
    assert len(market.sent) == 0
    assert braind.value("braind_shadow_held") == 2
    assert braind.value('braind_decisions_dropped_total{reason="held"}') > 50
    feedd.set_reconciled(True)
    market.run_until_sent()
    feedd.retire()


def test_a_restarted_braind_finds_its_orders_again_and_does_not_touch_them(start, feedd_side):
    braind, feedd = begun(start, feedd_side, MAKER)
    market = Market(feedd)
    market.run(30)
    quotes_at_rest(braind, feedd, market)
    braind.process.send_signal(signal.SIGKILL)
    braind.process.wait()
    left = len(feedd.venue.orders)
    second = start(MAKER).wait_ready()
    second.wait_for("braind_ring_maps_total", 1)
    wait_until(lambda: second.value("braind_shadow_rebuilds_total") == 1, "the book")
    wait_until(lambda: second.value("braind_shadow_orders") == left, "the orders of before")
    feedd.attach()
    assert len(feedd.venue.foreign) == left
    market.intents = []
    market.run(40)
    at_rest(second, feedd, market)
    assert len(market.sent) > 0
    assert divergences(second) == {}
    wait_until(
        lambda: second.value("braind_shadow_orders") == left + len(feedd.venue.orders), "the same open orders"
    )
    feedd.retire()


def test_a_lapped_reader_of_updates_holds_back_rebuilds_and_goes_on(start, feedd_side):
    braind, feedd = begun(start, feedd_side, MAKER, updates_records=1024)
    market = Market(feedd)
    market.run(30)
    braind.freeze()
    filler = np.zeros(1, ORDER_UPDATE)
    filler["kind"] = int(UpdateKind.LIMITS)
    for _ in range(3000):
        feedd.publish_update(filler)
    feedd.venue.sequence = feedd._updates_writer.sequence
    feedd.write_tables()
    braind.process.send_signal(signal.SIGCONT)
    braind.wait_for("braind_updates_lost_total", 1000)
    braind.wait_for("braind_shadow_rebuilds_total", 2)
    before = len(market.sent)
    market.run(40)
    at_rest(braind, feedd, market)
    assert len(market.sent) > before
    assert divergences(braind) == {}
    wait_until(
        lambda: braind.value("braind_shadow_orders") == len(feedd.venue.orders), "the same open orders"
    )
    feedd.retire()


def test_without_a_session_nothing_is_sent(start, feedd_side):
    braind, feedd = begun(start, feedd_side, MAKER)
    market = Market(feedd)
    market.run(10)
    down = np.zeros(1, ORDER_UPDATE)
    down["kind"], down["venue_reason"] = int(UpdateKind.SESSION), int(VenueSession.DOWN)
    feedd.publish_update(down)
    wait_until(lambda: braind.value("braind_shadow_held") == 4, "it to hold back")
    feedd.trade_all()
    sent = len(market.sent)
    market.run(10)
    assert len(market.sent) == sent
    down["venue_reason"] = int(VenueSession.UP)
    feedd.publish_update(down)
    market.run_until_sent(sent)
    feedd.retire()


def test_too_many_contradictions_are_a_veto(start, feedd_side, shm_directory):
    braind, feedd = begun(start, feedd_side, MAKER + "divergences_max = 3\n")
    market = Market(feedd)
    market.run(10)
    fill = np.zeros(1, ORDER_UPDATE)
    fill["kind"], fill["intents_generation"], fill["instrument_id"] = (
        int(UpdateKind.FILLED),
        feedd.venue.generation,
        1,
    )
    fill["order_id"], fill["quantity"], fill["side"], fill["order_state"] = (
        1 << 40,
        10,
        1,
        int(OrderState.DEAD),
    )
    for _ in range(4):
        feedd.publish_update(fill)
    queue = str(shm_directory / "braind" / "intents.ring")
    wait_until(
        lambda: Region.open(queue, RegionKind.INTENTS_RING).veto == VetoReason.SHADOW_DIVERGED, "the veto"
    )
    market.intents.append(feedd.trade_all())
    sent = len(market.sent)
    market.run(20)
    assert len(market.sent) == sent
    wait_until(lambda: braind.value("braind_vetoed") == 1, "the gauge")
    assert braind.value('braind_shadow_divergences_total{reason="fill_of_dead"}') == 4
    _, log = braind.stop()
    (line,) = [line for line in log if line["event"].startswith("vetoed")]
    assert (line["reason"], line["fill_of_dead"]) == ("shadow_diverged", 4)
    feedd.retire()


def test_quotes_are_taken_back_when_the_market_goes(start, feedd_side):
    braind, feedd = begun(start, feedd_side, MAKER)
    market = Market(feedd)
    market.run(20)
    quotes_at_rest(braind, feedd, market)
    gap = np.zeros_like(market.events[:1])
    gap["kind"] = int(EventKind.GAP)
    publish(feedd, gap)
    wait_until(lambda: len(feedd.trade_all()) and not feedd.venue.orders, "every quote to be cancelled")
    braind.wait_for("braind_withdrawals_total", 1)
    feedd.retire()


def test_quotes_are_taken_back_with_the_first_record_after_a_loss(start, feedd_side):
    braind, feedd = begun(start, feedd_side, MAKER, ring_records=1024)
    market = Market(feedd)
    market.run(20)
    quotes_at_rest(braind, feedd, market)
    braind.freeze()
    ticks = np.zeros(3000, market.events.dtype)  # no word of the instrument that is quoted
    ticks["kind"] = int(EventKind.TICK)
    publish(feedd, ticks)
    braind.process.send_signal(signal.SIGCONT)
    wait_until(lambda: braind.value("braind_ring_lost_total") > 0, "braind to notice")
    publish(feedd, ticks[:1].copy())
    wait_until(lambda: len(feedd.trade_all()) and not feedd.venue.orders, "every quote to be cancelled")
    braind.wait_for("braind_withdrawals_total", 1)
    feedd.retire()
