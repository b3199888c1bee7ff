"""[braind]: model, strategy, instruments, and what braind may assume."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hft.config.checks import check_power_of_two, check_symbols
from hft.config.errors import ConfigError


class Braind(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Braind's section: model, strategy, instruments."""

    idle: Literal["spin", "backoff"] = "spin"
    model: str
    strategy: str = "braind.strategies.imbalance:ImbalanceStrategy"
    strategy_path: str = ""
    symbols: Annotated[tuple[str, ...], Meta(min_length=1, max_length=4096)]
    intents_ring_records: Annotated[int, Meta(ge=16, le=65536)] = 4096
    inputs_ring_records: Annotated[int, Meta(ge=1024, le=1 << 22)] = 1 << 16
    checkpoint_interval_records: Annotated[int, Meta(ge=0, le=1 << 40)] = 250_000
    accept_partial_books: bool = False
    decision_interval_us: Annotated[int, Meta(ge=0, le=10_000_000)] = 100
    score_threshold: Annotated[float, Meta(ge=0.34, le=1.0)] = 0.55
    order_quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    position_max: Annotated[int, Meta(ge=0, le=10**9)] = 1000
    shadow_orders: Annotated[int, Meta(ge=16, le=65536)] = 1024
    divergences_max: Annotated[int, Meta(ge=0, le=1_000_000)] = 16
    answer_ms_max: Annotated[int, Meta(ge=1, le=3_600_000)] = 10_000
    quote_half_spread_ticks: Annotated[float, Meta(ge=0.0, le=1000.0)] = 1.0
    quote_skew_ticks: Annotated[float, Meta(ge=0.0, le=1000.0)] = 2.0
    requote_ticks: Annotated[int, Meta(ge=1, le=1000)] = 1


def check_braind(braind: Braind) -> None:
    if not braind.model or "\0" in braind.model:
        raise ConfigError("braind.model", "empty")
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", braind.strategy, re.ASCII):
        raise ConfigError("braind.strategy", f'"{braind.strategy}" is not module:Class')
    path = braind.strategy_path
    if path and (not path.startswith("/") or "\0" in path):
        raise ConfigError("braind.strategy_path", f'"{path}" is not an absolute path')
    check_symbols("braind.symbols", braind.symbols)
    check_power_of_two("braind.intents_ring_records", braind.intents_ring_records)
    check_power_of_two("braind.inputs_ring_records", braind.inputs_ring_records)
