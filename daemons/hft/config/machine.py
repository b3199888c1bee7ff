"""[run] and [cores]: where the regions are, how seriously it is meant, and the one home of core numbers."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hft.config.checks import check_absolute
from hft.config.errors import ConfigError

CORE_MAX = 1023  # CPU_SETSIZE - 1
CORES_MAX = 1024
# sockaddr_un holds 107 bytes: a slash and the longest socket name of hft.control fit behind it.
CONTROL_DIRECTORY_BYTES_MAX = 90
Core = Annotated[int, Meta(ge=-1, le=CORE_MAX)]
CoreList = Annotated[tuple[Annotated[int, Meta(ge=0, le=CORE_MAX)], ...], Meta(max_length=CORES_MAX)]


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
    housekeeping: CoreList = ()


def check_run(run: Run) -> None:
    check_absolute("run.directory", run.directory)
    check_absolute("run.control_directory", run.control_directory)
    if len(os.fsencode(run.control_directory)) > CONTROL_DIRECTORY_BYTES_MAX:
        raise ConfigError(
            "run.control_directory",
            f"longer than {CONTROL_DIRECTORY_BYTES_MAX} bytes: its sockets would have no address",
        )


def check_cores(cores: Cores) -> dict[int, str]:
    """Each core has one use. The key that took it, by core; raises ConfigError for the second one."""
    taken: dict[int, str] = {}
    for name in ("market", "gateway", "brain"):
        if getattr(cores, name) != -1:
            take_core(taken, f"cores.{name}", getattr(cores, name))
    for index, core in enumerate(cores.housekeeping):
        take_core(taken, f"cores.housekeeping[{index}]", core)
    return taken


def take_core(taken: dict[int, str], key: str, core: int) -> None:
    if core in taken:
        raise ConfigError(key, f"{core} is already {taken[core]}")
    taken[core] = key
