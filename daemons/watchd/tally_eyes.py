"""updates.ring, gateway.positions and the board, read for the tally: a bounded piece of each in a pass.

The order of reading is what makes the count exact: the watermark first, then the entries, then the ring from the
watermark on. An entry holds every update up to the watermark, and names the last one it holds, so that nothing is
missed and nothing is counted twice. Whoever is lapped begins again that way, and counts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from hft.layout.dtypes import (
    BOARD_ENTRY,
    GATEWAY_POSITION,
    GATEWAY_STATE,
    ORDER_UPDATE,
    BookValidity,
    RegionKind,
    UpdateKind,
)
from hft.regions import RECORDS_OFFSET, Region, RingReader, load_words, read_board_entry
from watchd.region_follower import RegionFollower
from watchd.tally import Entry, Tally, TallyLook, WindowOrder

RECORDS_A_PASS = 4096
HOLDINGS_A_PASS = 16  # marked and compared
NAMES_A_LOOK_NS = 500_000_000  # how often the board is searched for symbols that it has not named yet
LOST_A_LOOK_NS = (
    20_000_000  # the same while a paused one is among them: as soon as it is named it could trade
)
_REGIONS = {
    "gateway.state": RegionKind.GATEWAY_STATE, "gateway.positions": RegionKind.GATEWAY_POSITIONS,
    "updates.ring": RegionKind.UPDATES_RING, "market.board": RegionKind.MARKET_BOARD,
}  # fmt: skip
_FILLED, _BROKEN, _POSITION = int(UpdateKind.FILLED), int(UpdateKind.BROKEN), int(UpdateKind.POSITION)
_SENT = int(UpdateKind.SENT)
_VALID = int(BookValidity.VALID)
_ENTRY_BYTES = GATEWAY_POSITION.itemsize
_READS_MAX = 8


def _offset(layout: np.dtype[np.void], name: str) -> int:
    assert layout.fields is not None
    return layout.fields[name][1]


_WATERMARK = RECORDS_OFFSET + _offset(GATEWAY_STATE, "updates_watermark")
_RECONCILED = RECORDS_OFFSET + _offset(GATEWAY_STATE, "reconciled")


class TallyEyes:
    """`symbols`: those whose instrument ids are wanted (risk.symbols)."""

    def __init__(self, run_directory: Path, symbols: Iterable[str], disagree_ns: int) -> None:
        self._directory = run_directory / "feedd"
        self._symbols = tuple(symbols)
        self._wanted = {symbol.encode(): symbol for symbol in self._symbols}
        self._paused: Mapping[str, int] = {}
        self._disagree_ns = disagree_ns
        self.ids: dict[str, int] = {}
        self.absent: frozenset[str] = frozenset()  # looked for, and not on the board
        self._board_entry = np.zeros(1, BOARD_ENTRY)
        self._followers: dict[str, RegionFollower] = {}
        self.forget()

    def watch(self, pid: int) -> None:
        """The registered feedd's regions are read from now on."""
        self.forget()
        self._followers = {
            name: RegionFollower(self._directory / name, int(kind), pid) for name, kind in _REGIONS.items()
        }

    def forget(self) -> None:
        self._followers.clear()
        self._tally = Tally(self._disagree_ns)
        self._ring: Region | None = None
        self._reader: RingReader | None = None
        self._lost_seen = 0
        self._cursor = 0  # of the round over the holdings
        self._names_of: Region | None = None
        self._names_due_ns = 0
        self.ids, self.absent = {}, frozenset()

    def want(self, paused: Mapping[str, int]) -> None:
        """These symbols as well, last seen under these ids."""
        if paused is self._paused:
            return
        if paused != self._paused:  # with other ids too: the next look decides which ones they have
            self._wanted = {symbol.encode(): symbol for symbol in (*self._symbols, *paused)}
            self._names_due_ns = 0
        self._paused = paused

    def name_of(self, instrument_id: int) -> str:
        """What the board calls it, "" = it does not."""
        follower = self._followers.get("market.board")
        board = None if follower is None else follower.region()
        symbol = "" if board is None else self._symbol(board, instrument_id)
        return symbol if symbol.isascii() and symbol.isprintable() else ""

    def id_of(self, symbol: str) -> int | None:
        """What the board has this symbol under now. None: it has not, or there is no board."""
        follower = self._followers.get("market.board")
        board = None if follower is None else follower.region()
        if board is None:
            return None
        at = self.ids.get(symbol, 0)
        if at and self._read_symbol(board, at) in (symbol, None):  # None: it is being written
            return at
        return self._find(board, [symbol.encode()])[0].get(symbol)

    def rebase(self) -> None:
        """A person acknowledged: the count begins again with what the gateway says now."""
        self._reader = None

    def look(self, now_ns: int) -> TallyLook | None:
        """None: there is nothing to count from (any more)."""
        regions = {name: follower.region() for name, follower in self._followers.items()}
        state, positions, ring = (
            regions.get(name) for name in ("gateway.state", "gateway.positions", "updates.ring")
        )
        board = regions.get("market.board")
        if board is not None:
            self._name(board, now_ns)
        if state is None or positions is None or ring is None:
            return None
        if self._reader is None or ring is not self._ring:
            self._begin(state, positions, ring)
        # Read before the ring: a gateway that replays an earlier life moves its positions without a word, and says what
        # they are (POSITION) before it says that it is reconciled.
        reconciled = load_words(state, _RECONCILED, 1)[0] == 1
        self._take(state, positions, ring)
        self._go_round(positions, board, now_ns if reconciled else 0)
        return self._tally.sum()

    # -- the count --------------------------------------------------------------------------------------------------

    def _begin(self, state: Region, positions: Region, ring: Region) -> None:
        watermark = int(load_words(state, _WATERMARK, 1)[0])
        if self._ring is not None:
            self._tally.look.rebuilds += 1
        self._ring, self._reader = ring, RingReader(ring, watermark)
        self._lost_seen = 0
        self._tally.forget()
        used = np.flatnonzero(positions.records(GATEWAY_POSITION)["instrument_id"])
        for instrument_id in used.tolist():
            entry = read_position(positions, instrument_id)
            if entry is None:
                self._tally.due[instrument_id] = 0  # being written: the next pass takes it
            elif entry.instrument_id:
                self._tally.begin(entry)

    def _take(self, state: Region, positions: Region, ring: Region) -> None:
        assert self._reader is not None
        reader, left = self._reader, RECORDS_A_PASS
        while left > 0 and (count := reader.poll(left)):
            records = ring.records(ORDER_UPDATE)[reader.start : reader.start + count]
            kinds = records["kind"]
            caught = (kinds == _SENT) & (records["in_window"] != 0)
            counts = (kinds == _FILLED) | (kinds == _BROKEN) | (kinds == _POSITION) | caught
            chosen = records[counts]  # a copy
            if not reader.validate():
                break
            reader.advance(count)
            left -= count
            self._tally.look.updates += count
            for record in chosen:
                self._apply(record)
        if reader.lost_records != self._lost_seen:
            self._tally.look.lost_records += reader.lost_records - self._lost_seen
            return self._begin(state, positions, ring)
        for instrument_id in list(self._tally.due):
            if (entry := read_position(positions, instrument_id)) is not None and entry.instrument_id:
                self._tally.begin(entry)
        return None

    def _apply(self, record: np.void) -> None:
        kind, sequence, instrument_id = (
            int(record["kind"]),
            int(record["sequence"]),
            int(record["instrument_id"]),
        )
        if kind in (_FILLED, _BROKEN):
            side, quantity, price = int(record["side"]), int(record["quantity"]), int(record["price"])
            self._tally.moved(sequence, instrument_id, side, quantity, price, broken=kind == _BROKEN)
        elif kind == _POSITION:
            self._tally.restarted(sequence, instrument_id)
        elif kind == _SENT:
            named = (int(record[name]) for name in ("order_id", "instrument_id", "epoch", "venue_token"))
            self._tally.caught(WindowOrder(*named))

    def _go_round(self, positions: Region, board: Region | None, now_ns: int) -> None:
        """Some of the holdings: marks for what is held, and the gateway's entry beside each; 0: not compared."""
        assert self._reader is not None
        holdings = self._tally.holdings
        ids = list(holdings)
        for step in range(min(HOLDINGS_A_PASS, len(ids))):
            holding = holdings[ids[(self._cursor + step) % len(ids)]]
            if holding.position and board is not None and (price := self._mark(board, holding.instrument_id)):
                holding.mark_price = price
            if not holding.symbol and board is not None:
                holding.symbol = self._symbol(board, holding.instrument_id)
            entry = read_position(positions, holding.instrument_id)
            if entry is not None and entry.instrument_id == 0:
                del holdings[holding.instrument_id]  # the board gives its id to another one
            elif entry is not None and now_ns:
                self._tally.compare(entry, self._reader.cursor, now_ns)
        self._cursor = (self._cursor + HOLDINGS_A_PASS) % len(ids) if ids else 0

    def _mark(self, board: Region, instrument_id: int) -> int:
        """Mid of a book that can be believed, 0 = it can not."""
        entry = self._board_entry
        if instrument_id >= board.capacity_records or not read_board_entry(board, instrument_id, entry):
            return 0
        book = entry[0]
        if book["validity"] != _VALID or not book["bid_levels"] or not book["ask_levels"]:
            return 0
        bid, ask = int(book["bids"]["price"][0]), int(book["asks"]["price"][0])
        return (bid + ask) // 2 if 0 < bid < ask else 0

    # -- names ------------------------------------------------------------------------------------------------------

    def _name(self, board: Region, now_ns: int) -> None:
        """Ids of the wanted symbols: looked at now and then, for a feed's new session gives them anew."""
        if board is not self._names_of:
            self._names_of, self._names_due_ns = board, 0
            self.ids, self.absent = {}, frozenset()
        if now_ns < self._names_due_ns and not self._lost_a_paused_one(board):
            return
        self._names_due_ns = now_ns + NAMES_A_LOOK_NS
        wanted, held = frozenset(self._wanted.values()), self.ids
        self.ids = {}
        for symbol in wanted:
            at = held.get(symbol, self._paused.get(symbol, 0))
            found = self._read_symbol(board, at) if at else ""
            if found == symbol or (found is None and symbol in held):
                self.ids[symbol] = at
        seen_all = True
        if len(self.ids) < len(wanted):
            more, seen_all = self._find(board, list(self._wanted))
            self.ids |= more
        self.absent = wanted - self.ids.keys() if seen_all else frozenset()
        if any(symbol not in self.ids for symbol in self._paused):
            self._names_due_ns = now_ns + LOST_A_LOOK_NS

    def _lost_a_paused_one(self, board: Region) -> bool:
        """At once, not at the next look: under another id it would trade until then."""
        held = ((symbol, self.ids.get(symbol)) for symbol in self._paused)
        return any(
            at is not None and self._read_symbol(board, at) not in (symbol, None) for symbol, at in held
        )

    def _find(self, board: Region, wanted: list[bytes]) -> tuple[dict[str, int], bool]:
        """Ids by symbol. False: an entry could not be read that seems to have one of the names."""
        ids: dict[str, int] = {}
        seen_all = True
        names = board.records(BOARD_ENTRY)["symbol"]
        found = np.flatnonzero(np.isin(np.ascontiguousarray(names).view("S16")[:, 0], wanted))
        for instrument_id in found.tolist():
            # What was found without a lock is looked at again with one.
            symbol = self._read_symbol(board, instrument_id)
            seen_all &= symbol is not None
            if symbol is not None and symbol.encode() in wanted:
                ids[symbol] = instrument_id
        return ids, seen_all

    def _symbol(self, board: Region, instrument_id: int) -> str:
        return self._read_symbol(board, instrument_id) or ""

    def _read_symbol(self, board: Region, instrument_id: int) -> str | None:
        """None: its writer would not let it be read. Empty: it has none, or the board no such entry."""
        entry = self._board_entry
        if instrument_id >= board.capacity_records:
            return ""
        if not read_board_entry(board, instrument_id, entry):
            return None
        return str(entry[0]["symbol"].tobytes().rstrip(b"\0").decode("ascii", "replace"))


_FIELDS = [
    _offset(GATEWAY_POSITION, name) // 8
    for name in (
        "position", "start_position", "bought_quantity", "sold_quantity", "bought_value", "sold_value",
        "start_price", "mark_price",
    )
]  # fmt: skip
_SEQ_WORD = _offset(GATEWAY_POSITION, "updates_seq") // 8
_ID_WORD = _offset(GATEWAY_POSITION, "instrument_id") // 8


def read_position(positions: Region, instrument_id: int) -> Entry | None:
    """The entry at one moment. None: outside the region, or its writer would not let it be read."""
    if not 0 <= instrument_id < positions.capacity_records:
        return None
    offset = RECORDS_OFFSET + instrument_id * _ENTRY_BYTES
    for _ in range(_READS_MAX):
        words = load_words(positions, offset, _ENTRY_BYTES // 8)
        # Loads are acquiring and in order: the same even version around the others makes them one moment.
        if not int(words[0]) & 1 and load_words(positions, offset, 1)[0] == words[0]:
            signed = words.view(np.int64).tolist()
            return Entry(signed[_SEQ_WORD], signed[_ID_WORD] & 0xFFFFFFFF, *(signed[at] for at in _FIELDS))
    return None
