"""The venue's books follow the replay: like an independent engine's, and whenever they are first asked for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random

import pytest
from ouch_client import enter

from paperd.capture import Capture, load_capture
from paperd.orders.faults import Outgoing
from paperd.orders.ledger import Ledger
from paperd.orders.market import ReplayedMarket
from paperd.orders.matching import Instrument, SelfMatch
from paperd.orders.tally import Tally
from paperd.orders.venue import Venue

ITCH = Path(__file__).resolve().parents[4] / "shared" / "data" / "itch50"
Depth = list[tuple[int, int, int]]


class Followed:
    """A market whose replay stands where a test puts it, and a venue in it."""

    def __init__(self, capture: Capture) -> None:
        self.released = 0
        self.said: list[Outgoing] = []
        self.market = ReplayedMarket(capture, lambda: self.released)
        self.venue = Venue(self.market, Tally(), Ledger(None), self.said.append, SelfMatch.OLDEST)

    def go_to(self, released: int) -> None:
        self.released = released
        self.market.advance()


def depth(instrument: Instrument, buy: bool, levels: int = 10) -> Depth:
    """Price, shares and orders of the best levels."""
    found: dict[int, list[int]] = {}
    for order in instrument.book.side(buy).best_first():
        found.setdefault(order.price_e4, []).append(order.shares)
    return [(price, sum(shares), len(shares)) for price, shares in list(found.items())[:levels]]


@pytest.mark.capture
def test_the_real_captures_final_books_are_those_of_an_independent_engine(real_capture_path: Path) -> None:
    capture = load_capture(real_capture_path)
    followed = Followed(capture)
    followed.go_to(len(capture))
    answers = json.loads(gzip.decompress((ITCH / "final_depth10_itchbook.json.gz").read_bytes()))
    assert len(answers) > 600
    for answer in answers.values():
        instrument = followed.market.find(answer["symbol"].strip())
        for side in ("bid", "ask"):
            rows = [
                tuple(answer[f"{side}_{what}_{level:02}"] for what in ("px", "sz", "ct"))
                for level in range(10)
            ]
            assert depth(instrument, side == "bid") == [row for row in rows if row[2]], (
                answer["symbol"],
                side,
            )


def test_a_book_is_the_same_whenever_it_is_first_asked_for(small_day: Capture) -> None:
    random = Random(8)
    early = Followed(small_day)
    early.go_to(1_000)
    symbols = [symbol for symbol in early.market._listed if early.market.find(symbol) is not None]
    assert len(symbols) == 10
    moments = sorted(random.sample(range(1_001, len(small_day)), 40))
    for moment in moments:
        early.go_to(moment)
        late = Followed(small_day)
        late.go_to(moment)
        for symbol in random.sample(symbols, 3):
            one, other = early.market.find(symbol), late.market.find(symbol)
            assert one.trading_state == other.trading_state
            for buy in (True, False):
                assert depth(one, buy, 1_000) == depth(other, buy, 1_000)


def test_a_symbol_is_known_from_its_directory_message_on(small_day: Capture) -> None:
    first = next(n for n in range(len(small_day)) if small_day.type[n] == ord("R"))
    symbol = small_day.message(first)[11:19].decode().strip()
    followed = Followed(small_day)
    followed.go_to(first)
    assert followed.market.find(symbol) is None
    followed.go_to(first + 1)
    assert followed.market.find(symbol) is not None


def test_timestamps_are_the_markets_and_before_its_trading_action_a_symbol_is_halted(
    small_day: Capture,
) -> None:
    first = next(n for n in range(len(small_day)) if small_day.type[n] == ord("R"))
    symbol = small_day.message(first)[11:19].decode().strip()
    followed = Followed(small_day)
    followed.go_to(first + 1)
    followed.venue.handle(enter(1, symbol=symbol), 0)
    message = followed.said[-1].message
    assert (message["type"], message["reason"]) == ("J", 7)
    assert message["timestamp_ns"] == small_day.timestamp_ns[first]


def test_orders_against_a_day_keep_the_rules_of_the_book(small_day: Capture) -> None:
    """Random quotes through a whole day: every fill within its limit, taken shares never more than were displayed."""
    random = Random(4)
    followed = Followed(small_day)
    opened = next(
        n for n in range(len(small_day)) if small_day.message(n)[:1] + small_day.message(n)[11:12] == b"SQ"
    )
    followed.go_to(opened + 300)
    symbols = list(followed.market._listed)
    ref = 0
    while followed.released < len(small_day):
        followed.go_to(min(len(small_day), followed.released + random.randrange(1, 60)))
        instrument = followed.market.find(random.choice(symbols))
        best = instrument.book.side(random.random() < 0.5).best()
        if best is None:
            continue
        ref += 1
        price = max(100, best.price_e4 + 100 * random.randrange(-2, 3))
        side, tif = random.choice("BS"), random.choice("035")
        followed.venue.handle(
            enter(ref, side, random.randrange(1, 500), instrument.symbol, price, tif=tif), 0
        )
        for buy in (True, False):
            for order in instrument.book.side(buy).best_first():
                assert 0 <= order.taken <= order.shares
    tally = followed.venue.tally
    assert tally.open_orders() == [], "the day is over"
    assert all(execution.order.meets(execution.price_e4) for execution in tally.executions.values())
    makers = sum(execution.liquidity == "A" for execution in tally.executions.values())
    assert makers > 50
    assert len(tally.executions) - makers > 50
