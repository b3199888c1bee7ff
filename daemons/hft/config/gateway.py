"""[feedd.gateway]: the venue's order entry."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hft.config.checks import check_absolute, check_endpoint, check_power_of_two
from hft.config.errors import ConfigError
from hft.config.machine import Run


class Gateway(Struct, frozen=True, forbid_unknown_fields=True):
    """The venue's order entry."""

    venue: str = ""
    soupbintcp: Literal["3.0", "4.0", "4.1"] = "4.0"
    username: str = "HFT001"
    session: str = ""
    firm: str = ""
    trades_as: Literal["principal", "agency", "riskless_principal"] = "principal"
    orders: Annotated[int, Meta(ge=16, le=65536)] = 4096
    heartbeat_ms: Annotated[int, Meta(ge=10, le=60_000)] = 1000
    silence_ms: Annotated[int, Meta(ge=20, le=120_000)] = 15_000
    login_timeout_ms: Annotated[int, Meta(ge=100, le=120_000)] = 10_000
    reconnect_ms: Annotated[int, Meta(ge=10, le=60_000)] = 1000
    reconnect_ms_max: Annotated[int, Meta(ge=10, le=600_000)] = 30_000
    positions_file: str = ""


def check_gateway(gateway: Gateway) -> None:
    if gateway.venue:
        check_endpoint("feedd.gateway.venue", gateway.venue)
    for name, pattern, wanted in (
        ("username", r"[A-Za-z0-9]{1,6}", "1 to 6 letters and digits"),
        ("session", r"[A-Za-z0-9]{0,10}", "at most 10 letters and digits"),
        ("firm", r"([A-Za-z0-9]{4})?", "4 letters and digits"),
    ):
        if not re.fullmatch(pattern, getattr(gateway, name), re.ASCII):
            raise ConfigError(f"feedd.gateway.{name}", f'"{getattr(gateway, name)}" is not {wanted}')
    check_power_of_two("feedd.gateway.orders", gateway.orders)
    if gateway.silence_ms < 2 * gateway.heartbeat_ms:
        raise ConfigError(
            "feedd.gateway.silence_ms",
            f"{gateway.silence_ms} is less than two heartbeats (feedd.gateway.heartbeat_ms)",
        )
    if gateway.reconnect_ms_max < gateway.reconnect_ms:
        raise ConfigError(
            "feedd.gateway.reconnect_ms_max",
            f"{gateway.reconnect_ms_max} is less than feedd.gateway.reconnect_ms",
        )
    if gateway.positions_file:
        check_absolute("feedd.gateway.positions_file", gateway.positions_file)


def check_mode(run: Run, gateway: Gateway) -> None:
    """A suite in mode "paper" arms itself, so its venue is a paper one: on this machine."""
    address = gateway.venue.partition(":")[0]
    if run.mode == "paper" and address and not ipaddress.IPv4Address(address).is_loopback:
        raise ConfigError(
            "run.mode",
            f'"paper" arms itself, so its venue is on this machine (127.…); with feedd.gateway.venue {gateway.venue}'
            ' it is "live"',
        )
