"""The records compiled code works on: one of INSTRUMENT for each instrument, one TAPE for the day.

Records, not tuples of arrays, because Numba counts references of every array it passes on (measured: half
the run time), while a record is a bare pointer. It also keeps all of an instrument's state together in
memory. The price: with NUMBA_DISABLE_JIT=1 numpy hands out copies of a record's array fields, so this code only
works compiled.
"""

import numpy as np
import numpy.typing as npt

WINDOW_TICKS = 1024
"""Levels of an instrument's price window, centred on its reference price."""
ORDERS_MAX = 256
"""Live orders an instrument can hold; callers keep below it."""
TAPE_BYTES = 4 << 20
PARTICIPANTS = 5
BID, ASK = 0, 1
NONE = -1

Instrument = np.record
Tape = np.record

INSTRUMENT = np.dtype(
    [
        # order flow, see flow.py
        ("baseline_per_ns", "f8"),  # arrivals that no other event caused
        ("excitation_per_ns", "f8"),
        ("last_event_ns", "i8"),
        ("season_open_ns", "f8"),
        ("season_length_ns", "f8"),  # 0 = no season within the day
        ("pressure", "f8"),
        ("lagged_pressure", "f8"),
        ("pressure_time_ns", "f8"),
        ("strength", "f8"),  # of the planted signal, 0 to 1
        ("inside_chance", "f8"),  # an add into an open spread improves it with this chance
        ("orders_target", "i4"),
        ("halted", "i4"),
        ("last_match", "i8"),
        # identity
        ("locate", "i8"),
        ("base_tick", "i8"),  # price of level 0
        ("stock", "u1", (8,)),  # symbol, space-padded
        # book, see book.py; slot numbers and levels, NONE when there is none
        ("best", "i4", (2,)),  # by side; NONE (bid) or WINDOW_TICKS (ask) when the side is empty
        ("side_orders", "i4", (2,)),
        ("live_count", "i8"),
        ("live", "i2", (ORDERS_MAX,)),  # a permutation of the slots, the first live_count are in use
        ("live_at", "i2", (ORDERS_MAX,)),  # by slot: its position in `live`
        ("reference", "i8", (ORDERS_MAX,)),  # by slot, as all up to `ahead`
        ("shares", "i4", (ORDERS_MAX,)),
        ("level", "i2", (ORDERS_MAX,)),
        ("behind", "i2", (ORDERS_MAX,)),  # the next younger order of the level
        ("ahead", "i2", (ORDERS_MAX,)),  # the next older
        ("side", "i1", (ORDERS_MAX,)),
        ("level_head", "i2", (WINDOW_TICKS,)),  # by level: oldest order's slot
        ("level_tail", "i2", (WINDOW_TICKS,)),
        ("level_shares", "i4", (WINDOW_TICKS,)),
    ],
    align=True,
)

TAPE = np.dtype(
    [
        ("bytes", "i8"),  # used of `buffer`
        ("messages", "i8"),  # since the start of the day, as all that follow
        ("reference", "i8"),  # last order reference given out
        ("match", "i8"),  # last match number given out
        ("now_ns", "i8"),  # stamp of the messages being written
        ("script_item", "i8"),  # next one to perform
        ("random_word", "u8"),
        ("mpid", "u1", (PARTICIPANTS, 4)),
        ("buffer", "u1", (TAPE_BYTES,)),
    ],
    align=True,
)


def new_instruments(reference_tick: npt.NDArray[np.int64]) -> "np.recarray[tuple[int], np.dtype[np.record]]":
    """Instruments with empty books whose windows are centred on `reference_tick` int64[n]."""
    instruments = np.zeros(len(reference_tick), INSTRUMENT).view(np.recarray)
    instruments["base_tick"] = reference_tick - WINDOW_TICKS // 2
    instruments["locate"] = np.arange(1, len(reference_tick) + 1)
    instruments["best"] = (NONE, WINDOW_TICKS)
    instruments["live"] = np.arange(ORDERS_MAX)
    instruments["live_at"] = np.arange(ORDERS_MAX)
    for links in ("behind", "ahead", "level_head", "level_tail"):
        instruments[links] = NONE
    return instruments
