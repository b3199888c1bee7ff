"""Network interfaces that are hardware."""

from __future__ import annotations

from dataclasses import dataclass

from hft.host.tree import Hidden, Tree

NET = "/sys/class/net"


@dataclass(frozen=True, slots=True)
class Nic:
    """`node` -1: the firmware does not say. `speed_mbit` 0: not known (link down, or virtual). `ptp`: has a clock."""

    name: str
    node: int
    up: bool
    speed_mbit: int
    ptp: bool


def find_nics(tree: Tree) -> tuple[Nic, ...]:
    """In the order of names; bridges, loopback and the like have no device and are left out."""
    return tuple(
        Nic(
            name,
            _number_or(tree, f"{NET}/{name}/device/numa_node", -1),
            tree.text_or(f"{NET}/{name}/operstate", "unknown") == "up",
            max(0, _number_or(tree, f"{NET}/{name}/speed", 0)),
            bool(tree.names_or_none(f"{NET}/{name}/device/ptp")),
        )
        for name in tree.names_or_none(NET)
        if tree.exists(f"{NET}/{name}/device")
    )


def _number_or(tree: Tree, path: str, otherwise: int) -> int:
    try:
        return tree.number(path)
    except Hidden:
        return otherwise
