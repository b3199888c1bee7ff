"""The street moved on by a seeded random number generator.

Also a program, for the test that interpreted and compiled code agree:

    python random_street.py SEED MOVES       prints a digest of the book after every move
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter

import numpy as np
from street import Street
from street_gateway import GENERATION_HERE
from street_venue import BUY, CANCEL, DAY, INSTRUMENTS, IOC, NEW, REPLACE, SELL

from braind.shadow.layout import GENERATION, HELD, NOT_REBUILT, ORDER_ID, SIDE


class RandomStreet:
    """`move()` does one thing of what could happen."""

    def __init__(self, seed: int) -> None:
        self.street = Street()
        self.random = np.random.default_rng(seed)
        self.said: Counter = Counter()

    def move(self) -> None:
        moves = (self.want, self.want, self.gateway, self.venue, self.fill, self.reply, self.read, self.rare)
        moves[self.random.integers(len(moves))]()
        if not self.street.up and self.number(0, 9) == 0:
            self.street.restore_session()
        if self.street.book.words[HELD] & NOT_REBUILT and self.number(0, 4) == 0:
            self.street.rebuild(self.number(0, 4))

    def number(self, low: int, high: int) -> int:
        """low … high."""
        return int(self.random.integers(low, high + 1))

    def want(self) -> None:
        slot, action = self.number(0, len(INSTRUMENTS) - 1), (NEW, REPLACE, CANCEL)[self.number(0, 2)]
        side = (BUY, SELL)[self.number(0, 1)]
        own = [one for one in self.street.orders_of(slot) if one[GENERATION] == GENERATION_HERE]
        order_id = 0
        if action != NEW and own:
            one = own[self.number(0, len(own) - 1)]
            order_id, side = int(one[ORDER_ID]), int(one[SIDE])
        price = 100 * (self.number(95, 101) if side == BUY else self.number(100, 106))
        lifetime = IOC if action == NEW and self.number(0, 3) == 0 else DAY
        reason = self.street.want(slot, action, side, price, 10 * self.number(1, 20), lifetime, order_id)
        self.said[reason] += 1

    def gateway(self) -> None:
        self.street.gateway_step(refuse=self.number(0, 9) == 0)

    def venue(self) -> None:
        self.street.venue_step(how=max(0, self.number(-6, 2)), quantity=10 * self.number(0, 20))

    def fill(self) -> None:
        if self.street.live:
            one = list(self.street.live.values())[self.number(0, len(self.street.live) - 1)]
            if self.number(0, 5) == 0:
                self.street.cancel(one, 10 * self.number(0, 5))
            else:
                self.street.fill(one, min(one.leaves, 10 * self.number(1, 20)))

    def reply(self) -> None:
        for _ in range(self.number(1, 3)):
            if self.street.up:
                self.street.reply_step()

    def read(self) -> None:
        self.street.take_updates(self.number(1, 6))

    def rare(self) -> None:
        street, what = self.street, self.number(0, 40)
        if what == 0 and street.up:
            street.break_session(self.number(0, 5), street.venue_step)
        elif what == 1:
            street.cancel_all()
        elif what == 2:
            street.lose_updates(self.number(1, 5))
        elif what == 3:
            street.settle()
            street.check_quiet()


def main(seed: str, moves: str) -> None:
    one, digest = RandomStreet(int(seed)), hashlib.sha256()
    for _ in range(int(moves)):
        one.move()
        book = one.street.book
        for array in (book.rows, book.orders, book.words, book.resting, book.prevented, book.diverged):
            digest.update(array.tobytes())
    print(one.street.last_id, one.street.published, digest.hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
