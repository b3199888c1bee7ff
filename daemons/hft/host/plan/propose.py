"""From what a machine has to [cores] and [host].

The rules, in this order. CPU 0 is never hot: it boots the machine, keeps its time and can not be without a tick. Hot
cores are whole physical cores, their siblings stay empty; they are fast, on the NIC's node, under one last-level cache.
What is left is for the suite's other threads first (two physical cores, if there are more), then for everything else.
Where fewer than four physical cores remain, nothing is isolated and the host is "untuned".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from hft.config import Cores, Host
from hft.host import cpulist
from hft.host.plan.machine import Core, Machine
from hft.host.plan.nics import Nic

HOT = 3
SUITE_CORES = 2
BOOT_CPU = 0


@dataclass(frozen=True)
class Proposal:
    """`reasons`: sentences, in the order of the decisions."""

    cores: Cores
    host: Host
    reasons: list[str] = field(default_factory=list)


def propose(machine: Machine, interfaces: tuple[str, ...] = ()) -> Proposal:
    """`interfaces`: the NICs to plan for; empty: the fastest one that is up. Raises ValueError for an unknown one."""
    reasons = [_seen(machine)]
    nics = _chosen_nics(machine, interfaces, reasons)
    physical = machine.physical()
    if len(physical) < HOT + 1:
        return _untuned(reasons, f"{len(physical)} of the {HOT + 1} physical cores that it takes")
    node = nics[0].node if nics else -1
    hot = _hot(machine, node, reasons)
    if not hot:
        return _untuned(reasons, "no three physical cores beside CPU 0 are fast and share a node")
    return _isolated(machine, nics, hot, reasons)


def _seen(machine: Machine) -> str:
    counts = (
        (machine.packages, "socket"), (machine.nodes, "NUMA node"),
        (len(machine.physical()), "physical core"), (len(machine.cores), "online CPU"),
    )  # fmt: skip
    parts = [", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)]
    if machine.offline:
        parts.append(f"{cpulist.render(machine.offline)} is offline and left alone")
    slow = frozenset(core.number for core in machine.cores.values() if core.slow)
    if slow:
        parts.append(f"{cpulist.render(slow)} are slow cores")
    if machine.virtual:
        parts.append(
            f"a {machine.virtual}: what the host does with its cores can not be seen or planned from here"
        )
    return "; ".join(parts) + "."


def _chosen_nics(machine: Machine, interfaces: tuple[str, ...], reasons: list[str]) -> list[Nic]:
    if interfaces:
        known = {nic.name: nic for nic in machine.nics}
        for name in interfaces:
            if name not in known:
                raise ValueError(
                    f"{name} is no hardware interface of this machine ({', '.join(known) or 'there is none'})"
                )
        chosen = [known[name] for name in interfaces]
    else:
        usable = [nic for nic in machine.nics if nic.up]
        chosen = sorted(usable, key=lambda nic: -nic.speed_mbit)[:1]
    if not chosen:
        reasons.append("No hardware NIC is up: nothing is planned around one (--interface names it).")
    for nic in chosen:
        where = "on no known node" if nic.node == -1 else f"on node {nic.node}"
        speed = f", {nic.speed_mbit} Mbit/s" if nic.speed_mbit else ""
        how = "as asked" if interfaces else "the fastest that is up; --interface names another"
        reasons.append(f"NIC {nic.name}, {where}{speed}: {how}.")
    return chosen


def _untuned(reasons: list[str], why: str) -> Proposal:
    reasons.append(
        f'profile = "untuned": {why}. Nothing is pinned or isolated; the suite runs, for trying out.'
    )
    reasons.append('Set idle = "backoff" in [feedd] and [braind]: loops that spin would starve each other.')
    return Proposal(Cores(), Host(profile="untuned"), reasons)


def _hot(machine: Machine, node: int, reasons: list[str]) -> list[frozenset[int]]:
    """Three physical cores under one cache, or on one node where no cache has three; none where no node has."""
    candidates = [
        threads
        for threads in machine.physical()
        if BOOT_CPU not in threads and not any(machine.cores[number].slow for number in threads)
    ]
    first = {threads: machine.cores[min(threads)] for threads in candidates}
    at_home = [threads for threads in candidates if node in (-1, first[threads].node)]
    if len(at_home) < HOT:
        if node != -1:
            reasons.append(f"Node {node} has no three cores to spare, so the NIC's node is not kept to.")
        at_home = candidates
    best = _largest(at_home, lambda threads: first[threads].cache)
    if len(best) >= HOT:
        reasons.append(
            "The hot cores share a last-level cache: a record goes from core to core without leaving it."
        )
    else:
        best = _largest(at_home, lambda threads: frozenset({first[threads].node}))
        reasons.append("No last-level cache has three cores to spare: the hot cores only share a node.")
    return best[-HOT:] if len(best) >= HOT else []


def _largest(
    cores: list[frozenset[int]], group: Callable[[frozenset[int]], frozenset[int]]
) -> list[frozenset[int]]:
    groups: dict[frozenset[int], list[frozenset[int]]] = {}
    for threads in cores:
        groups.setdefault(group(threads), []).append(threads)
    return max(groups.values(), key=len, default=[])


def _isolated(machine: Machine, nics: list[Nic], hot: list[frozenset[int]], reasons: list[str]) -> Proposal:
    market, gateway, brain = (min(threads) for threads in hot)
    reserved = frozenset().union(*hot) - {market, gateway, brain}
    reasons.append(
        f"Hot: market {market}, gateway {gateway}, brain {brain}; CPU 0 boots the machine and is never one."
    )
    if reserved:
        reasons.append(f"Their SMT siblings {cpulist.render(reserved)} are isolated as well and stay empty.")
    node = machine.cores[market].node
    rest = [threads for threads in machine.physical() if threads not in hot]
    suite, system = _others(machine, rest, node, reasons)
    several = machine.nodes > 1
    return Proposal(
        Cores(market=market, gateway=gateway, brain=brain, housekeeping=tuple(sorted(suite))),
        Host(
            numa_node=node if several else -1,
            reserved_cores=tuple(sorted(reserved)),
            system_cores=tuple(sorted(system)),
            interfaces=tuple(nic.name for nic in nics),
            clock=_clock(machine, nics),
        ),
        reasons,
    )


def _others(
    machine: Machine, rest: list[frozenset[int]], node: int, reasons: list[str]
) -> tuple[frozenset[int], frozenset[int]]:
    """Cores of the suite's other threads, and of everything else ("none": the same ones)."""

    def near_first(threads: frozenset[int]) -> tuple[bool, bool, bool, int]:
        core: Core = machine.cores[min(threads)]
        return BOOT_CPU in threads, core.node != node, core.slow, min(threads)

    ordered = sorted(rest, key=near_first)
    suite, system = ordered[:SUITE_CORES], ordered[SUITE_CORES:]
    if not system:
        together = frozenset().union(*ordered)
        reasons.append(
            f"{cpulist.render(together)} are left: watchd, the helpers and the rest of the machine share them."
        )
        return together, frozenset()
    housekeeping, others = frozenset().union(*suite), frozenset().union(*system)
    reasons.append(
        f"Housekeeping {cpulist.render(housekeeping)}: watchd, exporter, recorder, helper threads;"
        f" everything else, interrupts included, on {cpulist.render(others)}."
    )
    return housekeeping, others


def _clock(machine: Machine, nics: list[Nic]) -> Literal["none", "ntp", "ptp"]:
    """PTP only where every planned NIC can stamp in hardware."""
    if machine.clock == "ptp" and not (nics and all(nic.ptp for nic in nics)):
        return "none"
    return machine.clock
