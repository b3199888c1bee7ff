"""Fixtures of the decode tests: the real captures and what feedd's decoder makes of them, a way to run the command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hft.decode import add_arguments, run
from hft.decode.capture_file import CaptureFile
from hft.decode.decoder import Decoder

Message = dict[str, Any]
Slots = dict[str, int]
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def capture_path(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the real captures are absent: expected {name} in ../shared/data beside the repository")
    return path


@dataclass(frozen=True)
class Decoded:
    """All of a capture at once, for small ones: MARKET_EVENT[n], uint64[n], and the decoder at its end."""

    events: NDArray[np.void]
    message_numbers: NDArray[np.uint64]
    symbols: NDArray[np.str_]
    decoder: Decoder


def decode_file(path: Path, date: str | None = None) -> Decoded:
    with CaptureFile(path) as file:
        decoder = Decoder(file, date)
        batches = list(decoder.batches())
    return Decoded(
        np.concatenate([batch.events for batch in batches]),
        np.concatenate([batch.message_numbers for batch in batches]),
        batches[-1].symbols,
        decoder,
    )


KINDS = {
    "S": "SESSION", "R": "DIRECTORY", "H": "TRADING_STATE", "Y": "SHORT_SALE", "L": "PARTICIPANT",
    "V": "MWCB_LEVELS", "W": "MWCB_STATUS", "K": "IPO_QUOTING", "J": "AUCTION_COLLAR",
    "h": "OPERATIONAL_HALT", "A": "ADD", "F": "ADD", "E": "EXECUTE", "C": "EXECUTE_PRICED", "X": "CANCEL",
    "D": "DELETE", "U": "REPLACE", "P": "TRADE", "Q": "CROSS", "B": "BROKEN_TRADE", "I": "IMBALANCE",
    "N": "RETAIL_INTEREST", "O": "PRICE_DISCOVERY",
}  # fmt: skip
SIDES = {"B": 1, "S": 2}


def word(text: str) -> int:
    """Four ASCII characters as the record holds them: in memory order."""
    return int.from_bytes(text.ljust(4).encode(), "little")


class Expectations:
    """Which slots of MarketEvent an ITCH message must fill, written a second time from schema/market.fbs.

    Follows the orders of a message stream, because executions carry the resting order's price and side."""

    def __init__(self) -> None:
        self._orders: dict[int, tuple[str, int, int]] = {}  # reference: side, price, shares

    def slots(self, kind: str, m: Message) -> Slots:
        """Slot → value for a message with the field names of paperd.itch50; slots not named are 0."""
        slots: Slots = getattr(self, "_halt" if kind == "h" else f"_{kind}")(m)
        return slots

    def _S(self, m: Message) -> Slots:
        return {"code": ord(m["event_code"])}

    def _R(self, m: Message) -> Slots:
        return {"quantity": m["round_lot_shares"], "code": ord(m["market_category"])}

    def _H(self, m: Message) -> Slots:
        return {"code": ord(m["trading_state"])}

    def _Y(self, m: Message) -> Slots:
        return {"code": ord(m["reg_sho_action"])}

    def _L(self, m: Message) -> Slots:
        return {"order_reference": word(m["mpid"]), "code": ord(m["participant_state"])}

    def _V(self, m: Message) -> Slots:
        return {
            "price": m["level_1_e8"],
            "order_reference": m["level_2_e8"],
            "replaced_order_reference": m["level_3_e8"],
        }

    def _W(self, m: Message) -> Slots:
        return {"code": ord(m["breached_level"])}

    def _K(self, m: Message) -> Slots:
        return {
            "price": m["ipo_price_e4"],
            "quantity": m["release_time_s"],
            "code": ord(m["release_qualifier"]),
        }

    def _J(self, m: Message) -> Slots:
        return {
            "price": m["reference_price_e4"],
            "quantity": m["extension"],
            "order_reference": m["upper_price_e4"],
            "replaced_order_reference": m["lower_price_e4"],
        }

    def _halt(self, m: Message) -> Slots:
        return {"match_number": ord(m["market_code"]), "code": ord(m["halt_action"])}

    def _A(self, m: Message, code: str = "A") -> Slots:
        self._orders[m["order_reference"]] = (m["side"], m["price_e4"], m["shares"])
        return {
            "side": SIDES[m["side"]],
            "price": m["price_e4"],
            "quantity": m["shares"],
            "order_reference": m["order_reference"],
            "code": ord(code),
        }

    def _F(self, m: Message) -> Slots:
        return self._A(m, "F") | {"replaced_order_reference": word(m["attribution"])}

    def _resting(self, m: Message, shares: int) -> Slots:
        reference = m["order_reference"]
        if reference not in self._orders:
            return {"order_reference": reference}
        side, price, remaining = self._orders[reference]
        self._orders[reference] = (side, price, remaining - shares)
        if remaining == shares:
            del self._orders[reference]
        return {"order_reference": reference, "side": SIDES[side], "price": price}

    def _E(self, m: Message) -> Slots:
        return self._resting(m, m["executed_shares"]) | {
            "quantity": m["executed_shares"],
            "match_number": m["match_number"],
            "code": ord("E"),
        }

    def _C(self, m: Message) -> Slots:
        return self._E(m) | {"price": m["execution_price_e4"], "code": ord(m["printable"])}

    def _X(self, m: Message) -> Slots:
        shares = m["cancelled_shares"]
        return self._resting(m, shares) | {"quantity": shares, "code": ord("X")}

    def _D(self, m: Message) -> Slots:
        remaining = self._orders.get(m["order_reference"], ("", 0, 0))[2]
        return self._resting(m, remaining) | {"quantity": remaining, "code": ord("D")}

    def _U(self, m: Message) -> Slots:
        made = {
            "price": m["price_e4"],
            "quantity": m["shares"],
            "order_reference": m["new_order_reference"],
            "replaced_order_reference": m["order_reference"],
            "code": ord("U"),
        }
        if m["order_reference"] in self._orders:
            side = self._orders.pop(m["order_reference"])[0]
            self._orders[m["new_order_reference"]] = (side, m["price_e4"], m["shares"])
            made["side"] = SIDES[side]
        return made

    def _P(self, m: Message) -> Slots:
        return {
            "side": SIDES[m["side"]],
            "price": m["price_e4"],
            "quantity": m["shares"],
            "order_reference": m["order_reference"],
            "match_number": m["match_number"],
            "code": ord("P"),
        }

    def _Q(self, m: Message) -> Slots:
        return {
            "price": m["cross_price_e4"],
            "quantity": m["cross_shares"],
            "match_number": m["match_number"],
            "code": ord(m["cross_type"]),
        }

    def _B(self, m: Message) -> Slots:
        return {"match_number": m["match_number"], "code": ord("B")}

    def _I(self, m: Message) -> Slots:
        return {
            "side": SIDES.get(m["imbalance_direction"], 0),
            "price": m["reference_price_e4"],
            "quantity": m["imbalance_shares"],
            "order_reference": m["near_price_e4"],
            "replaced_order_reference": m["far_price_e4"],
            "match_number": m["paired_shares"],
            "code": ord(m["cross_type"]),
        }

    def _N(self, m: Message) -> Slots:
        return {"code": ord(m["interest_flag"])}

    def _O(self, m: Message) -> Slots:
        return {
            "price": m["near_price_e4"],
            "quantity": m["near_execution_time_ns"],
            "order_reference": m["minimum_price_e4"],
            "replaced_order_reference": m["maximum_price_e4"],
            "code": ord(m["open_eligibility"]),
        }


@pytest.fixture(scope="session")
def real_day() -> Path:
    return capture_path("itch50/20191230_premarket.itch50.gz")


@pytest.fixture(scope="session")
def real_decoded(real_day: Path) -> Decoded:
    return decode_file(real_day)


@pytest.fixture
def command() -> Callable[..., int]:
    """`hft decode` in this process; the exit code."""

    def call(*words: str | Path) -> int:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return run(parser.parse_args([str(word) for word in words]))

    return call


@pytest.fixture
def decode() -> Callable[..., Decoded]:
    return decode_file


@pytest.fixture
def expectations() -> Expectations:
    return Expectations()


@pytest.fixture
def kinds() -> dict[str, str]:
    """ITCH type → EventKind name."""
    return KINDS


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """Path of a real capture or its answer; skips the test loudly where they are absent."""
    return capture_path
