"""Runs a decoder into the files that were asked for."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from hft.decode.capture_file import CaptureFile
from hft.decode.decoder import Decoder
from hft.decode.journal import JournalDecoder
from hft.decode.outputs import EVENTS_SCHEMA, TOPS_SCHEMA, TableFile, events_table, tops_table, write_json
from hft.journal.reader import Journal, is_journal


def decode(arguments: argparse.Namespace) -> int:
    """0 or 1, see `hft.decode`. Raises CaptureError, JournalError, ValueError (a bad date), OSError (outputs)."""
    with ExitStack() as undo:
        decoder: Decoder | JournalDecoder
        if is_journal(arguments.capture):
            decoder = JournalDecoder(Journal(arguments.capture))
        else:
            decoder = Decoder(undo.enter_context(CaptureFile(arguments.capture)), arguments.date)
        tables = []
        for path, schema, rows in (
            (arguments.tops, TOPS_SCHEMA, tops_table),
            (arguments.events, EVENTS_SCHEMA, events_table),
        ):
            if path is not None:
                tables.append(TableFile(path, schema, rows))
                undo.callback(tables[-1].discard)
        events = 0
        for batch in decoder.batches():
            events += len(batch.events)
            for table in tables:
                table.write(batch)
        for table in tables:
            table.commit()
        if arguments.counts is not None:
            write_json(arguments.counts, decoder.counts())
    return _report(arguments, decoder, events)


def _report(arguments: argparse.Namespace, decoder: Decoder | JournalDecoder, events: int) -> int:
    counts = decoder.counts()
    by_type = counts["by_type"]
    assert isinstance(by_type, dict)
    kinds = " ".join(f"{kind}:{count}" for kind, count in by_type.items())
    print(f"{counts['messages']} messages, {events} events of {decoder.date}: {kinds}")
    unfit = {reason: count for reason, count in decoder.book_problems().items() if count}
    if unfit:
        listed = ", ".join(f"{reason} {count}" for reason, count in unfit.items())
        print(
            f"hft decode: {arguments.capture}: order messages that did not fit the books: {listed}",
            file=sys.stderr,
        )
    for problem in decoder.problems:
        print(f"hft decode: {arguments.capture}: {problem}", file=sys.stderr)
    return 1 if decoder.problems else 0
