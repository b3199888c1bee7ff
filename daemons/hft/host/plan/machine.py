"""What a machine has, read from /sys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hft.host import cpulist
from hft.host.plan.nics import Nic, find_nics
from hft.host.tree import Hidden, Tree
from hft.host.virtual import virtualization

CPU = "/sys/devices/system/cpu"
NODE = "/sys/devices/system/node"
CACHE_LEVELS = 10


@dataclass(frozen=True, slots=True)
class Core:
    """One online logical CPU. `siblings`: threads of the same physical core, itself included.

    `cache`: the CPUs that share its last level of cache. `slow`: an efficiency core of a hybrid processor.
    """

    number: int
    node: int
    package: int
    siblings: frozenset[int]
    cache: frozenset[int]
    slow: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """`offline`: there, but switched off. `virtual`: what is between us and the machine, "" = nothing."""

    cores: dict[int, Core]
    offline: frozenset[int]
    nics: tuple[Nic, ...]
    virtual: str
    clock: Literal["none", "ntp", "ptp"]

    @property
    def packages(self) -> int:
        return len({core.package for core in self.cores.values()})

    @property
    def nodes(self) -> int:
        return len({core.node for core in self.cores.values()})

    def physical(self) -> list[frozenset[int]]:
        """Online threads by physical core, ordered by their lowest number."""
        return sorted({core.siblings for core in self.cores.values()}, key=min)


def look(tree: Tree) -> Machine:
    """Raises Hidden when the list of CPUs can not be read; anything finer has a plain default."""
    online = _list(tree, f"{CPU}/online")
    if not online:
        raise Hidden(f"{CPU}/online", "lists no CPU")
    nodes = _nodes(tree)
    slow = _slow(tree, online)
    cores = {
        number: Core(
            number,
            nodes.get(number, 0),
            _number_or(tree, f"{CPU}/cpu{number}/topology/physical_package_id", 0),
            _near(tree, f"{CPU}/cpu{number}/topology/thread_siblings_list", number, online),
            _last_cache(tree, number, online),
            number in slow,
        )
        for number in sorted(online)
    }
    offline = _list_or_none(tree, f"{CPU}/present") - online
    return Machine(cores, offline, find_nics(tree), virtualization(tree), _clock(tree))


def _list(tree: Tree, path: str) -> frozenset[int]:
    try:
        return cpulist.parse(tree.text(path))
    except ValueError as error:
        raise Hidden(path, str(error)) from error


def _list_or_none(tree: Tree, path: str) -> frozenset[int]:
    try:
        return _list(tree, path)
    except Hidden:
        return frozenset()


def _number_or(tree: Tree, path: str, otherwise: int) -> int:
    try:
        return tree.number(path)
    except Hidden:
        return otherwise


def _near(tree: Tree, path: str, number: int, online: frozenset[int]) -> frozenset[int]:
    """A list of /sys of what shares something with a CPU, itself always included."""
    return (_list_or_none(tree, path) & online) | {number}


def _nodes(tree: Tree) -> dict[int, int]:
    names = [name for name in tree.names_or_none(NODE) if name.startswith("node") and name[4:].isdecimal()]
    return {core: int(name[4:]) for name in names for core in _list_or_none(tree, f"{NODE}/{name}/cpulist")}


def _last_cache(tree: Tree, number: int, online: frozenset[int]) -> frozenset[int]:
    directory = f"{CPU}/cpu{number}/cache"
    levels = [
        (_number_or(tree, f"{directory}/index{index}/level", 0), index)
        for index in range(CACHE_LEVELS)
        if tree.exists(f"{directory}/index{index}")
    ]
    if not levels:
        return online
    return _near(tree, f"{directory}/index{max(levels)[1]}/shared_cpu_list", number, online)


def _slow(tree: Tree, online: frozenset[int]) -> frozenset[int]:
    """Efficiency cores: named so by Intel's PMU, or of less capacity than the best."""
    named = _list_or_none(tree, "/sys/devices/cpu_atom/cpus")
    if named:
        return named
    capacity = {number: _number_or(tree, f"{CPU}/cpu{number}/cpu_capacity", 0) for number in online}
    best = max(capacity.values())
    return frozenset(number for number, value in capacity.items() if value < best)


def _clock(tree: Tree) -> Literal["none", "ntp", "ptp"]:
    """What disciplines the wall clock now: "ntp" (chronyd runs), "ptp" (ptp4l runs) or "none"."""
    names = {tree.text_or(f"/proc/{pid}/comm", "") for pid in tree.names_or_none("/proc") if pid.isdecimal()}
    return "ptp" if "ptp4l" in names else "ntp" if "chronyd" in names else "none"
