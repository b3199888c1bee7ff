"""The `paperd` command: `replay` a capture (or a generated day) as MoldUDP64, `generate` a day to a file.

With `--orders` the replay takes orders as well; `venue` does without a replay (`paperd --orders …` alone means it), and
`ctl` talks to either.

Standard output carries JSON lines only: the status at the start and at the end. Messages for people go to
standard error. Exit codes: 0 done or stopped by a signal, 1 something failed while running, 2 a bad option
or a file that cannot be used.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paperd.arguments import build_parser, day_config, replay_config
from paperd.capture import Capture, CaptureError, index_messages, load_capture
from paperd.day import DayConfig, DayConfigError, generate_day, write_day
from paperd.line import Address
from paperd.options import FIRST_ORDER
from paperd.orders.arguments import ORDER_OPTIONS, orders_config
from paperd.orders.config import OrdersConfig
from paperd.orders.ctl import ctl
from paperd.orders.market import Market
from paperd.orders.process import OrderProcess
from paperd.orders.script import ScriptError
from paperd.orders.server import OrderServer, listen
from paperd.replay import Replay

EXIT_FAILED = 1
EXIT_USAGE = 2
_STAY_S = 0.05

DAY_OPTIONS = (
    "seed",
    "instruments",
    "messages",
    "duration",
    "messages_per_second",
    "signal",
    "pressure",
    "pure_mix",
)
"""Options that only mean something without a capture."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0].startswith("--") and any(text.split("=")[0] == "--orders" for text in given):
        given.insert(0, "venue")
    parser = build_parser()
    options = parser.parse_args(given)
    if options.command is None:
        parser.print_help()
        return 0
    commands = {"generate": _generate, "replay": _replay, "venue": _venue, "ctl": ctl}
    try:
        return commands[options.command](options)
    except DayConfigError as error:
        option = {"duration_s": "duration", "pressure_s": "pressure"}.get(error.field)
        return _refuse(f"argument --{option or error.field.replace('_', '-')}: {error}")
    except (CaptureError, ScriptError, _UsageError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(str(error), EXIT_FAILED)


class _UsageError(Exception):
    """Options that do not fit each other or the capture."""


def _refuse(message: str, code: int = EXIT_USAGE) -> int:
    print(f"paperd: error: {message}", file=sys.stderr)
    return code


def _say(message: str) -> None:
    print(f"paperd: {message}", file=sys.stderr, flush=True)


def _generate(options: argparse.Namespace) -> int:
    config = day_config(options)
    started = time.monotonic()
    messages = write_day(options.out, config)
    took_s = time.monotonic() - started
    summary = {
        "file": str(options.out),
        "messages": messages,
        "bytes": options.out.stat().st_size,
        "instruments": config.instruments,
        "seed": config.seed,
        "messages_per_second": round(messages / took_s),
    }
    print(json.dumps(summary), flush=True)
    return 0


def _replay(options: argparse.Namespace) -> int:
    orders = _orders(options)
    config = day_config(options)
    capture, source = _feed(options, config)
    start = _start(options, capture)
    side = None if orders is None else OrderProcess(orders, capture)
    replay = Replay(
        capture, replay_config(options, start), time.monotonic_ns, None if side is None else side.released
    )
    signal.signal(signal.SIGINT, lambda *_: replay.stop())
    signal.signal(signal.SIGTERM, lambda *_: replay.stop())
    about: dict[str, Any] = {"source": source, "truncated_at": capture.truncated_at}
    if orders is not None and side is not None:
        about |= _about_orders(orders, side.address)
    print(json.dumps(replay.status() | about), flush=True)

    def report(status: dict[str, Any]) -> None:
        if side is not None:
            side.check()
        if options.json is not None:
            _write_atomically(options.json, status | about)

    replay.run(report)
    if side is not None:
        while options.stay and not replay.stop_requested:
            side.check()
            time.sleep(_STAY_S)
        about["orders_summary"] = side.finish()
    print(json.dumps(replay.status() | about), flush=True)
    return 0


def _venue(options: argparse.Namespace) -> int:
    server = venue_of(options)
    config = server.config
    signal.signal(signal.SIGINT, lambda *_: server.stop())
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    about = _about_orders(config, server.address)
    print(json.dumps({"state": "serving"} | about), flush=True)
    summary = server.run()
    print(json.dumps({"state": "done"} | about | {"orders_summary": summary}), flush=True)
    return 0


def venue_of(options: argparse.Namespace) -> OrderServer:
    """The venue without a replay that the options ask for, listening."""
    config = _orders(options)
    if config is None:
        raise _UsageError("argument --orders: the venue needs an address")
    market = Market()
    server = OrderServer(config, market, listen(config))
    for book in options.book:
        market.set_book(book.symbol, book.bid_e4, book.ask_e4, book.shares)
    return server


def _orders(options: argparse.Namespace) -> OrdersConfig | None:
    config = orders_config(options)
    given = [name for name in ORDER_OPTIONS if getattr(options, name, None) is not None]
    if config is None and given:
        raise _UsageError(f"argument --{given[0].replace('_', '-')}: only with --orders")
    return config


def _about_orders(config: OrdersConfig, address: Address) -> dict[str, Any]:
    """Where orders are taken, for scripts."""
    return {
        "orders": "{}:{}".format(*address),
        "orders_session": config.session,
        "username": config.username,
        "password_checked": config.password is not None,
        "control": None if config.control is None else str(config.control),
    }


def _feed(options: argparse.Namespace, config: DayConfig) -> tuple[Capture, str]:
    """The capture to replay and where it is from."""
    if options.capture is None:
        if options.max_messages is not None or options.allow_truncated:
            raise _UsageError("argument --max-messages, --allow-truncated: only with --capture")
        _say(f"no --capture: generating a day (seed {config.seed}, {config.instruments} instruments)")
        return index_messages(generate_day(config)), "generated"
    given = [name for name in DAY_OPTIONS if getattr(options, name) is not None]
    if given:
        raise _UsageError(f"argument --{given[0].replace('_', '-')}: not allowed with --capture")
    capture = load_capture(
        options.capture, max_messages=options.max_messages, allow_truncated=options.allow_truncated
    )
    if capture.truncated_at is not None:
        _say(f"{options.capture}: truncated at offset {capture.truncated_at}, replaying what is before")
    return capture, str(options.capture)


def _start(options: argparse.Namespace, capture: Capture) -> int:
    """Number of the message from which on the capture's own spacing counts."""
    if options.start_at is None:
        return 0
    if options.start_at == FIRST_ORDER:
        first = capture.first_order()
        if first is None:
            raise _UsageError("argument --start-at: the capture holds no order")
        return first
    late = np.flatnonzero(capture.timestamp_ns >= options.start_at)
    if not len(late):
        raise _UsageError("argument --start-at: the capture ends before")
    return int(late[0])


def _write_atomically(path: Path, status: dict[str, Any]) -> None:
    if path.exists() and not path.is_file():  # a device or a pipe must not be replaced by a file
        path.write_text(json.dumps(status) + "\n")
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(status) + "\n")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
