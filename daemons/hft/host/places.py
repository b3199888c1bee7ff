"""The plan's sets of cores, by what they are for."""

from __future__ import annotations

from dataclasses import dataclass

from hft.config import Config


@dataclass(frozen=True, slots=True)
class CorePlan:
    """`hot` by thread. `isolated`: hot and reserved. `system`: where everything else of the machine lives."""

    hot: dict[str, int]
    reserved: frozenset[int]
    housekeeping: frozenset[int]
    system: frozenset[int]

    @property
    def isolated(self) -> frozenset[int]:
        return frozenset(self.hot.values()) | self.reserved

    @property
    def whole(self) -> bool:
        """Every hot thread has a core, and there is somewhere else to live."""
        return len(self.hot) == len(HOT) and bool(self.system)


HOT = ("market", "gateway", "brain")


def core_plan(config: Config) -> CorePlan:
    """The sets of a checked configuration; cores that are not pinned (-1) are in none of them."""
    cores, host = config.cores, config.host
    hot = {name: getattr(cores, name) for name in HOT if getattr(cores, name) != -1}
    housekeeping = frozenset(cores.housekeeping)
    return CorePlan(
        hot, frozenset(host.reserved_cores), housekeeping, frozenset(host.system_cores) or housekeeping
    )
