"""What a check looks at, and the looks that several of them share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hft.config import Config
from hft.host import cpulist
from hft.host.places import CorePlan, core_plan
from hft.host.tree import Hidden, Tree

CPU = "/sys/devices/system/cpu"
UNIT_DIRECTORIES = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


@dataclass(frozen=True)
class Subject:
    """The host, the configuration and where that came from."""

    tree: Tree
    config: Config
    config_path: Path

    @cached_property
    def plan(self) -> CorePlan:
        return core_plan(self.config)

    @property
    def isolated_profile(self) -> bool:
        return self.config.host.profile == "isolated"

    def cpus(self, path: str) -> frozenset[int]:
        """A file that holds a list of CPUs. Raises Hidden."""
        text = self.tree.text(path)
        if text == "(null)":  # what an empty list is printed as by some kernels
            return frozenset()
        try:
            return cpulist.parse(text)
        except ValueError as error:
            raise Hidden(path, str(error)) from error

    @cached_property
    def command_line(self) -> list[str]:
        """The kernel's, by words. Raises Hidden."""
        return self.tree.text("/proc/cmdline").split()

    @cached_property
    def processes(self) -> dict[int, str]:
        """Names by pid, as far as they can be read. Raises Hidden without /proc."""
        pids = [int(name) for name in self.tree.names("/proc") if name.isdecimal()]
        named = {pid: self.tree.text_or(f"/proc/{pid}/comm", "") for pid in pids}
        return {pid: name for pid, name in named.items() if name}

    def running(self, name: str) -> Iterator[int]:
        """The pids of processes of that name. Raises Hidden."""
        return (pid for pid, found in self.processes.items() if found == name)

    def unit(self, name: str) -> str:
        """The unit file that systemd would take. Raises Hidden."""
        for directory in UNIT_DIRECTORIES:
            if self.tree.exists(f"{directory}/{name}"):
                return self.tree.text(f"{directory}/{name}")
        raise Hidden(name, "not installed")


def shown(numbers: frozenset[int]) -> str:
    """A list of cores for people."""
    return cpulist.render(numbers) or "none"


def kernel_version(release: str) -> tuple[int, int]:
    """(6, 1) of `6.1.0-28-rt-amd64`. Raises ValueError."""
    found = re.match(r"(\d+)\.(\d+)", release)
    if not found:
        raise ValueError(f"{release!r} is not a kernel's release")
    return int(found[1]), int(found[2])
