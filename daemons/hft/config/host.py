"""[host]: what the machine must be. `hft tune` renders it, `hft doctor` checks it; daemons only check its form."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hft.config.errors import ConfigError
from hft.config.machine import Core, CoreList, take_core

# Both end up in files that a shell or systemd reads: no quotes, blanks, dollars or backslashes.
_ARGUMENT = re.compile(r"[A-Za-z0-9_.,:=/@+-]{1,200}", re.ASCII)
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", re.ASCII)


class Host(Struct, frozen=True, forbid_unknown_fields=True):
    """The plan of the machine around [cores]. `huge_pages` 0: twice the regions."""

    profile: Literal["isolated", "untuned"] = "isolated"
    numa_node: Core = -1
    reserved_cores: CoreList = ()
    system_cores: CoreList = ()
    huge_pages: Annotated[int, Meta(ge=0, le=1 << 24)] = 0
    kernel_arguments: Annotated[tuple[str, ...], Meta(max_length=32)] = ()
    interfaces: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    nic_queues: Annotated[int, Meta(ge=1, le=64)] = 1
    nic_ring_entries: Annotated[int, Meta(ge=64, le=65536)] = 4096
    clock: Literal["none", "ntp", "ptp"] = "none"
    clock_offset_us_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000


def check_host(host: Host, taken: dict[int, str]) -> None:
    """`taken`: what [cores] uses, by core (machine.check_cores)."""
    isolated = {core: key for core, key in taken.items() if not key.startswith("cores.housekeeping")}
    for index, core in enumerate(host.reserved_cores):
        take_core(taken, f"host.reserved_cores[{index}]", core)
        isolated[core] = taken[core]
    # The rest of the machine may live on housekeeping cores, but not where it is meant to be quiet.
    for index, core in enumerate(host.system_cores):
        take_core(isolated, f"host.system_cores[{index}]", core)
    _check_words("host.kernel_arguments", host.kernel_arguments, _ARGUMENT, "a kernel argument")
    _check_words("host.interfaces", host.interfaces, _INTERFACE, "the name of an interface")


def _check_words(key: str, words: tuple[str, ...], form: re.Pattern[str], wanted: str) -> None:
    for index, word in enumerate(words):
        if not form.fullmatch(word):
            raise ConfigError(f"{key}[{index}]", f'"{word}" is not {wanted}')
        if word in words[:index]:
            raise ConfigError(f"{key}[{index}]", f'"{word}" is named twice')
