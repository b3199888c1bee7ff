"""`hft journal info | verify | cut`.

Exit codes: 0 done, and for `verify` sound (losses and a torn tail are told, they are no damage); 1 damaged; 2 it can
not be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from hft.journal.cut import Range, cut
from hft.journal.errors import JournalError
from hft.journal.info import show, summary
from hft.journal.places import Place, place, sequence_of, the_generation
from hft.journal.reader import Journal, is_journal
from hft.journal.verify import verify
from hft.journal.writer import Limits
from hft.layout.dtypes import JournalStream

EXIT_SOUND, EXIT_DAMAGED, EXIT_UNUSABLE = 0, 1, 2
CUT_LIMITS = Limits(256 << 20, 1 << 62, "stop", 1_000_000_000)
_EVERYTHING = 1 << 62


def add_info_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", type=Path, metavar="JOURNAL")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same as a document")


def run_info(arguments: argparse.Namespace) -> int:
    """What is there; reads headers and a few payloads."""
    try:
        journal = Journal(arguments.journal)
        show(journal, Console(highlight=False))
        if arguments.json:
            arguments.json.write_text(json.dumps(summary(journal), indent=1) + "\n")
    except (JournalError, OSError) as error:
        print(f"hft journal info: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    return EXIT_SOUND


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", type=Path, metavar="JOURNAL")


def run_verify(arguments: argparse.Namespace) -> int:
    """Every checksum, number and sequence."""
    try:
        journal = Journal(arguments.journal, use_index=False)
        verdict = verify(journal)
    except JournalError as error:
        print(f"hft journal verify: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    for problem in verdict.problems:
        print(f"hft journal verify: {problem}", file=sys.stderr)
    torn = (
        f", torn tail of {journal.torn_bytes:,} bytes dropped ({journal.torn_records:,} records)"
        if journal.torn_bytes
        else ""
    )
    print(
        f"{arguments.journal}: {'DAMAGED' if verdict.problems else 'sound'}: {verdict.blocks:,} blocks, "
        f"{verdict.records:,} records, {verdict.lost_records:,} told to be lost{torn}"
    )
    return EXIT_DAMAGED if verdict.problems else EXIT_SOUND


def add_cut_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "A place is a market.ring sequence, or a time (ISO 8601, UTC) of publication."
    parser.add_argument("journal", type=Path, metavar="JOURNAL")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a directory that is not there"
    )
    parser.add_argument("--from", type=place, default="1", dest="first", metavar="PLACE", help="(the start)")
    parser.add_argument("--to", type=place, default=None, dest="last", metavar="PLACE", help="(the end)")
    parser.add_argument("--generation", type=int, metavar="N", help="of market.ring, where there are several")


def run_cut(arguments: argparse.Namespace) -> int:
    """The range as a journal of its own."""
    if is_journal(arguments.out):
        print(f"hft journal cut: {arguments.out}: there is a journal already", file=sys.stderr)
        return EXIT_UNUSABLE
    try:
        journal = Journal(arguments.journal)
        ranges = _ranges(journal, arguments.first, arguments.last, arguments.generation)
        records = cut(journal, ranges, arguments.out, CUT_LIMITS)
    except (JournalError, OSError) as error:
        print(f"hft journal cut: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    parts = ", ".join(f"{one.first:,} … {one.last:,} of {one.generation}" for one in ranges)
    print(f"{arguments.out}: {records:,} market records: {parts}")
    return EXIT_SOUND


def _ranges(journal: Journal, first: Place, last: Place | None, generation: int | None) -> list[Range]:
    """What is asked for, as far as it was recorded. Raises JournalError when that is nothing."""
    by_number = generation is not None or (first.sequence or 1) > 1 or (last is not None and last.sequence)
    generations = (
        [the_generation(journal, generation)] if by_number else journal.generations(JournalStream.MARKET)
    )
    ends, ranges = journal.ends(), []
    for one in generations:
        start = sequence_of(journal, one, first)
        recorded = journal.headers["first_sequence"][
            (journal.headers["stream"] == int(JournalStream.MARKET)) & (journal.headers["generation"] == one)
        ]
        start = max(start, int(recorded.min()))
        end = min(_end(journal, one, last), ends.get((int(JournalStream.MARKET), one), 0))
        if start <= end:
            ranges.append(Range(one, start, end))
    if not ranges:
        raise JournalError(f"{journal.path}: nothing was recorded from {first} to {last or 'the end'}")
    return ranges


def _end(journal: Journal, generation: int, last: Place | None) -> int:
    if last is None:
        return _EVERYTHING
    if last.sequence is not None:
        return last.sequence
    return sequence_of(journal, generation, last) - 1
