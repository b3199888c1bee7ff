"""`braind --replay JOURNAL`. Exit codes: 0 identical, 1 different, 2 usage, 3 it can not be repeated (said why)."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from hft.config import ConfigError, load
from hft.journal.errors import JournalError
from hft.journal.places import place
from hft.journal.reader import Journal
from hft.regions import RegionError

EXIT_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("replay of a recorded run")
    group.add_argument(
        "--replay", type=Path, metavar="JOURNAL", help="repeat what `hft record` wrote, and compare"
    )
    group.add_argument(
        "--from", type=place, dest="place", metavar="PLACE",
        help="a market.ring sequence or a time (ISO 8601, UTC): from the nearest checkpoint at or after it",
    )  # fmt: skip
    group.add_argument("--generation", type=int, metavar="N", help="only this generation of market.ring")
    group.add_argument("--model", type=Path, metavar="DIR", help="where the same model package is now")
    group.add_argument("--out", type=Path, metavar="FILE", help="the replayed intents, CSV or .parquet")
    group.add_argument("--json", type=Path, metavar="FILE", help="the outcome as a document")


def run(arguments: argparse.Namespace) -> int:
    """Repeats, compares, reports. `--config`: its [braind] instead of the recorded one."""
    # The daemon, which shares this command line, has no use for these.
    from braind.replay import report
    from braind.replay.session import Options, Verdict, replay

    start = time.monotonic()
    try:
        options = Options(
            place=arguments.place,
            generation=arguments.generation,
            config=load(arguments.config) if arguments.config else None,
            model=arguments.model,
            keep=arguments.out is not None,
        )
        outcome = replay(Journal(arguments.replay), options, lambda text: print(text, file=sys.stderr))
    except (ConfigError, JournalError, RegionError) as error:
        print(f"braind --replay: can not: {error}", file=sys.stderr)
        return int(Verdict.CAN_NOT)
    except Exception:  # noqa: BLE001 - of somebody's strategy, say: 1 would mean that the intents are others
        traceback.print_exc()
        print("braind --replay: can not: see above", file=sys.stderr)
        return int(Verdict.CAN_NOT)
    seconds = time.monotonic() - start
    print("\n".join(report.lines(outcome, seconds)))
    try:
        if arguments.json:
            report.write_document(arguments.json, outcome, seconds)
        if arguments.out:
            report.write_intents(arguments.out, outcome)
    except OSError as error:
        print(f"braind --replay: {error}", file=sys.stderr)
        return EXIT_USAGE
    return int(outcome.verdict)
