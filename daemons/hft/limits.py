"""watchd/limits and watchd/commands as Python sees them (feedd/limits.hpp, feedd/commands.hpp).

The page tightens the configuration's ``[risk]``, it never loosens it: the gateway takes the smaller of the two. What
nobody tightened is `NOT_SET`, and 0 refuses. Notional and loss are in price units × shares (currency × 10^4).

    page = adopt_limits(directory / "watchd/limits", huge_pages)      # watchd, under its lock
    now = read_limits(page)                                           # None: no whole one is there
    write_limits(LimitsWriter(page), replace(now, position_max=500))  # its sequence grows by one
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hft import _native
from hft.layout.dtypes import COMMANDS, LIMITS, RegionKind
from hft.regions import LimitsWriter, Region

NOT_SET: Final = _native.LIMIT_NOT_SET
INSTRUMENTS_MAX: Final = _native.LIMITS_INSTRUMENTS


@dataclass(frozen=True)
class InstrumentLimits:
    """An instrument's own."""

    order_quantity_max: int = NOT_SET
    order_notional_max: int = NOT_SET
    position_max: int = NOT_SET


@dataclass(frozen=True)
class Limits:
    """The whole page at one moment. `sequence` 0 = never set: the configuration's alone."""

    sequence: int = 0
    changed_ts_ns: int = 0  # CLOCK_REALTIME
    order_quantity_max: int = NOT_SET
    order_notional_max: int = NOT_SET
    position_max: int = NOT_SET
    gross_notional_max: int = NOT_SET
    open_orders_max: int = NOT_SET
    unacknowledged_max: int = NOT_SET
    loss_max: int = NOT_SET
    price_collar_bps: int = NOT_SET
    instruments: Mapping[int, InstrumentLimits] = field(default_factory=dict)


ACCOUNT_FIELDS: Final = tuple(
    entry.name for entry in fields(Limits) if entry.name not in ("sequence", "changed_ts_ns", "instruments")
)
INSTRUMENT_FIELDS: Final = tuple(entry.name for entry in fields(InstrumentLimits))


def adopt_limits(path: Path, require_huge_pages: bool = False) -> Region:
    """The page of limits, the one of this boot or a new one. Raises RegionError."""
    return Region.adopt(str(path), int(RegionKind.LIMITS), LIMITS.itemsize, require_huge_pages)


def adopt_commands(path: Path, require_huge_pages: bool = False) -> Region:
    """The page of commands, the one of this boot or a new one. Raises RegionError."""
    return Region.adopt(str(path), int(RegionKind.COMMANDS), COMMANDS.itemsize, require_huge_pages)


def read_limits(page: Region) -> Limits | None:
    """None: its writer is within a change or died within one; the gateway then refuses every order."""
    record = np.zeros(1, LIMITS)
    if not _native.read_limits(page, record):
        return None
    values = record[0]
    if values["limits_sequence"] == 0:
        return Limits()
    account: dict[str, Any] = {name: int(values[name]) for name in ACCOUNT_FIELDS}
    return Limits(
        sequence=int(values["limits_sequence"]),
        changed_ts_ns=int(values["changed_ts_ns"]),
        instruments={
            int(entry["instrument_id"]): InstrumentLimits(*(int(entry[name]) for name in INSTRUMENT_FIELDS))
            for entry in values["instruments"][: int(values["entries"])]
        },
        **account,
    )


def write_limits(writer: LimitsWriter, limits: Limits) -> Limits:
    """Puts `limits` on the page under the next sequence number, which is higher than its own and the page's.

    Returns what is on the page now. Raises ValueError for more than INSTRUMENTS_MAX instruments.
    """
    if len(limits.instruments) > INSTRUMENTS_MAX:
        raise ValueError(f"limits for {len(limits.instruments)} instruments, at most {INSTRUMENTS_MAX}")
    written = replace(
        limits, sequence=max(limits.sequence, writer.sequence) + 1, changed_ts_ns=time.time_ns()
    )
    if not writer.write(_record(written)):
        raise RuntimeError("the page of limits has a second writer")
    return written


def loosened(before: Limits, after: Limits) -> list[str]:
    """What `after` allows more of than `before`, by name: ``position_max``, ``7.position_max``; [] = nothing.

    Loosening is allowed while disarmed only.
    """
    return list(_loosened(before, after))


def _loosened(before: Limits, after: Limits) -> Iterator[str]:
    for name in ACCOUNT_FIELDS:
        if getattr(after, name) > getattr(before, name):
            yield name
    none = InstrumentLimits()
    for instrument_id, old in before.instruments.items():
        new = after.instruments.get(instrument_id, none)
        for name in INSTRUMENT_FIELDS:
            if getattr(new, name) > getattr(old, name):
                yield f"{instrument_id}.{name}"


def _record(limits: Limits) -> NDArray[np.void]:
    record = np.zeros(1, LIMITS)
    values = record[0]
    values["limits_sequence"], values["changed_ts_ns"] = limits.sequence, limits.changed_ts_ns
    for name in ACCOUNT_FIELDS:
        values[name] = getattr(limits, name)
    values["entries"] = len(limits.instruments)
    for entry, (instrument_id, own) in zip(
        values["instruments"], sorted(limits.instruments.items()), strict=False
    ):
        entry["instrument_id"] = instrument_id
        for name in INSTRUMENT_FIELDS:
            entry[name] = getattr(own, name)
    return record
