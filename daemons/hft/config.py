"""The suite's one configuration file, strict: `load(path)` gives a frozen `Config` or a `ConfigError` by key.

deploy/hft.toml documents every key with its default and range. feedd reads the same file with
daemons/feedd/src/runtime/config.cpp; tests/feedd/daemon/test_config.py holds the two to the same refusals.

    hft config check FILE     exit code 0: every daemon accepts it; 1: says which key is wrong and why

Errors: ConfigError (key, problem). `key` is the full path, e.g. ``feedd.feed.line_a``; empty when the file
can not be read or is not TOML.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

CORE_MAX = 1023  # CPU_SETSIZE - 1
# sockaddr_un holds 107 bytes: a slash and the longest socket name of hft.control fit behind it.
CONTROL_DIRECTORY_BYTES_MAX = 90
VENUE_SYMBOL_MAX = 8  # OUCH
Core = Annotated[int, Meta(ge=-1, le=CORE_MAX)]
Idle = Literal["spin", "backoff"]


class ConfigError(ValueError):
    """One refused key. `key` is its full path ("" = the file as a whole), `problem` says why."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.key = key
        self.problem = problem


class Run(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the regions are, and how seriously it is meant."""

    directory: str = "/dev/hugepages/hft"
    huge_pages: Literal["require", "allow_small"] = "require"
    mode: Literal["observe", "paper", "live"] = "observe"
    control_directory: str = "/run/hft"
    heartbeat_interval_ms: Annotated[int, Meta(ge=1, le=1000)] = 10


class Cores(Struct, frozen=True, forbid_unknown_fields=True):
    """-1 and an empty tuple: not pinned."""

    market: Core = -1
    gateway: Core = -1
    brain: Core = -1
    housekeeping: Annotated[tuple[Annotated[int, Meta(ge=0, le=CORE_MAX)], ...], Meta(max_length=1024)] = ()


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


class Feedd(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Feedd's own sections; it checks them itself as well."""

    idle: Idle = "spin"
    capacity: Capacity = Capacity()
    feed: Feed
    gateway: Gateway = Gateway()


class InstrumentRisk(Struct, frozen=True, forbid_unknown_fields=True):
    """An instrument's own limits; None: those of [risk] alone."""

    order_quantity_max: Annotated[int, Meta(ge=0, le=999_999)] | None = None
    order_notional_max: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    position_max: Annotated[int, Meta(ge=0, le=10**9)] | None = None


class Risk(Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway's hard limits: an absent one is 0, and 0 refuses. Notional and loss in whole currency units."""

    symbols: Annotated[tuple[str, ...], Meta(max_length=256)] = ()
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


class Braind(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Braind's section: model, strategy, instruments."""

    idle: Idle = "spin"
    model: str
    strategy: str = "braind.strategies.imbalance:ImbalanceStrategy"
    symbols: Annotated[tuple[str, ...], Meta(min_length=1, max_length=4096)]
    intents_ring_records: Annotated[int, Meta(ge=16, le=65536)] = 4096
    inputs_ring_records: Annotated[int, Meta(ge=1024, le=1 << 22)] = 1 << 16
    checkpoint_interval_records: Annotated[int, Meta(ge=0, le=1 << 40)] = 250_000
    accept_partial_books: bool = False
    decision_interval_us: Annotated[int, Meta(ge=0, le=10_000_000)] = 100
    score_threshold: Annotated[float, Meta(ge=0.34, le=1.0)] = 0.55
    order_quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 100


class Alert(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told of a kill; every hook has a time-out and none is waited for."""

    command: tuple[str, ...] = ()
    webhook: str = ""
    timeout_s: Annotated[float, Meta(ge=0.1, le=60.0)] = 5.0


class Exporter(Struct, frozen=True, forbid_unknown_fields=True):
    """Where `watchd exporter` listens."""

    listen: str = "127.0.0.1:9482"


class Watchd(Struct, frozen=True, forbid_unknown_fields=True):
    """Watchd's section: deadlines, what it remembers, who may order it about."""

    state_directory: str = "/var/lib/hft/watchd"
    pass_interval_ms: Annotated[int, Meta(ge=1, le=1000)] = 10
    lease_ms: Annotated[int, Meta(ge=2, le=10_000)] = 100
    deadline_ms: Annotated[int, Meta(ge=2, le=60_000)] = 30
    stall_deadline_ms: Annotated[int, Meta(ge=2, le=60_000)] = 300
    heartbeat_deadline_ms: Annotated[int, Meta(ge=2, le=60_000)] = 300
    warmup_deadline_s: Annotated[float, Meta(ge=0.1, le=3600.0)] = 300.0
    drain_deadline_ms: Annotated[int, Meta(ge=1, le=60_000)] = 2000
    arm_on_start: bool | None = None  # None: only in mode "paper"
    operators_group: str = ""  # "": watchd's own group
    realtime_priority: Annotated[int, Meta(ge=0, le=99)] = 0
    alert: Alert = Alert()
    exporter: Exporter = Exporter()


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file, checked."""

    run: Run = Run()
    cores: Cores = Cores()
    feedd: Feedd
    risk: Risk = Risk()
    watchd: Watchd = Watchd()
    braind: Braind | None = None  # None: the file has no [braind], feedd runs alone


def load(path: str | Path) -> Config:
    """Read and check the whole file. Raises ConfigError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("", f"can not read it: {error}") from error
    return parse(text)


def parse(text: str) -> Config:
    """Check the text of a configuration file. Raises ConfigError for the first key that is wrong."""
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError("", f"not TOML: {error}") from error
    for key in ("feedd", "feedd.feed"):  # so that a missing section is named by the key it lacks
        _section(tree, key)
    config = _converted(tree)
    _check_run(config)
    _check_feed(config.feedd.feed)
    _check_gateway(config.feedd.gateway)
    _check_risk(config.risk, config.feedd.gateway)
    _check_watchd(config)
    if config.braind is not None:
        _check_braind(config.braind)
    return config


def _converted(tree: dict[str, Any]) -> Config:
    try:
        return msgspec.convert(tree, Config, strict=True)
    except msgspec.ValidationError as error:
        if "[...]" not in str(error):
            raise _named(str(error)) from None
    # msgspec does not name the key of a table whose names are the user's: each is tried alone.
    for symbol, table in tree["risk"]["instruments"].items():
        try:
            msgspec.convert(table, InstrumentRisk, strict=True)
        except msgspec.ValidationError as error:
            named = _named(str(error))
            key = f"risk.instruments.{symbol}" + (f".{named.key}" if named.key else "")
            raise ConfigError(key, named.problem) from None
    raise AssertionError("refused as a whole, but not in its parts")


def _section(tree: dict[str, Any], key: str) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        tree = tree[parent]
    if not isinstance(tree.setdefault(last, {}), dict):
        raise ConfigError(key, "expected a section")


def _named(message: str) -> ConfigError:
    """Key and problem out of msgspec's "Expected `int` <= 5 - at `$.a.b`"."""
    problem, _, place = message.partition(" - at `$")
    section = place.rstrip("`").lstrip(".")
    lacking = re.fullmatch(r"Object (?:contains unknown|missing required) field `(.*)`", problem)
    if not lacking:
        return ConfigError(section, problem[0].lower() + problem[1:])
    key = f"{section}.{lacking[1]}" if section else lacking[1]
    return ConfigError(key, "unknown key" if "unknown" in problem else "missing, it has no default")


def _check_run(config: Config) -> None:
    _check_absolute("run.directory", config.run.directory)
    _check_absolute("run.control_directory", config.run.control_directory)
    if len(os.fsencode(config.run.control_directory)) > CONTROL_DIRECTORY_BYTES_MAX:
        raise ConfigError(
            "run.control_directory",
            f"longer than {CONTROL_DIRECTORY_BYTES_MAX} bytes: its sockets would have no address",
        )
    capacity = config.feedd.capacity
    _check_power_of_two("feedd.capacity.market_ring_records", capacity.market_ring_records)
    _check_power_of_two("feedd.capacity.updates_ring_records", capacity.updates_ring_records)
    taken: dict[int, str] = {}
    for name in ("market", "gateway", "brain"):
        _take_core(taken, f"cores.{name}", getattr(config.cores, name))
    for index, core in enumerate(config.cores.housekeeping):
        _take_core(taken, f"cores.housekeeping[{index}]", core)


def _take_core(taken: dict[int, str], key: str, core: int) -> None:
    if core == -1:
        return
    if core in taken:
        raise ConfigError(key, f"{core} is already {taken[core]}")
    taken[core] = key


def _check_feed(feed: Feed) -> None:
    _check_endpoint("feedd.feed.line_a", feed.line_a)
    if feed.line_b:
        _check_endpoint("feedd.feed.line_b", feed.line_b)
        if feed.line_b == feed.line_a:
            raise ConfigError("feedd.feed.line_b", f'"{feed.line_b}" is line_a')
    if not _is_address(feed.interface) or ipaddress.IPv4Address(feed.interface).is_multicast:
        raise ConfigError(
            "feedd.feed.interface", f'"{feed.interface}" is not the IPv4 address of an interface'
        )
    if feed.request_server:
        _check_endpoint("feedd.feed.request_server", feed.request_server)
        if ipaddress.IPv4Address(feed.request_server.partition(":")[0]).is_multicast:
            raise ConfigError("feedd.feed.request_server", f'"{feed.request_server}" is a multicast group')
    if feed.trading_date != "today" and not _is_date(feed.trading_date):
        raise ConfigError(
            "feedd.feed.trading_date",
            f'"{feed.trading_date}" is neither "today" nor a date from 2007-01-01 to 2099-12-31',
        )


def _check_gateway(gateway: Gateway) -> None:
    if gateway.venue:
        _check_endpoint("feedd.gateway.venue", gateway.venue)
    for name, pattern, wanted in (
        ("username", r"[A-Za-z0-9]{1,6}", "1 to 6 letters and digits"),
        ("session", r"[A-Za-z0-9]{0,10}", "at most 10 letters and digits"),
        ("firm", r"([A-Za-z0-9]{4})?", "4 letters and digits"),
    ):
        if not re.fullmatch(pattern, getattr(gateway, name), re.ASCII):
            raise ConfigError(f"feedd.gateway.{name}", f'"{getattr(gateway, name)}" is not {wanted}')
    _check_power_of_two("feedd.gateway.orders", gateway.orders)
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
        _check_absolute("feedd.gateway.positions_file", gateway.positions_file)


def _check_risk(risk: Risk, gateway: Gateway) -> None:
    _check_symbols("risk.symbols", risk.symbols)
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


def _check_watchd(config: Config) -> None:
    watchd, run = config.watchd, config.run
    _check_absolute("watchd.state_directory", watchd.state_directory)
    if watchd.lease_ms < 2 * watchd.pass_interval_ms:
        raise ConfigError(
            "watchd.lease_ms", f"{watchd.lease_ms} is less than two passes (watchd.pass_interval_ms)"
        )
    if watchd.deadline_ms < 2 * watchd.pass_interval_ms:
        raise ConfigError(
            "watchd.deadline_ms", f"{watchd.deadline_ms} is less than two passes (watchd.pass_interval_ms)"
        )
    if watchd.heartbeat_deadline_ms < 2 * run.heartbeat_interval_ms:
        raise ConfigError(
            "watchd.heartbeat_deadline_ms",
            f"{watchd.heartbeat_deadline_ms} is less than two heartbeats (run.heartbeat_interval_ms)",
        )
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}|", watchd.operators_group, re.ASCII):
        raise ConfigError("watchd.operators_group", f'"{watchd.operators_group}" is not a group name')
    _check_endpoint("watchd.exporter.listen", watchd.exporter.listen)
    alert = watchd.alert
    if alert.command and not alert.command[0].startswith("/"):
        raise ConfigError("watchd.alert.command[0]", f'"{alert.command[0]}" is not an absolute path')
    if alert.webhook and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", alert.webhook, re.ASCII):
        raise ConfigError("watchd.alert.webhook", f'"{alert.webhook}" is not an http or https address')


def _check_absolute(key: str, path: str) -> None:
    if not path.startswith("/") or "\0" in path:
        raise ConfigError(key, f'"{path}" is not an absolute path')


def _check_braind(braind: Braind) -> None:
    if not braind.model or "\0" in braind.model:
        raise ConfigError("braind.model", "empty")
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", braind.strategy, re.ASCII):
        raise ConfigError("braind.strategy", f'"{braind.strategy}" is not module:Class')
    _check_symbols("braind.symbols", braind.symbols)
    _check_power_of_two("braind.intents_ring_records", braind.intents_ring_records)
    _check_power_of_two("braind.inputs_ring_records", braind.inputs_ring_records)


def _check_symbols(key: str, symbols: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for index, symbol in enumerate(symbols):
        if not re.fullmatch(r"[!-~]{1,16}", symbol):
            raise ConfigError(
                f"{key}[{index}]", f'"{symbol}" is not a symbol (1 to 16 printable ASCII characters)'
            )
        if symbol in seen:
            raise ConfigError(f"{key}[{index}]", f'"{symbol}" is named twice')
        seen.add(symbol)


def _check_power_of_two(key: str, value: int) -> None:
    if value & (value - 1):
        raise ConfigError(key, f"{value} is not a power of two")


def _is_address(text: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(text)) == text
    except ValueError:
        return False


def _check_endpoint(key: str, text: str) -> None:
    address, _, port = text.partition(":")
    if not (_is_address(address) and re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) <= 65535):
        raise ConfigError(key, f'"{text}" is not address:port')


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"20\d\d-\d\d-\d\d", text, re.ASCII):
        return False
    try:
        return date.fromisoformat(text).year >= 2007
    except ValueError:
        return False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the configuration file, e.g. /etc/hft/hft.toml")


def run(arguments: argparse.Namespace) -> int:
    """`hft config check FILE`: 0 when every daemon would accept it, 1 with the full path of the wrong key.

    feedd is asked itself (`feedd --check-config`), because it reads the file with a parser of its own.
    """
    try:
        config = load(arguments.file)
    except ConfigError as error:
        print(f"hft config check: {arguments.file}: {error}", file=sys.stderr)
        return 1
    asked = subprocess.run(
        [Path(sys.executable).with_name("feedd"), "--check-config", "--config", arguments.file], check=False
    )
    if asked.returncode:
        return 1
    alone = "" if config.braind else " for feedd alone: it has no [braind]"
    print(f"{arguments.file}: good{alone}")
    return 0
