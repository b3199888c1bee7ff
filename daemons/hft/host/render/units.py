"""systemd drop-ins: on which cores the suite's units, and everything else, may run."""

from __future__ import annotations

from hft.config import Config
from hft.host import cpulist
from hft.host.places import CorePlan, core_plan

NAME = "50-cores.conf"
DROP_INS = "etc/systemd/system"
CONTROL = ("hft-watchd", "hft-exporter", "hft-recorder")
ELSEWHERE = ("system.slice", "user.slice", "machine.slice", "init.scope")
_HEAD = """\
# Rendered from {source} by `hft tune render`: change that file, not this one. Undo: remove this file, then
# `systemctl daemon-reload` and restart the unit.
"""


def drop_ins(config: Config, source: str) -> dict[str, str]:
    """Texts by path below the root; none without housekeeping cores."""
    plan = core_plan(config)
    head = _HEAD.format(source=source)
    if not plan.housekeeping:
        return {}
    market, brain = (
        plan.housekeeping | {core for name, core in plan.hot.items() if name in names}
        for names in (("market", "gateway"), ("brain",))
    )
    files = {
        "hft-feedd.service": head + _service(config, plan, market),
        "hft-braind.service": head + _service(config, plan, brain),
        **{f"{unit}.service": head + _service(config, plan, plan.housekeeping) for unit in CONTROL},
        "hft.slice": head + _slice(market | brain),
        "hft-hot.slice": head + _slice(market | brain),
        "hft-control.slice": head + _slice(plan.housekeeping),
    }
    if config.host.profile == "isolated" and plan.isolated:
        files |= {unit: head + _elsewhere(unit, plan) for unit in ELSEWHERE}
        files["irqbalance.service"] = head + _irqbalance(plan)
    return {f"{DROP_INS}/{unit}.d/{NAME}": text for unit, text in files.items()}


def _service(config: Config, plan: CorePlan, allowed: frozenset[int]) -> str:
    lines = [
        "[Service]",
        "# Threads are born on housekeeping cores; a hot thread moves itself to its own core. Not the hot cores here:",
        "# on isolated cores nothing balances, so helpers that were born there would stay there.",
        f"CPUAffinity={cpulist.render(plan.housekeeping)}",
        "# The cores that the unit may use at all (cgroup v2; ignored elsewhere).",
        f"AllowedCPUs={cpulist.render(allowed)}",
    ]
    if config.host.numa_node != -1:
        lines += [
            "# Memory from the node of the NIC and the hot cores: another node's is up to twice as far.",
            "NUMAPolicy=bind",
            f"NUMAMask={config.host.numa_node}",
        ]
    return "\n".join(lines) + "\n"


def _slice(allowed: frozenset[int]) -> str:
    return (
        "[Slice]\n"
        "# What its units may use together. Set on the slice, so that the kernel has its cpuset before a hot thread\n"
        "# pins itself: before Linux 6.2, a cpuset that comes later wipes that out.\n"
        f"AllowedCPUs={cpulist.render(allowed)}\n"
    )


def _elsewhere(unit: str, plan: CorePlan) -> str:
    return (
        f"[{'Scope' if unit.endswith('.scope') else 'Slice'}]\n"
        "# Everything that is not the suite stays off its cores, whatever affinity it asks for.\n"
        f"AllowedCPUs={cpulist.render(plan.system)}\n"
    )


def _irqbalance(plan: CorePlan) -> str:
    return (
        "[Service]\n"
        "# Never moves an interrupt to an isolated core. The whole list: setting it turns irqbalance's own guess off.\n"
        "# A value in /etc/default/irqbalance would win over this one.\n"
        f"Environment=IRQBALANCE_BANNED_CPULIST={cpulist.render(plan.isolated)}\n"
    )
