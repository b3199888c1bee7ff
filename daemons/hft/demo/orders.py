"""What became of the demo's orders, by three ledgers kept apart: the venue's, the gateway's, the shadow book's.

The venue is a paper venue: it matches on the replayed day, and its fills are a model's (docs/PAPER_VENUE.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hft.layout.dtypes import BOARD_ENTRY, GATEWAY_POSITION, RegionKind
from hft.regions import Region, RegionError, read_board_entry, read_gateway_state
from hft.stats import Histogram, StatsReader

PRICE_UNITS = 10_000


@dataclass(frozen=True)
class OrderFigures:
    """One look. Values in currency. `venue`: paperd's own summary, {} until it has ended."""

    sent: int = 0
    acknowledged: int = 0
    filled: int = 0
    canceled: int = 0
    rejected: int = 0
    open: int = 0
    realized: float = 0.0
    marked: float = 0.0
    positions: Mapping[str, int] = field(default_factory=dict)  # the gateway's, without zeros
    believed: Mapping[str, int] = field(default_factory=dict)  # the shadow book's, without zeros
    divergences: int = 0
    sent_after_fence: int = 0
    venue: Mapping[str, Any] = field(default_factory=dict)

    def disagreements(self, *, braind_lives: bool = True) -> list[str]:
        """Where the ledgers differ, in words. The shadow book's word counts while braind lived to the end."""
        if not self.venue:
            return ["the venue left no summary"]
        found = self._positions_apart(braind_lives=braind_lives)
        if self.venue["open"] != self.open:
            found.append(f"open orders: venue {self.venue['open']:,}, gateway {self.open:,}")
        counts = self.venue["counts"]
        if counts["enters"] + counts["replaces"] != self.sent:
            found.append(
                f"orders: venue received {counts['enters'] + counts['replaces']:,}, gateway sent {self.sent:,}"
            )
        if counts["fills"] != self.filled:
            found.append(f"fills: venue {counts['fills']:,}, gateway {self.filled:,}")
        if counts["duplicates"]:
            found.append(f"{counts['duplicates']:,} orders reached the venue twice")
        if braind_lives and self.divergences:
            found.append(f"{self.divergences:,} answers contradicted the shadow book")
        if self.sent_after_fence:
            found.append(f"{self.sent_after_fence:,} orders were sent after the fence closed")
        return found

    def _positions_apart(self, *, braind_lives: bool) -> list[str]:
        found = []
        for symbol, venue, ours, shadow in self.three_positions():
            if venue != ours:
                found.append(f"position in {symbol}: venue {venue:,}, gateway {ours:,}")
            if braind_lives and shadow != ours:
                found.append(f"position in {symbol}: gateway {ours:,}, shadow book {shadow:,}")
        return found

    def three_positions(self) -> list[tuple[str, int, int, int]]:
        """(symbol, venue, gateway, shadow book), of each symbol in which one of them has a position."""
        theirs = {name: v["position"] for name, v in self.venue.get("symbols", {}).items() if v["position"]}
        ours, shadow = self.positions, self.believed
        return [
            (symbol, theirs.get(symbol, 0), ours.get(symbol, 0), shadow.get(symbol, 0))
            for symbol in sorted(theirs.keys() | ours.keys() | shadow.keys())
        ]

    @property
    def fees(self) -> float:
        fees_e4 = sum(int(symbol["fees_e4"]) for symbol in self.venue.get("symbols", {}).values())
        return fees_e4 / PRICE_UNITS

    def as_json(self) -> dict[str, object]:
        """The fields `orders` of `hft demo --json`."""
        counts = ("sent", "acknowledged", "filled", "canceled", "rejected", "open")
        return {
            **{name: getattr(self, name) for name in counts},
            "positions": dict(self.positions),
            "positions_of_the_shadow_book": dict(self.believed),
            "realized": round(self.realized, 4),
            "marked": round(self.marked, 4),
            "fees": round(self.fees, 4),
        }


class OrderSource:
    """Reads `directory` of a running or ended suite, and the venue's summary once it is there."""

    def __init__(self, directory: Path, summary: Path) -> None:
        self._directory = directory
        self._summary = summary
        self._stats: dict[str, StatsReader] = {}
        self._regions: dict[str, Region] = {}

    def read(self) -> OrderFigures:
        """What is not there yet counts as zero."""
        feedd, braind = self._values("feedd"), self._values("braind")
        state = self._region("gateway.state", RegionKind.GATEWAY_STATE)
        words = {} if state is None else read_gateway_state(state)
        kinds = {kind: _one(feedd, f'feedd_order_events_total{{kind="{kind}"}}') for kind in _KINDS}
        return OrderFigures(
            sent=words.get("orders_sent", 0),
            acknowledged=kinds["accepted"] + kinds["replaced"],
            filled=kinds["filled"],
            canceled=kinds["canceled"],
            rejected=kinds["rejected"],
            open=words.get("open_orders", 0),
            realized=_signed(words.get("realized_value", 0)) / PRICE_UNITS,
            marked=_signed(words.get("marked_value", 0)) / PRICE_UNITS,
            positions=self._positions(),
            believed=_believed(braind),
            divergences=_total(braind, "braind_shadow_divergences_total"),
            sent_after_fence=words.get("sent_after_close", 0),
            venue=self._venue(),
        )

    def _values(self, daemon: str) -> dict[str, int | Histogram]:
        if daemon not in self._stats:
            try:
                self._stats[daemon] = StatsReader(str(self._directory / daemon / "stats"))
            except RegionError:
                return {}
        return self._stats[daemon].read()

    def _region(self, name: str, kind: int) -> Region | None:
        if name not in self._regions:
            try:
                self._regions[name] = Region.open(str(self._directory / "feedd" / name), int(kind))
            except RegionError:
                return None
        return self._regions[name]

    def _positions(self) -> dict[str, int]:
        positions = self._region("gateway.positions", RegionKind.GATEWAY_POSITIONS)
        board = self._region("market.board", RegionKind.MARKET_BOARD)
        if positions is None or board is None:
            return {}
        records = positions.records(GATEWAY_POSITION)
        entry, held = np.zeros(1, BOARD_ENTRY), {}
        for instrument_id in np.flatnonzero(records["position"]):
            if read_board_entry(board, int(instrument_id), entry):
                symbol = entry[0]["symbol"].tobytes().rstrip(b"\0").decode("ascii", "replace")
                held[symbol] = int(records["position"][instrument_id])
        return held

    def _venue(self) -> dict[str, Any]:
        try:
            summary: dict[str, Any] = json.loads(self._summary.read_text())
        except (OSError, json.JSONDecodeError):
            return {}
        return summary


_POSITION = re.compile(
    r'braind_shadow_position_quantity\{symbol="(?P<symbol>.+)",side="(?P<side>long|short)"\}'
)
_KINDS = ("accepted", "replaced", "filled", "canceled", "rejected")


def _one(values: Mapping[str, int | Histogram], name: str) -> int:
    value = values.get(name, 0)
    return value if isinstance(value, int) else 0


def _total(values: Mapping[str, int | Histogram], name: str) -> int:
    return sum(v for k, v in values.items() if isinstance(v, int) and k.split("{", 1)[0] == name)


def _believed(braind: Mapping[str, int | Histogram]) -> dict[str, int]:
    held: dict[str, int] = {}
    for name, value in braind.items():
        match = _POSITION.fullmatch(name)
        if match and isinstance(value, int) and value:
            held[match["symbol"]] = value if match["side"] == "long" else -value
    return held


def _signed(word: int) -> int:
    return word - (1 << 64) if word >= 1 << 63 else word
