"""From a DayConfig to bytes: sets up the books and the flow, runs the compiled loop tape by tape."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from paperd.capture import index_messages
from paperd.day.config import PREOPEN_ORDERS, SECOND_NS, DayConfig, DayConfigError
from paperd.day.flow import BRANCHING
from paperd.day.kernel import DAY_DONE, first_events, run
from paperd.day.script import MPIDS, Symbols, symbols, write_script
from paperd.day.script_writer import Script
from paperd.day.state import TAPE, WINDOW_TICKS, Tape, new_instruments

MESSAGES_PER_EVENT = 1.013
"""Measured: a trade takes about 1.6 resting orders, everything else is one message."""
EVENTS_PER_PRESSURE = 60.0
ACTIVITY_EXPONENT = 0.6
SEASON_S = 3600.0
"""Sessions at least as long are busier near open and close."""
_NEVER = (1 << 62) - 1


def generate_day(config: DayConfig) -> npt.NDArray[np.uint8]:
    """The day as a length-prefixed ITCH 5.0 stream uint8[bytes]; the same config gives the same bytes.

    DayConfigError when `messages` cannot even hold the scripted part of the day.
    """
    return np.concatenate([tape.copy() for tape in day_tapes(config)])


def write_day(path: Path, config: DayConfig) -> int:
    """Write the day to a file as it is made, in bounded memory; returns the number of messages."""
    tapes = day_tapes(config)
    first = next(tapes)  # before the file is touched: here a config without room is refused
    messages = 0
    with path.open("wb") as file:
        for tape in chain([first], tapes):
            file.write(tape.tobytes())
            messages += len(index_messages(tape))
    return messages


def day_tapes(config: DayConfig) -> Iterator[npt.NDArray[np.uint8]]:
    """The day in pieces of whole framed messages, each valid until the next is asked for."""
    random = np.random.Generator(np.random.PCG64(config.seed))
    n = config.instruments
    stock = symbols(n)
    reference_tick = np.exp(random.normal(np.log(4_000.0), 0.9, n)).astype(np.int64)
    reference_tick = np.clip(reference_tick, WINDOW_TICKS, 60_000)
    script = write_script(config, stock, reference_tick * 100, random)
    _require_room(config, script)
    instruments = _instruments(config, stock, reference_tick, random)
    tape = _tape(config)
    due_ns = np.empty(n, np.int64)
    first_events(instruments, due_ns, tape, config.open_ns)
    heap = np.argsort(due_ns, kind="stable").astype(np.int32)
    close_ns = config.open_ns + int(config.session_s * SECOND_NS)
    messages_max, flow_end_ns = (_NEVER, close_ns) if config.messages is None else (config.messages, _NEVER)
    status = None
    while status != DAY_DONE:
        tape.bytes = 0
        status = run(instruments, heap, due_ns, tape, *script, messages_max, flow_end_ns)
        yield tape.buffer[: tape.bytes]


def _require_room(config: DayConfig, script: Script) -> None:
    least = len(script.items) + (0 if config.pure_mix else config.instruments)
    if config.messages is not None and config.messages < least:
        raise DayConfigError("messages", f"{config.instruments} instruments need at least {least}")


def _instruments(
    config: DayConfig, stock: Symbols, reference_tick: npt.NDArray[np.int64], random: np.random.Generator
) -> "np.recarray[tuple[int], np.dtype[np.record]]":
    n = config.instruments
    activity = random.permutation(np.arange(1.0, n + 1) ** -ACTIVITY_EXPONENT)
    events_per_s = config.rate_per_s / MESSAGES_PER_EVENT * activity / activity.sum()
    instruments = new_instruments(reference_tick)
    instruments["stock"] = np.frombuffer(b"".join(stock.tolist()), np.uint8).reshape(n, 8)
    instruments["baseline_per_ns"] = events_per_s * (1.0 - BRANCHING) / SECOND_NS
    instruments["last_event_ns"] = config.open_ns
    instruments["season_open_ns"] = config.open_ns
    instruments["season_length_ns"] = config.session_s * SECOND_NS if config.session_s >= SEASON_S else 0.0
    instruments["pressure"] = random.normal(0.0, 1.0, n)
    pressure_s = np.maximum(config.pressure_s, EVENTS_PER_PRESSURE / events_per_s)
    instruments["pressure_time_ns"] = pressure_s * SECOND_NS
    instruments["strength"] = config.signal
    instruments["inside_chance"] = random.uniform(0.15, 0.6, n)
    instruments["orders_target"] = random.integers(PREOPEN_ORDERS - 8, PREOPEN_ORDERS + 33, n)
    return instruments


def _tape(config: DayConfig) -> Tape:
    tape: Tape = np.zeros(1, TAPE).view(np.recarray)[0]
    tape.reference, tape.match, tape.random_word = 1_000, 10_000, config.seed
    tape.mpid[:] = np.frombuffer(MPIDS.tobytes(), np.uint8).reshape(-1, 4)
    return tape
