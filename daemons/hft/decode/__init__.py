"""`hft decode FILE`: a capture through feedd's own code, or a journal's market records, into files.

    --counts OUT.json   {"messages", "by_type", "malformed", …}
    --tops OUT.csv      one row whenever price, size or order count at the top of a book changes
    --events OUT        all normalized events, CSV, or Parquet by the ending .parquet

Input: length-prefixed ITCH (plain or gzip) and packet captures (pcap, pcapng), told apart by their first bytes, and
the directory of a journal (`hft record`).
Exit codes: 0 all of the capture was decoded; 1 something in it was cut or malformed (said on stderr, everything
readable was written); 2 it can not be used, nothing was written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hft.journal.errors import JournalError

PROTOCOLS = ("itch50",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("capture", type=Path, metavar="FILE")
    parser.add_argument("--counts", type=Path, metavar="OUT.json", help="messages by type")
    parser.add_argument("--tops", type=Path, metavar="OUT.csv", help="every change of a top of book")
    parser.add_argument("--events", type=Path, metavar="OUT", help="all events: CSV, or Parquet for .parquet")
    parser.add_argument("--protocol", choices=PROTOCOLS, default=PROTOCOLS[0])
    parser.add_argument(
        "--date", metavar="YYYY-MM-DD", help="trading date (default: from the file's name or its packets)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Decodes and writes. Prints one summary line, problems go to stderr; see the exit codes above."""
    from hft.decode.command import decode  # Arrow takes a while to load

    try:
        return decode(arguments)
    except (JournalError, OSError, ValueError) as error:
        print(f"hft decode: {error}", file=sys.stderr)
        return 2
