"""The command line's options, and the configurations they make."""

import argparse
import sys
from pathlib import Path

from paperd import options as values
from paperd.day import DayConfig
from paperd.faults import LineFaults
from paperd.line import Destination
from paperd.orders.arguments import add_book_option, add_order_options
from paperd.orders.ctl import add_ctl_command
from paperd.pacing import SECOND_NS, Pacing
from paperd.replay import ReplayConfig

SMALLEST_PAYLOAD_BYTES, LARGEST_PAYLOAD_BYTES = 100, 65_507
LINES = ("a", "b")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="paperd",
        allow_abbrev=False,
        description="A paper venue in a box: replays or generates an ITCH day, and takes orders.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    replay = commands.add_parser(
        "replay", allow_abbrev=False, help="send a capture, or a generated day, as MoldUDP64 on two lines"
    )
    _feed_options(replay)
    _day_options(replay)
    _wire_options(replay)
    _pacing_options(replay)
    _fault_options(replay)
    add_order_options(replay)
    replay.add_argument(
        "--stay", action="store_const", const=True, help="after the replay serve orders until a signal"
    )
    venue = commands.add_parser(
        "venue", allow_abbrev=False, help="take orders without a replay, on books given by hand"
    )
    add_order_options(venue)
    add_book_option(venue)
    add_ctl_command(commands)
    generate = commands.add_parser("generate", allow_abbrev=False, help="write a generated day to a file")
    generate.add_argument("out", type=Path, metavar="OUT", help="length-prefixed ITCH 5.0 file to write")
    _day_options(generate)
    return parser


def _feed_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to replay")
    group.add_argument("--capture", type=Path, metavar="FILE", help="length-prefixed ITCH, plain or gzip")
    group.add_argument("--max-messages", type=values.whole(1, 1 << 62), metavar="N", help="read the first N")
    group.add_argument("--allow-truncated", action="store_true", help="accept a capture with a cut tail")


def _day_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("generated day")
    group.add_argument("--seed", type=values.whole(0, (1 << 63) - 1), help="same seed, same bytes (1)")
    group.add_argument("--instruments", type=values.whole(1, 10_000), help="how many (50)")
    group.add_argument("--messages", type=values.whole(1, 1 << 40), help="exact number in the whole day")
    group.add_argument(
        "--duration", type=values.number(0.0, 23_400.0, above=True), metavar="S", help="of the session (30)"
    )
    group.add_argument(
        "--messages-per-second", type=values.number(0.0, 1e9, above=True), metavar="N",
        help="mean rate (400 an instrument)",
    )  # fmt: skip
    group.add_argument("--signal", type=values.chance, help="strength of the planted signal, 0 to 1 (1)")
    group.add_argument(
        "--pressure", type=values.number(0.001, 3600.0), metavar="S", help="its time constant (0.8)"
    )
    group.add_argument(
        "--pure-mix", action="store_const", const=True, help="regular-session flow only, for throughput"
    )


def _wire_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network")
    for line, port in zip(LINES, (26_400, 26_401), strict=True):
        group.add_argument(
            f"--line-{line}", type=values.host_port, metavar="HOST:PORT", default=("127.0.0.1", port),
            help=f"unicast or multicast destination (127.0.0.1:{port})",
        )  # fmt: skip
        group.add_argument(
            f"--interface-{line}", type=values.ipv4, metavar="IP", help="outgoing interface of multicast"
        )
    group.add_argument("--ttl", type=values.whole(0, 255), default=1, help="of multicast (1)")
    group.add_argument(
        "--request", type=values.request_host_port, metavar="HOST:PORT", default=("127.0.0.1", 0),
        help="retransmission server; port 0 is chosen and told in the status (127.0.0.1:0)",
    )  # fmt: skip
    group.add_argument(
        "--session", type=values.session, default=values.session("PAPER00001"), help="up to 10 characters"
    )
    group.add_argument(
        "--payload", type=values.whole(SMALLEST_PAYLOAD_BYTES, LARGEST_PAYLOAD_BYTES), default=1400,
        metavar="BYTES", help="UDP payload ceiling (1400)",
    )  # fmt: skip
    group.add_argument(
        "--heartbeat", type=values.number(0.001, 3600.0), default=1.0, metavar="S", help="when idle (1)"
    )
    group.add_argument(
        "--end-of-session", action=argparse.BooleanOptionalAction, default=True, help="announce the end"
    )
    group.add_argument(
        "--linger", type=values.number(0.0, 86_400.0), default=3.0, metavar="S",
        help="serve retransmissions after the last message (3)",
    )  # fmt: skip
    group.add_argument(
        "--json", type=Path, metavar="FILE", help="status, rewritten every second and at the end"
    )


def _pacing_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pacing")
    group.add_argument(
        "--speed", type=values.speed, default=1.0, help="factor on the real spacing, or max (1)"
    )
    group.add_argument(
        "--start-at", type=values.start_at, metavar="TIME",
        help="New York HH:MM:SS[.fraction] or first-order: what is before goes out fast",
    )  # fmt: skip
    group.add_argument(
        "--prefix-rate", type=values.number(1.0, 1e9), default=200_000.0, metavar="N",
        help="messages a second before --start-at (200000)",
    )  # fmt: skip
    group.add_argument(
        "--max-messages-per-second", type=values.number(1.0, 1e9), metavar="N", help="cap on everything"
    )
    group.add_argument(
        "--coalesce-us", type=values.number(0.0, 1e6), default=50.0, metavar="US",
        help="messages due this close together share a datagram (50)",
    )  # fmt: skip
    group.add_argument(
        "--delay", type=values.number(0.0, 86_400.0), default=1.0, metavar="S",
        help="heartbeat only, this long before sending (1)",
    )  # fmt: skip
    group.add_argument(
        "--wait-for-start", action="store_true", help="wait for a line on standard input, then --delay"
    )


def _fault_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("faults, drawn for each packet and line (-a, -b: one line only)")
    for name in ("loss", "duplicate", "reorder"):
        group.add_argument(f"--{name}", type=values.chance, default=0.0, metavar="P")
        for line in LINES:
            group.add_argument(f"--{name}-{line}", type=values.chance, metavar="P")
    group.add_argument(
        "--reorder-depth", type=values.whole(1, 1000), default=4, metavar="N", help="packets, at most (4)"
    )
    group.add_argument(
        "--skew-ms", type=values.number(0.0, 60_000.0), default=0.0, metavar="MS", help="line B is later"
    )
    for suffix in ("", *(f"-{line}" for line in LINES)):
        group.add_argument(
            f"--silence{suffix}", type=values.silence, action="append", default=[], metavar="AT:DURATION",
            help="seconds from the start of sending; may be repeated",
        )  # fmt: skip
    group.add_argument("--loss-retransmission", type=values.chance, default=0.0, metavar="P")
    group.add_argument("--fault-seed", type=values.whole(0, (1 << 63) - 1), default=1, metavar="N")


def day_config(options: argparse.Namespace) -> DayConfig:
    """The day the options ask for; DayConfigError when they contradict each other."""
    named = {
        "seed": options.seed,
        "instruments": options.instruments,
        "messages": options.messages,
        "duration_s": options.duration,
        "messages_per_second": options.messages_per_second,
        "signal": options.signal,
        "pressure_s": options.pressure,
        "pure_mix": options.pure_mix,
    }
    return DayConfig(**{name: value for name, value in named.items() if value is not None})


def replay_config(options: argparse.Namespace, start: int) -> ReplayConfig:
    """The replay the options ask for, spaced in real time from message `start` on."""
    return ReplayConfig(
        session=options.session,
        destinations=tuple(
            Destination(getattr(options, f"line_{n}"), getattr(options, f"interface_{n}"), options.ttl)
            for n in LINES
        ),
        request=options.request,
        pacing=Pacing(
            speed=options.speed,
            start=start,
            prefix_per_s=options.prefix_rate,
            coalesce_ns=round(options.coalesce_us * 1_000),
            payload_bytes=options.payload,
            cap_per_s=options.max_messages_per_second,
        ),
        faults=tuple(_line_faults(options, line) for line in LINES),
        fault_seed=options.fault_seed,
        loss_retransmission=options.loss_retransmission,
        heartbeat_ns=round(options.heartbeat * SECOND_NS),
        delay_ns=round(options.delay * SECOND_NS),
        start_fd=sys.stdin.fileno() if options.wait_for_start else None,
        end_of_session=options.end_of_session,
        linger_ns=round(options.linger * SECOND_NS),
    )


def _line_faults(options: argparse.Namespace, line: str) -> LineFaults:
    def of_line(name: str) -> float:
        own = getattr(options, f"{name}_{line}")
        return float(getattr(options, name) if own is None else own)

    return LineFaults(
        loss=of_line("loss"),
        duplicate=of_line("duplicate"),
        reorder=of_line("reorder"),
        reorder_depth=options.reorder_depth,
        skew_ns=round(options.skew_ms * 1_000_000) if line == "b" else 0,
        silences=(*options.silence, *getattr(options, f"silence_{line}")),
    )
