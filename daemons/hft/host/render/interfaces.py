"""/etc/hft/nic/INTERFACE.env: what hft-nic@INTERFACE.service sets."""

from __future__ import annotations

from dataclasses import dataclass

from hft.config import Config
from hft.host.render.flows import own_queue, steered_flows


@dataclass(frozen=True, slots=True)
class NicSetting:
    """A group of ethtool's: the option that sets, the one that shows, and the wanted values by ethtool's names."""

    variable: str
    set_option: str
    show_option: str
    wanted: dict[str, str]
    reason: str


def nic_settings(config: Config) -> list[NicSetting]:
    """In the order in which they are set: queues and rings reset the link on many drivers, so they come first."""
    entries, queues = str(config.host.nic_ring_entries), str(config.host.nic_queues)
    return [
        NicSetting(
            "HFT_NIC_CHANNELS", "-L", "-l", {"combined": queues},
            "as many queues as there are cores to serve them, so that a packet is where its reader is",
        ),
        NicSetting(
            "HFT_NIC_RINGS", "-G", "-g", {"rx": entries},
            "packets that may wait for the driver: enough for a burst, few enough to stay in cache",
        ),
        NicSetting(
            "HFT_NIC_COALESCING", "-C", "-c",
            {"adaptive-rx": "off", "adaptive-tx": "off", "rx-frames": "1", "rx-usecs": "0", "tx-usecs": "0"},
            "an interrupt for every packet at once (usecs 0 with frames 0 is refused by the kernel)",
        ),
        NicSetting(
            "HFT_NIC_OFFLOADS", "-K", "-k", {"gro": "off", "lro": "off", "ntuple": "on"},
            "packets are not held back to be merged; ntuple: flows can be steered to a queue",
        ),
    ]  # fmt: skip


def nic_env(config: Config, source: str) -> str:
    lines = [
        f"# Rendered from {source} by `hft tune render`, read by hft-nic@.service. Arguments of ethtool.",
        "# Takes effect with `systemctl restart hft-nic@INTERFACE`. Undo: `systemctl disable --now hft-nic@INTERFACE`,",
        "# reload the driver or reboot.",
    ]
    for setting in nic_settings(config):
        words = " ".join(f"{name} {value}" for name, value in setting.wanted.items())
        lines += [f"# {setting.set_option}: {setting.reason}", f'{setting.variable}="{words}"']
    if (queue := own_queue(config)) is not None:
        rules = ";".join(f"flow-type {flow} action {queue}" for flow in steered_flows(config))
        lines += [
            f"# -X, -U: queue {queue} is for feed and venue, which wait behind nobody else's packets there",
            f'HFT_NIC_SPREAD="{queue}"',
            f'HFT_NIC_FLOWS="{rules}"',
        ]
    return "\n".join(lines) + "\n"
