"""What we hold, and the limits that were tightened: gateway.positions and watchd/limits."""

from __future__ import annotations

from typing import Final

import numpy as np

from hft.layout.dtypes import BOARD_ENTRY, GATEWAY_POSITION
from hft.limits import ACCOUNT_FIELDS, INSTRUMENT_FIELDS, NOT_SET, read_limits
from hft.regions import Region, RegionError, read_board_entry
from watchd.exporter.mapped import MappedRegion
from watchd.exporter.readings import Reading, gauge
from watchd.limits import IN_CURRENCY, PRICE_UNITS
from watchd.tally import Entry
from watchd.tally_eyes import read_position

POSITIONS_MAX: Final = 1024  # feedd has no more accounts


class PositionsReader:
    """`feedd/gateway.positions`, with symbols from the board where it has them."""

    def __init__(self, board: MappedRegion) -> None:
        self._board = board
        self._entry = np.zeros(1, BOARD_ENTRY)

    def read(self, region: Region) -> list[Reading]:
        """Of every instrument that was ever traded or held."""
        used = np.flatnonzero(region.records(GATEWAY_POSITION)["instrument_id"])[:POSITIONS_MAX]
        readings: list[Reading] = []
        for instrument_id in used.tolist():
            entry = read_position(region, instrument_id)
            if entry is not None and entry.instrument_id == instrument_id:
                readings += self._readings(entry)
        return readings

    def _readings(self, entry: Entry) -> list[Reading]:
        labels = {"instrument": str(entry.instrument_id), "symbol": self._symbol(entry.instrument_id)}
        return [
            gauge("hft_position", entry.position, **labels),
            gauge("hft_position_bought_quantity", entry.bought_quantity, **labels),
            gauge("hft_position_sold_quantity", entry.sold_quantity, **labels),
            gauge("hft_position_mark_price", entry.mark_price / PRICE_UNITS, **labels),
        ]

    def _symbol(self, instrument_id: int) -> str:
        try:
            board = self._board.look()
            if instrument_id < board.capacity_records and read_board_entry(board, instrument_id, self._entry):
                return str(self._entry[0]["symbol"].tobytes().rstrip(b"\0").decode("ascii", "replace"))
        except (RegionError, OSError):
            pass
        return ""


def read_limits_page(region: Region) -> list[Reading]:
    """`watchd/limits`: what people tightened. Raises ValueError when the gateway could not read it either."""
    limits = read_limits(region)
    if limits is None:
        raise ValueError("within a change, or its writer died in one")
    readings = [gauge("hft_limits_sequence", limits.sequence)]
    readings += [
        gauge("hft_limit_tightened", _in_config_units(name, value), limit=name, instrument="")
        for name in ACCOUNT_FIELDS
        if (value := getattr(limits, name)) != NOT_SET
    ]
    for instrument_id, own in limits.instruments.items():
        readings += [
            gauge(
                "hft_limit_tightened",
                _in_config_units(name, value),
                limit=name,
                instrument=str(instrument_id),
            )
            for name in INSTRUMENT_FIELDS
            if (value := getattr(own, name)) != NOT_SET
        ]
    return readings


def _in_config_units(name: str, value: int) -> float:
    return value / PRICE_UNITS if name in IN_CURRENCY else value
