"""[feedd.capacity] and [feedd.feed]: what feedd takes at start, and the feed it listens to."""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hft.config.checks import check_endpoint, is_address
from hft.config.errors import ConfigError


class Capacity(Struct, frozen=True, forbid_unknown_fields=True):
    """What feedd takes at start; reaching one is counted."""

    market_ring_records: Annotated[int, Meta(ge=1024, le=1 << 26)] = 1 << 20
    updates_ring_records: Annotated[int, Meta(ge=1024, le=1 << 22)] = 1 << 16
    instruments: Annotated[int, Meta(ge=16, le=65536)] = 16384
    orders: Annotated[int, Meta(ge=1024, le=1 << 26)] = 1 << 22
    levels: Annotated[int, Meta(ge=1024, le=1 << 26)] = 1 << 20


class Feed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The feed's addresses and how its gaps are dealt with."""

    protocol: Literal["itch50"] = "itch50"
    line_a: str
    line_b: str = ""
    interface: str = "127.0.0.1"
    request_server: str = ""
    trading_date: str = "today"
    join: Literal["start", "live"] = "start"
    reorder_window_messages: Annotated[int, Meta(ge=1, le=1 << 20)] = 65536
    gap_timeout_ms: Annotated[int, Meta(ge=1, le=60_000)] = 200
    request_interval_ms: Annotated[int, Meta(ge=1, le=60_000)] = 5
    silence_alarm_ms: Annotated[int, Meta(ge=10, le=3_600_000)] = 3000
    tick_interval_us: Annotated[int, Meta(ge=10, le=10_000_000)] = 1000
    receive_buffer_bytes: Annotated[int, Meta(ge=65536, le=1 << 30)] = 16 << 20
    busy_poll_us: Annotated[int, Meta(ge=0, le=1000)] = 0


def check_feed(feed: Feed) -> None:
    check_endpoint("feedd.feed.line_a", feed.line_a)
    if feed.line_b:
        check_endpoint("feedd.feed.line_b", feed.line_b)
        if feed.line_b == feed.line_a:
            raise ConfigError("feedd.feed.line_b", f'"{feed.line_b}" is line_a')
    if not is_address(feed.interface) or ipaddress.IPv4Address(feed.interface).is_multicast:
        raise ConfigError(
            "feedd.feed.interface", f'"{feed.interface}" is not the IPv4 address of an interface'
        )
    if feed.request_server:
        check_endpoint("feedd.feed.request_server", feed.request_server)
        if ipaddress.IPv4Address(feed.request_server.partition(":")[0]).is_multicast:
            raise ConfigError("feedd.feed.request_server", f'"{feed.request_server}" is a multicast group')
    if feed.trading_date != "today" and not _is_date(feed.trading_date):
        raise ConfigError(
            "feedd.feed.trading_date",
            f'"{feed.trading_date}" is neither "today" nor a date from 2007-01-01 to 2099-12-31',
        )


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"20\d\d-\d\d-\d\d", text, re.ASCII):
        return False
    try:
        return date.fromisoformat(text).year >= 2007
    except ValueError:
        return False
