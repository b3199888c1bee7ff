"""Checks that several sections share. All raise ConfigError, naming the key they were given."""

from __future__ import annotations

import ipaddress
import re

from hft.config.errors import ConfigError


def check_absolute(key: str, path: str) -> None:
    if not path.startswith("/") or "\0" in path:
        raise ConfigError(key, f'"{path}" is not an absolute path')


def check_symbols(key: str, symbols: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for index, symbol in enumerate(symbols):
        if not re.fullmatch(r"[!-~]{1,16}", symbol):
            raise ConfigError(
                f"{key}[{index}]", f'"{symbol}" is not a symbol (1 to 16 printable ASCII characters)'
            )
        if symbol in seen:
            raise ConfigError(f"{key}[{index}]", f'"{symbol}" is named twice')
        seen.add(symbol)


def check_power_of_two(key: str, value: int) -> None:
    if value & (value - 1):
        raise ConfigError(key, f"{value} is not a power of two")


def is_address(text: str) -> bool:
    """An IPv4 address in its one canonical form."""
    try:
        return str(ipaddress.IPv4Address(text)) == text
    except ValueError:
        return False


def check_endpoint(key: str, text: str) -> None:
    address, _, port = text.partition(":")
    if not (is_address(address) and re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) <= 65535):
        raise ConfigError(key, f'"{text}" is not address:port')
