"""The whole file: `load(path)` gives a frozen `Config` or a `ConfigError` by key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from hft.config.braind import Braind, check_braind
from hft.config.checks import check_power_of_two
from hft.config.errors import ConfigError
from hft.config.feed import Capacity, Feed, check_feed
from hft.config.gateway import Gateway, check_gateway, check_mode
from hft.config.host import Host, check_host
from hft.config.machine import Cores, Run, check_cores, check_run
from hft.config.risk import InstrumentRisk, Risk, check_risk
from hft.config.watchd import Watchd, check_watchd


class Feedd(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Feedd's own sections; it checks them itself as well."""

    idle: Literal["spin", "backoff"] = "spin"
    capacity: Capacity = Capacity()
    feed: Feed
    gateway: Gateway = Gateway()


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file, checked."""

    run: Run = Run()
    cores: Cores = Cores()
    host: Host = Host()
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
    check_run(config.run)
    check_host(config.host, check_cores(config.cores))
    check_power_of_two("feedd.capacity.market_ring_records", config.feedd.capacity.market_ring_records)
    check_power_of_two("feedd.capacity.updates_ring_records", config.feedd.capacity.updates_ring_records)
    check_feed(config.feedd.feed)
    check_gateway(config.feedd.gateway)
    check_mode(config.run, config.feedd.gateway)
    check_risk(config.risk, config.feedd.gateway)
    check_watchd(config.watchd, config.run)
    if config.braind is not None:
        check_braind(config.braind)
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
