"""The demo's numbers: what the three daemons count, read from outside, and whether it all adds up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from hft.layout.dtypes import RegionKind
from hft.regions import Region, RegionError, RingReader
from hft.stats import Histogram, StatsReader

# hop -> (daemon, histogram): the way of a tick, in its order.
HOPS = {
    "receive_to_publish": ("feedd", "feedd_receive_to_publish_ns"),
    "publish_to_consume": ("braind", "braind_tick_to_consume_ns"),
    "features": ("braind", "braind_features_ns"),
    "model": ("braind", "braind_model_ns"),
    "publish_to_intent": ("braind", "braind_tick_to_intent_ns"),
    "intent_to_answer": ("feedd", "feedd_intent_to_answer_ns"),
}

# Kinds of updates that answer an intent; each intent gets one.
ANSWERS = ("refused", "would_send", "sent")

Values = dict[str, int | Histogram]


@dataclass(frozen=True)
class Figures:
    """One look at the whole suite. Counts are records or messages since the start."""

    sent: int = 0
    decoded: int = 0
    gaps: int = 0
    published: int = 0
    consumed: int = 0
    lost_ring: int = 0
    unread: int = 0
    intents: int = 0
    refused: int = 0
    would_send: int = 0
    sent_on: int = 0  # intents whose message went to the venue
    answered: int = 0
    decisions: int = 0
    paperd_state: str = ""
    latency_ns: dict[str, dict[str, int]] = field(default_factory=dict)

    def broken_promises(self) -> list[str]:
        """The sums that do not add up, in words; empty when all do."""
        broken = []
        if self.sent != self.decoded + self.gaps:
            broken.append(f"sent {self.sent:,} ≠ decoded {self.decoded:,} + gaps {self.gaps:,}")
        if self.published != self.consumed + self.lost_ring + self.unread:
            broken.append(
                f"published {self.published:,} ≠ consumed {self.consumed:,} + lost {self.lost_ring:,} "
                f"+ unread {self.unread:,}"
            )
        if not self.intents == self.answered == self.would_send + self.sent_on + self.refused:
            broken.append(
                f"{self.intents:,} intents (braind) ≠ {self.answered:,} answers seen (braind) "
                f"≠ sent {self.sent_on:,} + would send {self.would_send:,} + refused {self.refused:,} (feedd)"
            )
        return broken

    def broken_promises_of_the_venue_s_side(self) -> list[str]:
        """What holds although braind was killed: its own last counts are up to 50 ms old."""
        return [text for text in self.broken_promises() if text.startswith("sent ")]

    def as_json(self) -> dict[str, object]:
        """The fields of `hft demo --json`."""
        events = ("sent", "decoded", "gaps", "published", "consumed", "lost_ring", "unread")
        return {
            "events": {name: getattr(self, name) for name in events},
            "intents": self.intents,
            "would_send": self.would_send,
            "sent": self.sent_on,
            "refused": self.refused,
            "answered": self.answered,
            "decisions": self.decisions,
            "latency_ns": self.latency_ns,
        }


def _labelled(values: Values, name: str, kind: str) -> int:
    value = values.get(f'{name}{{kind="{kind}"}}', 0)
    return value if isinstance(value, int) else 0


def _labelled_sum(values: Values, name: str) -> int:
    """The sum of a counter over all its label sets."""
    return sum(
        value for key, value in values.items() if isinstance(value, int) and key.split("{", 1)[0] == name
    )


class FigureSource:
    """Reads `directory` of a running or ended suite. Regions that do not exist yet count as zero.

    The three sides are counted independently: paperd's summary file, feedd's stats, braind's stats, and
    what is unread by the ring's own head against braind's cursor.
    """

    def __init__(self, directory: Path, paperd_json: Path) -> None:
        self._directory = directory
        self._paperd_json = paperd_json
        self._stats: dict[str, StatsReader] = {}
        self._ring: RingReader | None = None

    def _values(self, daemon: str) -> Values:
        if daemon not in self._stats:
            try:
                self._stats[daemon] = StatsReader(str(self._directory / daemon / "stats"))
            except RegionError:
                return {}
        return self._stats[daemon].read()

    def _ring_head(self) -> int:
        if self._ring is None:
            try:
                ring = Region.open(str(self._directory / "feedd/market.ring"), int(RegionKind.MARKET_RING))
            except RegionError:
                return 0
            self._ring = RingReader(ring)
        return self._ring.head

    def _paperd(self) -> dict[str, object]:
        try:
            summary: dict[str, object] = json.loads(self._paperd_json.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return summary

    def read(self) -> Figures:
        """One look; the set of numbers is not one moment while the suite runs."""
        values = {"braind": self._values("braind"), "feedd": self._values("feedd")}
        paperd = self._paperd()

        def total(daemon: str, name: str) -> int:
            return _labelled_sum(values[daemon], name)

        cursor = total("braind", "braind_ring_cursor")
        return Figures(
            sent=int(str(paperd.get("sent", 0))),
            decoded=total("feedd", "feedd_messages_decoded_total"),
            gaps=total("feedd", "feedd_gap_messages_total"),
            published=total("feedd", "feedd_published_total"),
            consumed=total("braind", "braind_events_consumed_total"),
            lost_ring=total("braind", "braind_ring_lost_total"),
            unread=max(0, self._ring_head() - cursor),
            intents=total("braind", "braind_intents_total"),
            refused=total("feedd", "feedd_intents_refused_total"),
            would_send=total("feedd", "feedd_orders_would_send_total"),
            sent_on=total("feedd", "feedd_intents_sent_total"),
            answered=sum(_labelled(values["braind"], "braind_updates_total", kind) for kind in ANSWERS),
            decisions=total("braind", "braind_decisions_total"),
            paperd_state=str(paperd.get("state", "")),
            latency_ns={hop: _percentiles(values[daemon].get(name)) for hop, (daemon, name) in HOPS.items()},
        )


def _percentiles(histogram: int | Histogram | None) -> dict[str, int]:
    if not isinstance(histogram, Histogram):
        return {"p50": 0, "p99": 0, "p999": 0, "max": 0}
    return {
        "p50": histogram.percentile(50),
        "p99": histogram.percentile(99),
        "p999": histogram.percentile(99.9),
        "max": histogram.max,
    }
