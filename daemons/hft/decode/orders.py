"""`hft journal orders`: what the gateway told of each order of a recorded run, a line each, or as a CSV.

A line: time (UTC), kind, order, symbol, side, quantity @ price, what is left open, the position after it, and the
reason: the gateway's own for a refusal, the venue's code for what the venue refused, cancelled or restated.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from hft.decode.journal import Symbols, problems_of
from hft.decode.outputs import AtomicFile
from hft.journal.errors import JournalError
from hft.journal.reader import Block, Journal
from hft.layout.dtypes import (
    ORDER_UPDATE,
    IntentAction,
    JournalStream,
    OrderState,
    RefusalReason,
    Side,
    TimeInForce,
    UpdateKind,
    VenueSession,
)

EXIT_DONE, EXIT_UNUSABLE = 0, 2
PRICE_SCALE = 10_000
_NAMED = {
    "kind": UpdateKind, "side": Side, "action": IntentAction, "reason": RefusalReason, "order_state": OrderState,
    "time_in_force": TimeInForce,
}  # fmt: skip
FIELDS = tuple(name for name in ORDER_UPDATE.names or () if not name.startswith("reserved"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (__doc__ or "").splitlines()[0]
    parser.add_argument("journal", type=Path, metavar="JOURNAL")
    parser.add_argument("--symbol", metavar="NAME", help="of this instrument only")
    parser.add_argument(
        "--kind",
        action="append",
        type=_kind,
        metavar="KIND",
        help="filled, rejected, refused, … (again for more)",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="every field of each, in place of the lines")


def _kind(text: str) -> int:
    try:
        return int(UpdateKind[text.upper()])
    except KeyError:
        names = ", ".join(kind.name.lower() for kind in UpdateKind)
        raise argparse.ArgumentTypeError(f"{text!r} is none of {names}") from None


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 2 when it can not be used. What is missing is told at the end."""
    try:
        journal = Journal(arguments.journal)
        chosen = (
            (symbol, time_ns, update)
            for symbol, time_ns, update in updates_of(journal)
            if arguments.symbol in (None, symbol)
            and (not arguments.kind or int(update["kind"]) in arguments.kind)
        )
        if arguments.csv:
            _write_csv(arguments.csv, chosen)
        else:
            for one in chosen:
                print(line(*one))
        for problem in problems_of(journal, int(JournalStream.UPDATES)):
            print(f"hft journal orders: {problem}", file=sys.stderr)
    except BrokenPipeError:
        raise  # who reads has seen enough
    except (JournalError, OSError) as error:
        print(f"hft journal orders: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    return EXIT_DONE


def updates_of(journal: Journal) -> Iterator[tuple[str, int, np.void]]:
    """(symbol, UTC in ns, OrderUpdate) in the order they were told. Raises JournalError as it reads."""
    places = _market_places(journal)
    generation, market_seq, names = 0, 0, None
    for block in journal.blocks(JournalStream.UPDATES):
        monotonic_ns, wall_ns = block.written_ns
        if generation != _market_of(places, block):
            generation, market_seq = _market_of(places, block), 0
            names = Symbols(journal, generation)
        for update in block.records():
            market_seq = max(
                market_seq, int(update["market_seq"])
            )  # what nobody asked for has none of its own
            symbol = str(names.at(market_seq)[update["instrument_id"]]) if names is not None else ""
            yield symbol, int(update["publish_ts_ns"]) - monotonic_ns + wall_ns, update


def _market_places(journal: Journal) -> list[tuple[int, int]]:
    """(number of its first block, generation) of each market ring: an updates ring begins with the one before it."""
    headers = journal.headers[journal.headers["stream"] == int(JournalStream.MARKET)]
    first: dict[int, int] = {}
    for header in headers[["generation", "number"]]:
        first.setdefault(int(header["generation"]), int(header["number"]))
    return sorted((number, generation) for generation, number in first.items())


def _market_of(places: list[tuple[int, int]], block: Block) -> int:
    """The generation of market.ring whose ids the block's updates use; 0 when none was recorded."""
    before = [generation for number, generation in places if number <= int(block.header["number"])]
    return before[-1] if before else (places[0][1] if places else 0)


def line(symbol: str, time_ns: int, update: np.void) -> str:
    """One update for people."""
    kind = UpdateKind(int(update["kind"]))
    time = datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="microseconds")[:-6]
    if kind is UpdateKind.SESSION:
        return f"{time} {kind.name.lower():<15} {VenueSession(int(update['venue_reason'])).name.lower()}"
    amount = f"{int(update['quantity'])} @ {int(update['price']) / PRICE_SCALE:.4f}"
    return (
        f"{time} {kind.name.lower():<15} {int(update['order_id']):>8} {symbol:<8} "
        f"{Side(int(update['side'])).name.lower():<5} {amount:>18}  open {int(update['leaves_quantity'])}, "
        f"position {int(update['position'])}{_why(update)}"
    )


def _why(update: np.void) -> str:
    if update["reason"]:
        return f"  {RefusalReason(int(update['reason'])).name.lower()}"
    code = int(update["venue_reason"])
    if not code:
        return ""
    letter = UpdateKind(int(update["kind"])) is not UpdateKind.REJECTED and chr(code).isprintable()
    return f"  venue: {chr(code) if letter else code}"


def _write_csv(path: Path, chosen: Iterator[tuple[str, int, np.void]]) -> None:
    file = AtomicFile(path)
    try:
        text = io.TextIOWrapper(file.handle, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(("time_utc_ns", "symbol", *FIELDS))
        for symbol, time_ns, update in chosen:
            writer.writerow((time_ns, symbol, *(_text(name, int(update[name])) for name in FIELDS)))
        text.flush()
        text.detach()
    except BaseException:
        file.discard()
        raise
    file.commit()


def _text(name: str, value: int) -> str | int:
    if name not in _NAMED:
        return value
    try:
        return str(_NAMED[name](value).name).lower()
    except ValueError:
        return value
