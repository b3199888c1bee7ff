"""How many huge pages the suite's regions need, from its configuration."""

from __future__ import annotations

from hft.config import Config
from hft.layout.dtypes import (
    BOARD_ENTRY,
    GATEWAY_ORDER,
    GATEWAY_POSITION,
    LOOP_INPUT,
    MARKET_EVENT,
    ORDER_INTENT,
    ORDER_UPDATE,
)
from hft.regions import RECORDS_OFFSET

PAGE_BYTES = 2 << 20
# Of one page each: statistics of feedd, braind, watchd and recorder, progress of feedd and braind, gateway.state,
# fence, limits, commands, operator/veto, identity; and one to spare.
SMALL_REGIONS = 13
# braind's whole state (braind/checkpoint.py) grows with its symbols.
CHECKPOINT_BYTES = 1 << 20
CHECKPOINT_BYTES_PER_SYMBOL = 4096
# A reader that still maps a retired generation keeps its pages, so the pool holds two of everything.
GENERATIONS = 2


def region_pages(config: Config) -> int:
    """2 MB pages of one generation of all regions."""
    capacity, gateway, braind = config.feedd.capacity, config.feedd.gateway, config.braind
    sizes = [
        capacity.market_ring_records * MARKET_EVENT.itemsize,
        capacity.instruments * BOARD_ENTRY.itemsize,
        capacity.updates_ring_records * ORDER_UPDATE.itemsize,
        capacity.instruments * GATEWAY_POSITION.itemsize,
        gateway.orders * GATEWAY_ORDER.itemsize,
    ]
    if braind is not None:
        sizes += [
            braind.intents_ring_records * ORDER_INTENT.itemsize,
            braind.inputs_ring_records * LOOP_INPUT.itemsize,
            CHECKPOINT_BYTES + CHECKPOINT_BYTES_PER_SYMBOL * len(braind.symbols),
        ]
    return SMALL_REGIONS + sum(-(-(RECORDS_OFFSET + size) // PAGE_BYTES) for size in sizes)


def pool_pages(config: Config) -> int:
    """2 MB pages to reserve: `host.huge_pages`, or twice the regions when that is 0."""
    return config.host.huge_pages or GENERATIONS * region_pages(config)
