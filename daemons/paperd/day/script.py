"""The scripted part of a day: directory, first orders, auctions, halts, close.

A day has a short pre-open (its length follows from how many messages it holds) that ends at the open:
system events, directory and reference messages, the orders the books open with, the opening imbalances.
During the session a few instruments go through the states a real day shows: a volatility pause (H, J, I,
Q), a regulatory halt, an operational halt (h), a broken trade (B). A level 1 decline (W) is told just before
the close, where the rules do not halt trading. Closing imbalances, closing crosses and the last system
events follow the order flow, however long that took; so a session of 30 seconds also closes.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from paperd.day.config import PREOPEN_ORDERS, SECOND_NS, DayConfig
from paperd.day.kernel import (
    BREAK_TRADE,
    CROSS,
    HALT,
    IMBALANCE,
    OPENING_CROSS,
    POPULATE,
    RESUME,
)
from paperd.day.script_writer import Script, ScriptWriter, Span
from paperd.itch50 import encode

PREOPEN_PER_S = 100_000
MICROSECOND_NS = 1_000
INSTRUMENTS_PER_STORY = 200
"""One pause, one halt, one operational halt and one broken trade for as many instruments, at least one."""


Symbols = npt.NDArray[np.bytes_]


def symbols(instruments: int) -> Symbols:
    """Made-up four-letter symbols PAAA, PAAB, …, padded to eight: bytes[n]."""
    letters = [chr(ord("A") + digit) for digit in range(26)]
    names = (f"P{letters[k // 676 % 26]}{letters[k // 26 % 26]}{letters[k % 26]}" for k in range(instruments))
    return np.array([name.ljust(8).encode() for name in names], "S8")


MPIDS = np.array([b"PPRA", b"PPRB", b"PPRC", b"PPRD", b"PPRE"], "S4")
"""Made-up market participants."""


def write_script(
    config: DayConfig, stock: Symbols, reference_price_e4: npt.NDArray[np.int64], random: np.random.Generator
) -> Script:
    """The script of the configured day; `stock` and `reference_price_e4` have one entry an instrument."""
    writer = ScriptWriter()
    close_ns = config.open_ns + int(config.session_s * SECOND_NS)
    _preopen(writer, config, stock, random)
    if not config.pure_mix:
        _session(writer, config, stock, reference_price_e4)
        _close(writer, config.instruments, close_ns)
    return writer.script(close_ns)


def _preopen(writer: ScriptWriter, config: DayConfig, stock: Symbols, random: np.random.Generator) -> None:
    n = config.instruments
    orders = np.tile(np.arange(n), PREOPEN_ORDERS)
    length_ns = SECOND_NS + len(orders) * SECOND_NS // PREOPEN_PER_S
    at = Span(config.open_ns - length_ns, length_ns).at
    writer.message(at(0.0), _system_event("O"))
    directory_ns = np.linspace(at(0.01), at(0.25), n).astype(np.int64)
    _directory(writer, directory_ns, stock, random)
    if not config.pure_mix:
        _reference_messages(writer, directory_ns, stock, random)
        levels = {f"level_{k}_e8": int(drop * 4500e8) for k, drop in ((1, 0.93), (2, 0.87), (3, 0.80))}
        writer.message(at(0.27), encode("V", stock_locate=0, tracking_number=0, timestamp_ns=0, **levels))
    writer.message(at(0.28), _system_event("S"))
    order_ns = np.linspace(at(0.30), at(0.90), len(orders)).astype(np.int64)
    writer.act(order_ns, POPULATE, orders, np.repeat(np.arange(PREOPEN_ORDERS) % 2, n))
    everyone = np.arange(n)
    if not config.pure_mix:
        for share in (0.92, 0.95, 0.98):
            writer.act(at(share) + MICROSECOND_NS * everyone, IMBALANCE, everyone, ord("O"))
    writer.message(config.open_ns, _system_event("Q"))
    if not config.pure_mix:
        writer.act(config.open_ns + MICROSECOND_NS * everyone, OPENING_CROSS, everyone, ord("O"))


def _system_event(code: str) -> bytes:
    return encode("S", stock_locate=0, tracking_number=0, timestamp_ns=0, event_code=code)


def _directory(
    writer: ScriptWriter, time_ns: npt.NDArray[np.int64], stock: Symbols, random: np.random.Generator
) -> None:
    n = len(stock)
    category = random.choice(np.array([b"Q", b"G", b"S", b"N", b"P"]), n)
    etp = random.random(n) < 0.1
    writer.table(
        time_ns,
        "R",
        stock_locate=np.arange(1, n + 1),
        stock=stock,
        market_category=category,
        financial_status=np.where((category == b"N") | (category == b"P"), b" ", b"N"),
        round_lot_shares=100,
        round_lots_only=b"N",
        issue_classification=np.where(etp, b"Q", b"C"),
        issue_sub_type=np.where(etp, b"E ", b"Z "),
        authenticity=b"P",
        short_sale_threshold=b"N",
        ipo_flag=b"N",
        luld_tier=np.where(np.arange(n) % 3 == 0, b"1", b"2"),
        etp_flag=np.where(etp, b"Y", b"N"),
        etp_leverage_factor=0,
        inverse=b"N",
    )


def _reference_messages(
    writer: ScriptWriter, time_ns: npt.NDArray[np.int64], stock: Symbols, random: np.random.Generator
) -> None:
    """Trading state, short sale state and two market makers for every instrument."""
    n = len(stock)
    about = {"stock_locate": np.arange(1, n + 1), "stock": stock}
    writer.table(time_ns, "H", **about, trading_state=b"T", reserved=b" ", reason=b"    ")
    restricted = random.random(n) < 0.03
    writer.table(time_ns, "Y", **about, reg_sho_action=np.where(restricted, b"2", b"0"))
    for makers in range(2):
        writer.table(
            time_ns,
            "L",
            **about,
            mpid=MPIDS[(np.arange(n) + makers) % len(MPIDS)],
            primary_market_maker=b"Y" if makers == 0 else b"N",
            market_maker_mode=b"N",
            participant_state=b"A",
        )
    writer.message(int(time_ns[-1]), _ipo_quoting(stock, n - 1))
    writer.message(int(time_ns[-1]), _direct_listing(stock, n // 2))


def _ipo_quoting(stock: Symbols, number: int) -> bytes:
    return _about(
        stock, number, "K", release_time_s=9 * 3600 + 1500, release_qualifier="A", ipo_price_e4=250_000
    )


def _direct_listing(stock: Symbols, number: int) -> bytes:
    prices = {"minimum_price_e4": 80_000, "maximum_price_e4": 400_000, "near_price_e4": 200_000}
    collars = {"lower_collar_e4": 180_000, "upper_collar_e4": 220_000}
    near_ns = 34_200 * SECOND_NS
    return _about(
        stock, number, "O", open_eligibility="Y", near_execution_time_ns=near_ns, **prices, **collars
    )


def _about(stock: Symbols, number: int, kind: str, **values: int | str) -> bytes:
    """A message about one instrument; the kernel sets time and tracking number."""
    symbol = stock[number].decode()
    return encode(kind, stock_locate=number + 1, tracking_number=0, timestamp_ns=0, stock=symbol, **values)


def _session(
    writer: ScriptWriter, config: DayConfig, stock: Symbols, reference_price_e4: npt.NDArray[np.int64]
) -> None:
    n = config.instruments
    session = Span(config.open_ns, int(config.session_s * SECOND_NS))
    for story in range(max(1, n // INSTRUMENTS_PER_STORY)):
        span = session.later(0.05 * story / max(1, n // INSTRUMENTS_PER_STORY))
        paused, stopped, venue_halted = (5 * story + 1) % n, (5 * story + 2) % n, (5 * story + 3) % n
        _pause(writer, stock, paused, span.at, reference_price_e4)
        _regulatory_halt(writer, stock, stopped, span.at)
        for share, action, code in ((0.55, HALT, "H"), (0.58, RESUME, "T")):
            halt = _about(stock, venue_halted, "h", market_code="Q", halt_action=code)
            writer.message(span.at(share), halt, action, venue_halted)
        writer.act(span.at(0.65), BREAK_TRADE, (5 * story + 4) % n)
    breach = encode("W", stock_locate=0, tracking_number=0, timestamp_ns=0, breached_level="1")
    writer.message(session.at(0.99), breach)


def _trading_action(stock: Symbols, number: int, state: str, reason: str) -> bytes:
    return _about(stock, number, "H", trading_state=state, reserved=" ", reason=reason)


def _pause(
    writer: ScriptWriter,
    stock: Symbols,
    number: int,
    at: Callable[[float], int],
    reference_price_e4: npt.NDArray[np.int64],
) -> None:
    """A volatility pause: P, collar, quotation, imbalances, cross, trading."""
    price_e4 = int(reference_price_e4[number])
    writer.message(at(0.25), _trading_action(stock, number, "P", "LUDP"), HALT, number)
    for extension, share in enumerate((0.255, 0.27)):
        width_e4 = price_e4 * (5 + 5 * extension) // 10_000 * 100
        collar = _about(
            stock,
            number,
            "J",
            reference_price_e4=price_e4,
            upper_price_e4=price_e4 + width_e4,
            lower_price_e4=price_e4 - width_e4,
            extension=extension,
        )
        writer.message(at(share), collar)
    _reopen(writer, stock, number, [at(share) for share in (0.275, 0.28, 0.285, 0.29, 0.3)])


def _regulatory_halt(writer: ScriptWriter, stock: Symbols, number: int, at: Callable[[float], int]) -> None:
    writer.message(at(0.42), _trading_action(stock, number, "H", "T1  "), HALT, number)
    _reopen(writer, stock, number, [at(share) for share in (0.45, 0.455, 0.46, 0.465, 0.47)])


def _reopen(writer: ScriptWriter, stock: Symbols, number: int, times_ns: list[int]) -> None:
    """Quotation only, two imbalances, a halt cross, trading: five times."""
    writer.message(times_ns[0], _trading_action(stock, number, "Q", "R4  "))
    for time_ns in times_ns[1:3]:
        writer.act(time_ns, IMBALANCE, number, ord("H"))
    writer.act(times_ns[3], CROSS, number, ord("H"))
    writer.message(times_ns[4], _trading_action(stock, number, "T", "R4  "), RESUME, number)


def _close(writer: ScriptWriter, instruments: int, close_ns: int) -> None:
    """Imbalances, the end of market hours, closing crosses, the end of the day: after the order flow."""
    everyone = np.arange(instruments)
    for round_number in range(2):
        start_ns = close_ns + round_number * MICROSECOND_NS * instruments
        writer.act(start_ns + MICROSECOND_NS * everyone, IMBALANCE, everyone, ord("C"))
    end_ns = close_ns + 2 * MICROSECOND_NS * instruments
    writer.message(end_ns, _system_event("M"))
    writer.act(end_ns + MICROSECOND_NS * (1 + everyone), CROSS, everyone, ord("C"))
    last_ns = end_ns + MICROSECOND_NS * (2 + instruments)
    writer.message(last_ns, _system_event("E"))
    writer.message(last_ns + MICROSECOND_NS, _system_event("C"))
