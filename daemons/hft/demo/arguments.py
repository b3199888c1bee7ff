"""What `hft demo` may be told."""

from __future__ import annotations

import argparse
from pathlib import Path

from hft.demo import prepare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--capture", type=Path, metavar="FILE", help="an ITCH 5.0 file: length-prefixed, plain or .gz")
    add("--date", metavar="YYYY-MM-DD", help="its trading date, when its name does not tell")
    add(
        "--messages",
        type=_count,
        default=3_000_000,
        metavar="N",
        help="play at most its first N (%(default)s)",
    )
    add("--start-at", default="first-order", metavar="T", help="HH:MM:SS in New York; earlier goes out fast")
    add("--speed", type=_positive, metavar="X", help="times the real spacing (default: about half a minute)")
    add("--seconds", type=_positive, metavar="S", help="stop after this long (default: when the day is over)")
    add(
        "--kill-at",
        type=_positive,
        metavar="S",
        help="freeze braind (SIGSTOP) after this long and measure what watchd does",
    )
    add(
        "--deadline-ms",
        type=_deadline,
        default=prepare.DEADLINE_MS,
        metavar="N",
        help="watchd's deadline for a silent loop (%(default)s; a server with isolated cores: 30), and from 300 on "
        "for one that consumes nothing and for heartbeats",
    )
    add(
        "--strategy",
        type=_strategy,
        default="taker",
        metavar="NAME",
        help="taker on the model's score, maker that quotes both sides, imbalance that takes without looking at its "
        "position, or MODULE:CLASS of your own in this directory (%(default)s)",
    )
    add("--no-orders", action="store_true", help="no paper venue: intents are checked and not sent")
    add("--record", type=Path, metavar="DIR", help="record the run into a journal (see braind --replay)")
    add("--json", type=Path, metavar="FILE", help="write the report as JSON")
    add("--loss", type=_rate, default=0.0, metavar="P", help="drop this share of the packets of each line")
    add("--duplicate", type=_rate, default=0.0, metavar="P", help="send this share twice")
    add("--reorder", type=_rate, default=0.0, metavar="P", help="send this share late")
    add("--plain", action="store_true", help="plain lines also on a terminal")
    add("--keep", action="store_true", help="keep the run's directory: logs, configuration, regions")


def _strategy(text: str) -> str:
    if text not in prepare.STRATEGIES and ":" not in text:
        known = ", ".join(prepare.STRATEGIES)
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {known}, and no MODULE:CLASS")
    return text


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _deadline(text: str) -> int:
    value = int(text)
    if not 20 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text} is not within 20 … 10000")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 0.9:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 0.9")
    return value
