"""The NICs of feed and venue: there, on the right node, set as planned."""

from __future__ import annotations

import re
from collections.abc import Callable

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.checks.fixes import NIC
from hft.host.doctor.subject import Subject
from hft.host.render.flows import Flow, own_queue, steered_flows
from hft.host.render.interfaces import nic_settings
from hft.host.tree import Hidden

# ethtool shows what it sets under longer names.
SHOWN = {
    "combined": "Combined", "rx": "RX", "gro": "generic-receive-offload", "lro": "large-receive-offload",
    "ntuple": "ntuple-filters",
}  # fmt: skip


def _present(subject: Subject) -> Verdict | None:
    names = subject.config.host.interfaces
    if not names:
        return None
    states = {name: _state(subject, name) for name in names}
    bad = {name: state for name, state in states.items() if state not in ("up", "unknown")}
    current = ", ".join(f"{name} {state}" for name, state in (bad or states).items())
    return Verdict(f"{', '.join(names)} up", current, not bad)


def _state(subject: Subject, name: str) -> str:
    return subject.tree.text_or(f"/sys/class/net/{name}/operstate", "absent")


def _node(subject: Subject) -> Verdict | None:
    names, node = subject.config.host.interfaces, subject.config.host.numa_node
    if not names or node == -1:
        return None
    found = {name: subject.tree.number(f"/sys/class/net/{name}/device/numa_node") for name in names}
    away = {name: there for name, there in found.items() if there not in (node, -1)}
    current = ", ".join(f"{name} on node {there}" for name, there in (away or found).items())
    return Verdict(f"on node {node}", current, not away)


def _set(variable: str) -> Callable[[Subject], Verdict | None]:
    """The check of one group of settings."""

    def look(subject: Subject) -> Verdict | None:
        names = subject.config.host.interfaces
        if not names:
            return None
        setting = next(each for each in nic_settings(subject.config) if each.variable == variable)
        different = [
            f"{name}: {option} {value}"
            for name in names
            for option, value in _different(subject, name, setting.show_option, setting.wanted).items()
        ]
        wanted = ", ".join(f"{option} {value}" for option, value in setting.wanted.items())
        return Verdict(wanted, ", ".join(different) or "so", not different)

    return look


def _different(subject: Subject, name: str, show_option: str, wanted: dict[str, str]) -> dict[str, str]:
    """What `ethtool SHOW NAME` says otherwise than wanted; what the NIC does not have is no difference."""
    said = subject.tree.command("ethtool", show_option, name)
    said = said.partition("Current hardware settings:")[2] or said
    current = {option: _value(said, option) for option in wanted}
    if not any(current.values()):
        raise Hidden(f"ethtool {show_option} {name}", "shows none of it")
    return {option: value for option, value in current.items() if value not in (None, "n/a", wanted[option])}


def _value(said: str, option: str) -> str | None:
    if option.startswith("adaptive-"):
        found = re.search(
            rf"\b{option[-2:].upper()}: (\S+)", next(iter(re.findall(r"Adaptive .*", said)), "")
        )
        return found[1] if found else None
    found = re.search(rf"^\s*{re.escape(SHOWN.get(option, option))}:\s*(\S+)(.*)$", said, re.MULTILINE)
    if not found or "[fixed]" in found[2]:  # nothing can set it
        return None
    return found[1]


def _flows(subject: Subject) -> Verdict | None:
    names, queue = subject.config.host.interfaces, own_queue(subject.config)
    if not names or queue is None:
        return None
    flows = steered_flows(subject.config)
    astray = []
    for name in names:
        rules = subject.tree.command("ethtool", "-u", name).split("Filter:")
        astray += [
            f"{name}: {flow} is not" for flow in flows if not any(_steers(r, flow, queue) for r in rules)
        ]
    return Verdict(f"feed and venue to queue {queue}", ", ".join(astray) or "so", not astray)


def _steers(rule: str, flow: Flow, queue: int) -> bool:
    end = {"src": "Src", "dst": "Dest"}[flow.end]
    wanted = (
        f"Rule Type: {flow.protocol.upper()} over IPv4", f"{end} IP addr: {flow.address} mask: 0.0.0.0",
        f"{end} port: {flow.port} mask: 0x0", f"Action: Direct to queue {queue}",
    )  # fmt: skip
    lines = {line.strip() for line in rule.splitlines()}
    return all(line in lines for line in wanted)


def _timestamps(subject: Subject) -> Verdict | None:
    names = subject.config.host.interfaces
    if not names or subject.config.host.clock != "ptp":
        return None
    without = [
        name
        for name in names
        if "hardware-receive" not in subject.tree.command("ethtool", "-T", name)
        or "hardware-transmit" not in subject.tree.command("ethtool", "-T", name)
    ]
    return Verdict(
        "hardware, both ways", f"not: {', '.join(without)}" if without else "both ways", not without
    )


CHECKS = (
    Check(
        "nic_up",
        "the planned NICs are up",
        Severity.FATAL,
        "no feed, no venue",
        _present,
        by_hand="ip -br link; change host.interfaces in {config}",
    ),
    Check(
        "nic_node",
        "the NICs are on the planned node",
        Severity.WARNING,
        "packets cross the link between sockets before anybody reads them",
        _node,
        by_hand="move the card to a slot of that socket, or the hot cores to the card's: `hft tune plan`",
    ),
    Check(
        "nic_queues",
        "as many queues as planned",
        Severity.WARNING,
        "a packet in a queue that nobody near serves waits for an interrupt elsewhere",
        _set("HFT_NIC_CHANNELS"),
        NIC,
    ),
    Check(
        "nic_rings",
        "receive rings as planned",
        Severity.WARNING,
        "a short ring loses bursts, a long one falls out of cache",
        _set("HFT_NIC_RINGS"),
        NIC,
    ),
    Check(
        "nic_coalescing",
        "interrupts are not held back",
        Severity.WARNING,
        "coalescing waits for more packets before it tells of the first, by up to 100 µs",
        _set("HFT_NIC_COALESCING"),
        NIC,
    ),
    Check(
        "nic_offloads",
        "packets are not held back to be merged",
        Severity.WARNING,
        "GRO and LRO wait for the next packet of a flow",
        _set("HFT_NIC_OFFLOADS"),
        NIC,
    ),
    Check(
        "nic_flows",
        "feed and venue have a queue of their own",
        Severity.WARNING,
        "in a queue that is shared their packets wait behind everybody else's",
        _flows,
        NIC,
    ),
    Check(
        "nic_timestamps",
        "the NICs stamp packets",
        Severity.WARNING,
        "PTP with stamps of the kernel is off by its interrupt latency",
        _timestamps,
        by_hand='another card, or [host] clock = "ntp"',
    ),
)
