"""[risk]: the gateway's hard limits."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from hft.config.checks import check_symbols
from hft.config.errors import ConfigError
from hft.config.gateway import Gateway

VENUE_SYMBOL_MAX = 8  # OUCH


class InstrumentRisk(Struct, frozen=True, forbid_unknown_fields=True):
    """An instrument's own limits; None: those of [risk] alone."""

    order_quantity_max: Annotated[int, Meta(ge=0, le=999_999)] | None = None
    order_notional_max: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    position_max: Annotated[int, Meta(ge=0, le=10**9)] | None = None


class Risk(Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway's hard limits: an absent one is 0, and 0 refuses. Notional and loss in whole currency units."""

    symbols: Annotated[tuple[str, ...], Meta(max_length=256)] = ()
    hours: Literal["regular", "extended"] = "regular"
    order_quantity_max: Annotated[int, Meta(ge=0, le=999_999)] = 0
    order_notional_max: Annotated[int, Meta(ge=0, le=10**9)] = 0
    position_max: Annotated[int, Meta(ge=0, le=10**9)] = 0
    gross_notional_max: Annotated[int, Meta(ge=0, le=10**11)] = 0
    open_orders_max: Annotated[int, Meta(ge=0, le=65536)] = 0
    unacknowledged_max: Annotated[int, Meta(ge=0, le=65536)] = 0
    loss_max: Annotated[int, Meta(ge=0, le=10**10)] = 0
    price_collar_bps: Annotated[int, Meta(ge=0, le=10_000)] = 0
    book_age_ms_max: Annotated[int, Meta(ge=0, le=60_000)] = 0
    intent_age_us_max: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    duplicate_window_us: Annotated[int, Meta(ge=0, le=60_000_000)] = 0
    messages_per_s: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    message_burst: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    cancel_reserve: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    price_tick: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    lot: Annotated[int, Meta(ge=1, le=10_000)] = 1
    instruments: dict[str, InstrumentRisk] = {}


def check_risk(risk: Risk, gateway: Gateway) -> None:
    check_symbols("risk.symbols", risk.symbols)
    for index, symbol in enumerate(risk.symbols):
        if gateway.venue and len(symbol) > VENUE_SYMBOL_MAX:
            raise ConfigError(
                f"risk.symbols[{index}]",
                f'"{symbol}" is longer than the venue\'s {VENUE_SYMBOL_MAX} characters',
            )
    for name in ("open_orders_max", "unacknowledged_max"):
        if getattr(risk, name) > gateway.orders:
            raise ConfigError(f"risk.{name}", f"{getattr(risk, name)} is more than feedd.gateway.orders")
    if risk.cancel_reserve > risk.message_burst:
        raise ConfigError("risk.cancel_reserve", f"{risk.cancel_reserve} is more than risk.message_burst")
    for symbol in risk.instruments:
        if symbol not in risk.symbols:
            raise ConfigError(f"risk.instruments.{symbol}", "is not one of risk.symbols")
