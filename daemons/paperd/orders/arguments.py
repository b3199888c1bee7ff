"""The order side's options, and the configuration they make."""

import argparse
from pathlib import Path
from typing import Any

from paperd import options as values
from paperd.orders.config import Book, CancelOnDisconnect, Disconnect, OrdersConfig, price_e4
from paperd.orders.matching import SelfMatch
from paperd.orders.soup import SESSION_BYTES
from paperd.orders.tally import Fees
from paperd.pacing import SECOND_NS

_BOOK_SHARES_MAX = (1 << 32) - 1


def add_order_options(parser: argparse.ArgumentParser) -> None:
    """With defaults of None, so that what was given is known; `orders_config` fills them in."""
    group = parser.add_argument_group("orders: OUCH 5.0 over SoupBinTCP")
    group.add_argument(
        "--orders", type=values.request_host_port, metavar="HOST:PORT",
        help="listen for orders; port 0 is chosen and told in the status",
    )  # fmt: skip
    group.add_argument("--username", type=_username, help="up to 6 letters and digits (HFT001)")
    group.add_argument(
        "--password-file", type=Path, metavar="FILE", help="its first line; without it none is checked"
    )
    group.add_argument(
        "--orders-session", type=_session, metavar="NAME", help="up to 10 characters (OUCH000001)"
    )
    group.add_argument("--ledger", type=Path, metavar="FILE", help="everything received and sent, JSON lines")
    group.add_argument(
        "--orders-summary", type=Path, metavar="FILE", help="positions and counts at the end, JSON"
    )
    group.add_argument("--control", type=Path, metavar="SOCKET", help="for paperd ctl")
    group.add_argument(
        "--script", type=Path, metavar="FILE", help="requests as of paperd ctl, with their moments"
    )
    group.add_argument(
        "--cancel-on-disconnect", type=_cancel_on_disconnect, metavar="yes|late:MS|no", help="(yes)"
    )
    group.add_argument(
        "--mirror", action="store_const", const=True, help="several logins at once, one stream"
    )
    group.add_argument(
        "--self-match",
        choices=[policy.value for policy in SelfMatch],
        help="who goes when own orders meet (oldest)",
    )
    for name, default in (("taker", "0.0030"), ("maker", "-0.0020")):
        group.add_argument(f"--fee-{name}", type=_fee, metavar="PRICE", help=f"a share ({default})")
    seconds = values.number(0.001, 86_400.0)
    group.add_argument("--orders-heartbeat", type=seconds, metavar="S", help="when idle (1)")
    group.add_argument("--client-timeout", type=seconds, metavar="S", help="of a silent client (15)")
    group.add_argument("--login-timeout", type=seconds, metavar="S", help="from connecting to the login (30)")
    group.add_argument(
        "--orders-receive-buffer",
        type=values.whole(1024, 1 << 30),
        metavar="BYTES",
        help="SO_RCVBUF of clients",
    )
    group.add_argument(
        "--orders-seed", type=values.whole(0, (1 << 63) - 1), metavar="N", help="of reordering (1)"
    )


def add_book_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--book", type=_book, action="append", default=[], metavar="SYMBOL:BID:ASK:SIZE",
        help="a book of one order a side; may be repeated",
    )  # fmt: skip


ORDER_OPTIONS = (
    "username", "password_file", "orders_session", "ledger", "orders_summary", "control", "script",
    "cancel_on_disconnect", "mirror", "self_match", "fee_taker", "fee_maker", "orders_heartbeat", "client_timeout",
    "login_timeout", "orders_receive_buffer", "orders_seed", "stay",
)  # fmt: skip
"""Options that only mean something with --orders."""


def orders_config(options: argparse.Namespace) -> OrdersConfig | None:
    """The order side the options ask for, None without --orders. OSError when the password file can not be read."""
    if options.orders is None:
        return None
    given: dict[str, Any] = {
        "username": options.username,
        "password": _password(options.password_file),
        "session": options.orders_session,
        "heartbeat_ns": _ns(options.orders_heartbeat),
        "client_timeout_ns": _ns(options.client_timeout),
        "login_timeout_ns": _ns(options.login_timeout),
        "mirror": options.mirror,
        "cancel_on_disconnect": options.cancel_on_disconnect,
        "self_match": None if options.self_match is None else SelfMatch(options.self_match),
        "fees": _fees(options),
        "receive_buffer_bytes": options.orders_receive_buffer,
        "seed": options.orders_seed,
        "ledger": options.ledger,
        "summary": options.orders_summary,
        "control": options.control,
        "script": options.script,
    }
    return OrdersConfig(options.orders, **{name: value for name, value in given.items() if value is not None})


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * SECOND_NS)


def _fees(options: argparse.Namespace) -> Fees:
    usual = Fees()
    return Fees(
        usual.taker_e4 if options.fee_taker is None else options.fee_taker,
        usual.maker_e4 if options.fee_maker is None else options.fee_maker,
    )


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    lines = path.read_text().splitlines()
    return lines[0].strip() if lines else ""


def _username(text: str) -> str:
    if not 1 <= len(text) <= 6 or not text.isascii() or not text.isalnum():
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 6 letters and digits")
    return text


def _session(text: str) -> str:
    if not 1 <= len(text) <= SESSION_BYTES or not text.isascii() or not text.isalnum():
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to {SESSION_BYTES} letters and digits")
    return text


def _cancel_on_disconnect(text: str) -> CancelOnDisconnect:
    mode, colon, late_ms = text.partition(":")
    if text in ("yes", "no"):
        return CancelOnDisconnect(Disconnect(text))
    if mode != "late" or not colon:
        raise argparse.ArgumentTypeError(f"{text!r} is not yes, late:MS or no")
    return CancelOnDisconnect(Disconnect.LATE, round(values.number(0.0, 86_400_000.0)(late_ms) * 1_000_000))


def _price_e4(text: str) -> int:
    try:
        return price_e4(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _fee(text: str) -> int:
    fee_e4 = _price_e4(text)
    if abs(fee_e4) > 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is more than 1 a share")
    return fee_e4


def _book(text: str) -> Book:
    parts = text.split(":")
    if len(parts) != 4 or not 1 <= len(parts[0]) <= 8 or not parts[0].isascii():
        raise argparse.ArgumentTypeError(f"{text!r} is not SYMBOL:BID:ASK:SIZE")
    bid_e4, ask_e4 = _price_e4(parts[1]), _price_e4(parts[2])
    if not 0 < bid_e4 < ask_e4:
        raise argparse.ArgumentTypeError(f"{text!r}: the bid is not below the ask")
    return Book(parts[0], bid_e4, ask_e4, values.whole(1, _BOOK_SHARES_MAX)(parts[3]))
