"""Which packets get a queue of their own: those of the feed's lines and of the venue, where a NIC has two or more.

The last queue is theirs; everything else is spread over those before it. All rules of one flow type name the same
fields, because some NICs (i40e) refuse anything else; answers of the feed's request server are spread like the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from hft.config import Config


@dataclass(frozen=True, slots=True)
class Flow:
    """`protocol`: "udp" or "tcp". The rest as ethtool names it: (dst-ip, dst-port) or (src-ip, src-port)."""

    protocol: str
    end: str
    address: str
    port: str

    def __str__(self) -> str:
        return f"{self.protocol}4 {self.end}-ip {self.address} {self.end}-port {self.port}"


def own_queue(config: Config) -> int | None:
    """The queue of feed and venue; None: a NIC has only one."""
    return config.host.nic_queues - 1 if config.host.nic_queues > 1 else None


def steered_flows(config: Config) -> list[Flow]:
    """Every NIC gets all of them: which one a line comes in by is the network's affair."""
    if own_queue(config) is None:
        return []
    feed, venue = config.feedd.feed, config.feedd.gateway.venue
    flows = [Flow("udp", "dst", *line.split(":")) for line in (feed.line_a, feed.line_b) if line]
    return [*flows, Flow("tcp", "src", *venue.split(":"))] if venue else flows
