"""The limits in force: the configuration's [risk], and what people tightened at run time. Pure.

A limit can be tightened at any time and loosened only while disarmed, never beyond the configuration. Values are in the
configuration's units (notional and loss in whole currency units); the page that the gateway reads has price units.

What a starting watchd believes is the tightest of what the page and the file say: a watchd that died between the two
must not have loosened anything. Where neither can be believed nothing is allowed: every limit is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hft.config import Risk
from hft.limits import NOT_SET, InstrumentLimits, Limits
from watchd.ctl_protocol import LimitChange
from watchd.ctl_words import LIMITS, LIMITS_OF_A_SYMBOL

PRICE_UNITS: Final = 10_000  # 4 decimals, ITCH's and OUCH's
IN_CURRENCY: Final = ("order_notional_max", "gross_notional_max", "loss_max")
UNNAMED: Final = "#"  # stands before the instrument id where the symbol is not known

Values = Mapping[str, int]


@dataclass(frozen=True)
class Tightened:
    """What people tightened; absent: nobody did. `ids`: instrument ids of the symbols, as the feed named them last."""

    sequence: int = 0
    account: Values = field(default_factory=dict)
    symbols: Mapping[str, Values] = field(default_factory=dict)
    ids: Mapping[str, int] = field(default_factory=dict)

    def of(self, name: str, symbol: str = "") -> int:
        """NOT_SET: nobody tightened it."""
        values = self.symbols.get(symbol, {}) if symbol else self.account
        return values.get(name, NOT_SET)

    def with_change(self, change: LimitChange) -> Tightened:
        """Under the next sequence number."""
        if not change.symbol:
            account = {**self.account, change.name: change.value}
            return replace(self, sequence=self.sequence + 1, account=account)
        own = {**self.symbols.get(change.symbol, {}), change.name: change.value}
        return replace(self, sequence=self.sequence + 1, symbols={**self.symbols, change.symbol: own})

    def named(self, ids: Mapping[str, int]) -> Tightened:
        """With the ids that the feed uses now; itself when nothing changed. A symbol it has not named keeps its own."""
        known = {symbol: ids.get(symbol, self.ids.get(symbol, 0)) for symbol in self.symbols}
        known = {symbol: number for symbol, number in known.items() if number}
        return self if known == dict(self.ids) else replace(self, sequence=self.sequence + 1, ids=known)


NOTHING_ALLOWED: Final = Tightened(account=dict.fromkeys(LIMITS, 0))


def configured(risk: Risk, name: str, symbol: str = "") -> int:
    """The configuration's; for a symbol its own where that is tighter."""
    value = int(getattr(risk, name))
    own = risk.instruments.get(symbol)
    own_value = None if own is None else getattr(own, name)
    return value if own_value is None else min(value, int(own_value))


def in_force(risk: Risk, tightened: Tightened, name: str, symbol: str = "") -> int:
    """What the gateway must keep to once it has taken the page: the smallest of all that apply."""
    value = min(configured(risk, name, symbol), tightened.of(name))
    return min(value, tightened.of(name, symbol)) if symbol else value


def refusal(risk: Risk, tightened: Tightened, change: LimitChange, *, may_loosen: bool) -> str:
    """Why this change is not made; "" = it may be."""
    if change.symbol and change.symbol not in risk.symbols:
        return f"{change.symbol}: not one of risk.symbols, so nothing of it is sent"
    bound = configured(risk, change.name, change.symbol)
    if change.value > bound:
        return f"{change}: {change.value:,} is beyond the configuration's {bound:,}, which is the hard limit"
    if change.symbol and change.value > (bound := tightened.of(change.name)):
        return f"{change}: {change.value:,} is beyond the {bound:,} that is in force for every instrument"
    now = in_force(risk, tightened, change.name, change.symbol)
    if change.value > now and not may_loosen:
        return (
            f"{change}: {change.value:,} would loosen the {now:,} in force; disarm first (watchd ctl disarm)"
        )
    return ""


def page_of(tightened: Tightened) -> Limits:
    """As the gateway reads it. Symbols that the feed has not named yet are not on it: they can not be traded yet."""
    instruments = {
        number: InstrumentLimits(**_in_price_units(tightened.symbols[symbol]))
        for symbol, number in tightened.ids.items()
    }
    # The page's writer counts on from here.
    return Limits(
        sequence=tightened.sequence - 1, instruments=instruments, **_in_price_units(tightened.account)
    )


def _in_price_units(values: Values) -> dict[str, int]:
    return {name: value * (PRICE_UNITS if name in IN_CURRENCY else 1) for name, value in values.items()}


def restored(page: Limits | None, file: Tightened | None, *, file_is_missing: bool) -> Tightened:
    """What a starting watchd believes. `page` None: it can not be read. `file` None: missing or damaged."""
    if page is None or (page.sequence == 0 and file is None):
        # A page within a change is a mixture of what it was, which the file has, and what nobody was told is so.
        if file is not None:
            return file
        never_set = page is not None and file_is_missing
        return Tightened() if never_set else NOTHING_ALLOWED
    seen = _of_page(page, file)
    if file is None:
        return seen
    symbols = {
        symbol: _tightest(seen.symbols.get(symbol, {}), file.symbols.get(symbol, {}))
        for symbol in {**file.symbols, **seen.symbols}
    }
    account = _tightest(seen.account, file.account)
    return Tightened(max(seen.sequence, file.sequence), account, symbols, {**file.ids, **seen.ids})


def _of_page(page: Limits, file: Tightened | None) -> Tightened:
    symbol_of = {number: symbol for symbol, number in (file.ids if file else {}).items()}
    names = {number: symbol_of.get(number, f"{UNNAMED}{number}") for number in page.instruments}
    return Tightened(
        page.sequence,
        _in_config_units({name: getattr(page, name) for name in LIMITS}),
        {
            names[number]: _in_config_units({name: getattr(own, name) for name in LIMITS_OF_A_SYMBOL})
            for number, own in page.instruments.items()
        },
        {symbol: number for number, symbol in names.items()},
    )


def _in_config_units(values: Values) -> dict[str, int]:
    return {
        name: value // (PRICE_UNITS if name in IN_CURRENCY else 1)
        for name, value in values.items()
        if value != NOT_SET
    }


def _tightest(one: Values, other: Values) -> dict[str, int]:
    return {
        name: min(one.get(name, NOT_SET), other.get(name, NOT_SET))
        for name in LIMITS
        if name in one or name in other
    }
