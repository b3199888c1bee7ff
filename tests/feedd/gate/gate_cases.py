"""Cases for the gate, made by the thousand: around every limit by one, around the ends of 64 bits, and nonsense.

An ordinary case passes every rule, each limit exactly met or with some room. Then one rule (sometimes two) is aimed at:
its value lands one below, on or above the limit, or the limit is 0. A third of all cases get words replaced by values
at the ends of their types; a tenth is wide: quantities and positions of up to 64 bits from the start.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Integers = NDArray[np.int64]

FIELDS: Final = (
    "side", "quantity", "price", "replaced_leaves", "emit",
    "allowed", "trade_state", "validity", "bid", "ask", "position", "open_buy", "open_sell",
    "own_best_bid", "own_best_ask", "duplicate", "own_quantity_max", "own_notional_max", "own_position_max",
    "gross_others", "open_orders", "unacknowledged", "marked_value", "phase", "heard", "message_allowed",
    "hours", "quantity_max", "notional_max", "position_max", "gross_max", "open_orders_max", "unacknowledged_max",
    "loss_max", "collar_bps", "book_age_max", "intent_age_max", "tick", "lot",
    "now",
)  # fmt: skip
BYTES: Final = ("side", "trade_state", "validity", "phase", "hours")  # enums of a byte
SPECIAL: Final = np.array(
    [0, 1, 2, 3, 9_999, 10_000, 10_001, 2**31, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**62,
     2**63 - 2, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 3, 2**64 - 2, 2**64 - 1],
    np.uint64,
)  # fmt: skip
NONE_MAX: Final = np.uint64(2**64 - 1)

RULES: Final = (
    "nothing", "allowed", "hours", "trade_state", "book", "book_age", "intent_age", "tick", "lot", "quantity",
    "notional", "collar", "position", "gross", "open_orders", "unacknowledged", "duplicate", "self_trade",
    "loss", "message",
)  # fmt: skip


def generate(rng: np.random.Generator, count: int) -> Words:
    """`count` cases, a row each, columns as FIELDS."""
    made = _Ordinary(rng, count)
    wide = rng.random(count) < 0.1
    words = made.words()
    words[wide] = _widened(rng, words[wide])
    _spoil(rng, words)
    return words


class _Ordinary:
    """Cases whose every value is below 2^62, so that each limit can be set exactly to its value and ±1."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self._rng, self._count = rng, count
        aimed, second = rng.integers(0, len(RULES), count), rng.integers(0, len(RULES), count)
        self._second = np.where(rng.random(count) < 0.15, second, 0)
        self._first = aimed
        self._field: dict[str, Any] = {}

    def _aim(self, rule: str) -> NDArray[np.bool_]:
        index = RULES.index(rule)
        return (self._first == index) | (self._second == index)

    def _pick(self, *values: int) -> Integers:
        return self._rng.choice(np.array(values, np.int64), self._count)

    def _between(self, low: int, high: int) -> Integers:
        return self._rng.integers(low, high + 1, self._count)

    def _limit(self, rule: str, value: Integers) -> Integers:
        """A limit that `value` meets exactly or with room; aimed at: missed by one, by a lot, met, or 0."""
        room = self._pick(0, 0, 1, 2, 1000, 10**9)
        miss = self._pick(-1, -1, -1, -1000, 0, 1)
        aimed = self._aim(rule)
        limit = value + np.where(aimed, miss, room)
        return np.maximum(np.where(aimed & (self._rng.random(self._count) < 0.2), 0, limit), 0)

    def words(self) -> Words:
        self._market()
        self._order()
        self._exposure()
        self._account()
        columns = [np.asarray(self._field[name]) for name in FIELDS]
        return np.stack([column.astype(np.uint64) for column in columns], axis=1)

    def _market(self) -> None:
        f, now = self._field, self._between(10**9, 10**15)
        f["now"] = now = np.where(
            self._rng.random(self._count) < 0.03, self._between(0, 2), now
        )  # right after boot
        f["allowed"] = ~self._aim("allowed")
        outside = self._aim("hours")
        f["hours"] = np.where(outside, self._pick(0, 1, 2, 3, 3, 3, 4, 255), self._pick(2, 3))
        f["phase"] = np.where(
            outside, self._pick(0, 1, 2, 2, 2, 4, 255), np.maximum(f["hours"], self._pick(2, 3))
        )
        f["trade_state"] = np.where(self._aim("trade_state"), self._pick(0, 2, 3, 4, 255), 1)
        f["tick"] = self._pick(1, 1, 5, 100, 100, 100, 10_000)
        decades = 10 ** self._pick(0, 1, 3, 4, 5)
        f["bid"] = f["tick"] * self._rng.integers(1, 5 * decades + 1)
        f["ask"] = f["bid"] + f["tick"] * self._between(1, 50)
        broken, how = self._aim("book"), self._between(0, 4)
        f["validity"] = np.where(broken & (how == 0), self._pick(0, 2, 3, 4, 5, 255), 1)
        f["ask"] = np.where(broken & (how == 1), f["bid"], f["ask"])
        f["ask"] = np.where(broken & (how == 2), f["bid"] - 1, f["ask"])
        f["ask"] = np.where(broken & (how == 3), 0, f["ask"])
        f["bid"] = np.where(broken & (how == 4), 0, f["bid"])
        age = self._pick(0, 1, 1000, 10**6) * self._between(0, 3)
        f["heard"] = np.maximum(now + np.where(self._rng.random(self._count) < 0.3, age, -age), 0)
        f["book_age_max"] = np.where(self._aim("book_age"), 0, 1) + self._limit("book_age", age)
        age = self._pick(0, 1, 1000, 10**6) * self._between(0, 3)
        f["intent_age_max"] = np.where(self._aim("intent_age"), 0, 1) + self._limit("intent_age", age)
        future = self._aim("intent_age") & (self._rng.random(self._count) < 0.2)
        f["emit"] = np.maximum(now - np.where(future, -1, age), 0)

    def _order(self) -> None:
        f = self._field
        f["side"] = side = self._between(1, 2)
        f["collar_bps"] = bps = self._pick(1, 7, 10, 50, 500, 9_999, 10_000)
        highest, lowest = f["ask"] * (10_000 + bps) // 10_000, -(-f["bid"] * (10_000 - bps) // 10_000)
        outermost = np.where(side == 1, highest, lowest)
        outward = np.where(side == 1, 1, -1)
        tick = np.where(outermost < 10_000, 1, f["tick"])
        aligned = np.where(side == 1, outermost // tick, -(-outermost // tick)) * tick
        beyond = np.where(self._aim("collar"), self._pick(0, 1, 1, 2), self._pick(0, 0, -1, -2))
        price = np.where(
            (self._rng.random(self._count) < 0.5) | self._aim("collar"),
            aligned + beyond * outward * tick,
            np.where(self._rng.random(self._count) < 0.5, f["bid"], f["ask"]),
        )
        zero = self._aim("collar") & (self._rng.random(self._count) < 0.15)
        f["collar_bps"] = np.where(zero, self._pick(0, 0, 10_001), bps)
        price = price + np.where(self._aim("tick"), self._pick(-1, 1, 1, 50), 0)
        edge = self._aim("tick") & (self._rng.random(self._count) < 0.25)
        f["tick"] = np.where(edge, self._pick(7, 300), f["tick"])
        price = np.where(edge, self._pick(9_999, 10_000, 10_001), price)
        f["price"] = price = np.maximum(price, 1)
        f["lot"] = lot = self._pick(1, 1, 10, 100)
        f["quantity"] = quantity = lot * self._between(1, 10) + np.where(
            self._aim("lot"), self._pick(1, -1), 0
        )
        for name, rule in (("tick", "tick"), ("lot", "lot")):
            zero = self._aim(rule) & (self._rng.random(self._count) < 0.1)
            f[name] = np.where(zero, 0, f[name])
        self._two_limits("quantity", quantity, "quantity_max", "own_quantity_max")
        self._two_limits("notional", price * quantity, "notional_max", "own_notional_max")

    def _two_limits(self, rule: str, value: Integers, name: str, own_name: str) -> None:
        """The smaller one counts: now the account's, now the instrument's own, now both."""
        limit = self._limit(rule, value).astype(np.uint64)
        other = np.where(
            self._rng.random(self._count) < 0.5, NONE_MAX, limit + self._pick(0, 1, 5).astype(np.uint64)
        )
        swap = self._rng.random(self._count) < 0.5
        self._field[name] = np.where(swap, other, limit)
        self._field[own_name] = np.where(swap, limit, other)

    def _exposure(self) -> None:
        f, buys = self._field, self._field["side"] == 1
        f["position"] = position = self._between(-5000, 5000) * self._pick(0, 1, 1)
        replaced = self._between(1, 1000) * self._pick(0, 0, 0, 1)
        inside = np.where(self._aim("position"), self._pick(0, 0, 0, 0, 0, -1), self._between(0, 3000))
        this_open = np.maximum(replaced + inside, 0)
        other_open = self._between(0, 3000) * self._pick(0, 1)
        f["replaced_leaves"] = replaced
        f["open_buy"], f["open_sell"] = (
            np.where(buys, this_open, other_open),
            np.where(buys, other_open, this_open),
        )
        signed = np.where(buys, position, -position)
        before, other = signed + this_open, other_open - signed
        worst = before - replaced + f["quantity"]
        self._two_limits("position", np.maximum(worst, 1), "position_max", "own_position_max")
        none = self._aim("position") & (self._rng.random(self._count) < 0.1)
        f["position_max"] = np.where(none, np.uint64(0), f["position_max"])
        mark = (f["bid"] + f["ask"] + 1) // 2
        f["gross_others"] = others = self._between(0, 10**12) * self._pick(0, 1, 1)
        f["gross_max"] = np.maximum(self._limit("gross", others + np.maximum(worst, other) * mark), 0)
        near = f["price"] + self._pick(1, 1, 2, 500)
        below = np.maximum(f["price"] - self._pick(1, 1, 2, 500), 0)
        met = self._aim("self_trade")
        own_ask = np.where(met, f["price"] - self._pick(0, 0, 1, 300), near).astype(np.uint64)
        own_bid = np.where(met, f["price"] + self._pick(0, 0, 1, 300), below).astype(np.uint64)
        free = ~met & (self._rng.random(self._count) < 0.3)
        any_price = self._between(1, 10**9).astype(np.uint64)
        f["own_best_ask"] = np.where(buys, np.where(free, NONE_MAX, own_ask), any_price)
        f["own_best_bid"] = np.where(buys, any_price, np.where(free, np.uint64(0), own_bid))

    def _account(self) -> None:
        f = self._field
        f["open_orders"] = orders = self._between(0, 1000) + (f["replaced_leaves"] != 0)
        f["open_orders_max"] = self._limit("open_orders", orders + 1 - (f["replaced_leaves"] != 0))
        unknown = self._aim("open_orders") & (self._rng.random(self._count) < 0.2)
        for name in ("open_orders", "open_orders_max"):
            f[name] = np.where(unknown, NONE_MAX, f[name].astype(np.uint64))
        f["unacknowledged"] = waiting = self._between(0, 100) * self._pick(0, 1)
        f["unacknowledged_max"] = self._limit("unacknowledged", waiting + 1)
        f["marked_value"] = marked = self._between(-(10**9), 10**9) * self._pick(0, 1, 1)
        f["loss_max"] = np.where(self._aim("loss"), 0, marked > 0) + self._limit(
            "loss", np.maximum(-marked, 1)
        )
        f["duplicate"] = self._aim("duplicate")
        f["message_allowed"] = ~self._aim("message")


def _widened(rng: np.random.Generator, words: Words) -> Words:
    """The same cases with positions, open quantities and limits of up to 64 bits; each limit exact, where it fits."""
    made = words.copy()
    column = {name: index for index, name in enumerate(FIELDS)}
    big = [2**63 - 1, 2**62, 2**63 - 12_345, 2**40]
    most = 2**64 - 1

    def one_of(*values: int) -> int:  # numpy would make floats of values that need all 64 bits
        return values[int(rng.integers(0, len(values)))]

    for row in made:
        case = dict(zip(FIELDS, (int(word) for word in row), strict=True))
        position = one_of(0, 1, -1, -(2**63), 2**63 - 1, -(2**62), 2**62)
        this_open, other_open = (one_of(*big) * int(rng.integers(0, 3)) % 2**64 for _ in range(2))
        case["replaced_leaves"] = one_of(0, 0, 1, this_open, max(this_open - 1, 0))
        if rng.random() < 0.5:
            case |= {"quantity": one_of(1, 2, *big), "lot": 1, "own_quantity_max": most, "quantity_max": most}
            case |= {"notional_max": min(case["price"] * case["quantity"] + int(rng.integers(-1, 2)), most)}
            case |= {"own_notional_max": most}
        buys = case["side"] == 1
        case["position"] = position % 2**64
        case["open_buy"], case["open_sell"] = (this_open, other_open) if buys else (other_open, this_open)
        signed = position if buys else -position
        worst = signed + this_open - case["replaced_leaves"] + case["quantity"]
        case["position_max"] = min(max(worst + int(rng.integers(-1, 2)), 0), most)
        case["own_position_max"] = most
        gross = (
            max(worst, other_open - signed) * ((case["bid"] + case["ask"] + 1) // 2) + case["gross_others"]
        )
        case["gross_max"] = min(max(gross + int(rng.integers(-1, 2)), 0), most)
        if rng.random() < 0.2:
            case |= {"marked_value": 2**63, "loss_max": one_of(2**63 - 1, 2**63, most)}
        for name, value in case.items():
            row[column[name]] = value
    return made


def _spoil(rng: np.random.Generator, words: Words) -> None:
    """One to three words of a third of the cases become special ones or miss by one."""
    count = len(words)
    for share in (0.3, 0.1, 0.05):
        rows = np.flatnonzero(rng.random(count) < share)
        columns = rng.integers(0, len(FIELDS), len(rows))
        old = words[rows, columns]
        choice = rng.random(len(rows))
        new = np.where(choice < 0.7, rng.choice(SPECIAL, len(rows)), old + np.uint64(1))
        words[rows, columns] = np.where(choice > 0.85, old - np.uint64(1), new)
    for name in BYTES:
        words[:, FIELDS.index(name)] &= np.uint64(0xFF)
