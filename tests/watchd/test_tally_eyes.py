"""The count from real shared memory: a stand-in for feedd writes the ring, the positions and the board."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from order_standin import CAPACITY, OrderStandin

from hft.layout.dtypes import GATEWAY_POSITION, GATEWAY_STATE, BookValidity, RegionKind, UpdateKind
from hft.regions import Region
from watchd import tally_eyes
from watchd.tally import Entry
from watchd.tally_eyes import TallyEyes, read_position

MS = 1_000_000


@pytest.fixture
def feedd(shm_directory: Path) -> OrderStandin:
    directory = shm_directory / "feedd"
    directory.mkdir()
    size = GATEWAY_STATE.itemsize
    state = Region.create(str(directory / "gateway.state"), int(RegionKind.GATEWAY_STATE), 1, size)
    made = OrderStandin(directory, state.records(GATEWAY_STATE))
    made.state, made.words["reconciled"] = state, 1
    return made


@pytest.fixture
def eyes(shm_directory: Path, feedd: OrderStandin) -> TallyEyes:
    made = TallyEyes(shm_directory, ("AAPL", "MSFT"), disagree_ns=100 * MS)
    made.watch(os.getpid())
    return made


def test_without_the_regions_there_is_nothing_to_count_from(shm_directory: Path) -> None:
    eyes = TallyEyes(shm_directory, (), 0)
    eyes.watch(os.getpid())
    assert eyes.look(MS) is None


def test_regions_of_another_process_are_not_believed(shm_directory: Path, feedd: OrderStandin) -> None:
    eyes = TallyEyes(shm_directory, (), 0)
    eyes.watch(os.getpid() + 1)
    assert eyes.look(MS) is None


def test_fills_before_and_after_the_attachment_are_counted_once(feedd: OrderStandin, eyes: TallyEyes) -> None:
    feedd.hold(3, 50, 10)
    feedd.fill(3, 10, 11)
    look = eyes.look(MS)
    assert (look.holdings[3].position, look.updates) == (60, 0)
    feedd.fill(3, -20, 12)
    feedd.fill(3, 10, 11, kind=UpdateKind.BROKEN)
    feedd.fill(4, 7, 5)
    look = eyes.look(2 * MS)
    assert {at: holding.position for at, holding in look.holdings.items()} == {3: 30, 4: 7}
    assert look.positions == 2


def test_a_watermark_that_lags_behind_counts_nothing_twice(feedd: OrderStandin, eyes: TallyEyes) -> None:
    feedd.fill(3, 10, 11)
    feedd.fill(3, 10, 11)
    feedd.words["updates_watermark"] = 0
    look = eyes.look(MS)
    assert (look.holdings[3].position, look.updates) == (20, 2)


def test_what_is_held_is_marked_at_the_mid_of_a_book_that_can_be_believed(
    feedd: OrderStandin, eyes: TallyEyes
) -> None:
    feedd.quote(3, "AAPL", 98, 102)
    feedd.fill(3, 10, 110)
    assert eyes.look(MS).marked_value == -100
    feedd.quote(3, "AAPL", 118, 122)
    look = eyes.look(2 * MS)
    assert (look.marked_value, look.realized_value) == (100, 0)
    feedd.quote(3, "AAPL", 1, 2, BookValidity.INVALID_GAP)
    feedd.fill(3, -10, 115)
    look = eyes.look(3 * MS)
    assert (look.marked_value, look.realized_value) == (50, 50)


@pytest.mark.parametrize(("bid", "ask"), [(0, 10), (10, 0), (12, 11)])
def test_half_a_book_or_a_crossed_one_marks_nothing(
    feedd: OrderStandin, eyes: TallyEyes, bid: int, ask: int
) -> None:
    feedd.quote(3, "AAPL", bid, ask)
    feedd.fill(3, 10, 110)
    assert eyes.look(MS).marked_value == 0


def test_wanted_symbols_get_their_ids_and_holdings_their_symbols(
    feedd: OrderStandin, eyes: TallyEyes
) -> None:
    feedd.quote(3, "AAPL", 98, 102)
    feedd.quote(5, "TSLA", 98, 102)
    feedd.fill(5, 1, 100)
    look = eyes.look(MS)
    assert (eyes.ids, look.holdings[5].symbol) == ({"AAPL": 3}, "TSLA")
    feedd.quote(9, "MSFT", 98, 102)
    eyes.look(400 * MS)
    assert "MSFT" not in eyes.ids
    eyes.look(600 * MS)
    assert eyes.ids == {"AAPL": 3, "MSFT": 9}


def test_a_gateway_that_counts_otherwise_is_found_out(feedd: OrderStandin, eyes: TallyEyes) -> None:
    feedd.fill(3, 10, 110)
    eyes.look(MS)
    feedd.fill(3, 10, 110, lie=5)
    assert eyes.look(2 * MS).disagreement == ""
    look = eyes.look(102 * MS)
    assert "position is 25 by the gateway's account and 20 by its updates" in look.disagreement


def test_an_honest_gateway_never_disagrees(feedd: OrderStandin, eyes: TallyEyes) -> None:
    made = np.random.default_rng(1)
    for step in range(1, 300):
        for _ in range(int(made.integers(0, 20))):
            feedd.fill(
                int(made.integers(1, 40)), int(made.choice([-3, -1, 2, 4])), int(made.integers(90, 110))
            )
        assert eyes.look(step * 10 * MS).disagreement == ""
    look = eyes.look(10**12)
    positions = feedd.positions.records(GATEWAY_POSITION)["position"]
    assert {at: holding.position for at, holding in look.holdings.items()} == {
        at: int(positions[at]) for at in look.holdings
    }


def test_a_lapped_reader_begins_again_and_counts_it(feedd: OrderStandin, eyes: TallyEyes) -> None:
    feedd.fill(3, 1, 100)
    eyes.look(MS)
    for _ in range(CAPACITY + 10):
        feedd.fill(3, 1, 100)
    look = eyes.look(2 * MS)
    assert look.lost_records > 0
    assert (look.holdings[3].position, look.rebuilds, look.disagreement) == (CAPACITY + 11, 1, "")
    feedd.fill(3, -1, 100)
    assert eyes.look(3 * MS).holdings[3].position == CAPACITY + 10


def test_while_the_gateway_reconciles_nothing_is_compared_and_its_start_is_taken(
    feedd: OrderStandin, eyes: TallyEyes
) -> None:
    feedd.words["reconciled"] = 0
    feedd.hold(3, 50, 10)
    eyes.look(MS)
    row = feedd.positions.records(GATEWAY_POSITION)[3]
    row["position"], row["bought_quantity"], row["bought_value"] = 60, 10, 100  # replayed without a word
    for step in range(2, 8):
        assert eyes.look(step * 100 * MS).disagreement == ""
    row["updates_seq"] = feedd.tell(UpdateKind.POSITION, 3, position=60)
    feedd.words["reconciled"] = 1
    for step in range(8, 14):
        look = eyes.look(step * 100 * MS)
    assert (look.holdings[3].position, look.disagreement) == (60, "")


def test_an_instrument_whose_id_is_given_away_is_not_held_any_more(
    feedd: OrderStandin, eyes: TallyEyes
) -> None:
    feedd.fill(3, 10, 100)
    eyes.look(MS)
    feedd.positions.records(GATEWAY_POSITION)[3] = 0
    assert eyes.look(2 * MS).holdings == {}


def test_orders_in_the_window_are_named(feedd: OrderStandin, eyes: TallyEyes) -> None:
    eyes.look(MS)
    feedd.tell(UpdateKind.SENT, 3, order_id=77, epoch=4, venue_token=5, in_window=1)
    feedd.tell(UpdateKind.SENT, 3, order_id=78, epoch=4)
    feedd.tell(UpdateKind.WOULD_SEND, 3, order_id=79, epoch=4, in_window=1)  # without a venue nothing is sent
    (order,) = eyes.look(2 * MS).in_window
    assert (order.order_id, order.instrument_id, order.epoch, order.venue_token) == (77, 3, 4, 5)


def test_after_an_acknowledged_disagreement_the_count_begins_anew(
    feedd: OrderStandin, eyes: TallyEyes
) -> None:
    feedd.fill(3, 10, 110, lie=5)
    feedd.fill(3, 10, 110, lie=5)
    feedd.words["updates_watermark"] = 1
    eyes.look(MS)
    feedd.fill(3, 1, 110, lie=5)
    assert [eyes.look(at * MS).disagreement != "" for at in (2, 200)] == [False, True]
    eyes.rebase()
    look = eyes.look(300 * MS)
    assert (look.disagreement, look.holdings[3].position) == ("", 36)


def test_a_pass_takes_a_bounded_piece(
    feedd: OrderStandin, shm_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watchd.tally_eyes.RECORDS_A_PASS", 100)
    eyes = TallyEyes(shm_directory, (), 0)
    eyes.watch(os.getpid())
    eyes.look(MS)
    for _ in range(250):
        feedd.fill(3, 1, 100)
    assert [eyes.look(at * MS).updates for at in (2, 3, 4)] == [100, 200, 250]


def test_an_entry_that_is_being_written_is_not_read(feedd: OrderStandin) -> None:
    feedd.hold(3, 50, 10)
    feedd.positions.records(GATEWAY_POSITION)[3]["version"] = 5
    assert read_position(feedd.positions, 3) is None
    assert read_position(feedd.positions, 64) is None


def test_ids_follow_the_symbols_that_a_new_session_gives_them(feedd: OrderStandin, eyes: TallyEyes) -> None:
    feedd.quote(3, "AAPL", 98, 102)
    feedd.quote(4, "MSFT", 98, 102)
    eyes.look(MS)
    assert eyes.ids == {"AAPL": 3, "MSFT": 4}
    feedd.quote(3, "MSFT", 98, 102)
    feedd.quote(4, "ELSE", 98, 102)
    eyes.look(1000 * MS)
    assert eyes.ids == {"MSFT": 3}
    feedd.quote(9, "AAPL", 98, 102)
    eyes.look(2000 * MS)
    assert eyes.ids == {"AAPL": 9, "MSFT": 3}


def test_what_is_paused_is_looked_for_beside_the_wanted_ones(feedd: OrderStandin, eyes: TallyEyes) -> None:
    feedd.quote(3, "AAPL", 98, 102)
    feedd.quote(4, "MSFT", 98, 102)
    feedd.quote(5, "TSLA", 98, 102)
    eyes.look(MS)
    assert (eyes.name_of(5), eyes.name_of(6), eyes.absent) == ("TSLA", "", frozenset())
    eyes.want({"TSLA": 5, "ELSE": 6})
    eyes.look(2 * MS)
    assert (eyes.ids, eyes.absent) == ({"AAPL": 3, "MSFT": 4, "TSLA": 5}, {"ELSE"})
    feedd.quote(5, "GONE", 98, 102)
    eyes.look(1000 * MS)
    assert eyes.absent == {"ELSE", "TSLA"}
    eyes.want({})
    eyes.look(1001 * MS)
    assert (eyes.ids, eyes.absent) == ({"AAPL": 3, "MSFT": 4}, frozenset())


def test_a_paused_one_that_lost_its_id_is_looked_for_at_once(feedd: OrderStandin, eyes: TallyEyes) -> None:
    feedd.quote(5, "TSLA", 98, 102)
    eyes.want({"TSLA": 5})
    eyes.look(MS)
    feedd.quote(5, "ELSE", 98, 102)
    feedd.quote(6, "TSLA", 98, 102)
    eyes.look(2 * MS)
    assert eyes.ids == {"TSLA": 6}


def test_a_paused_one_is_found_soon_after_another_session_has_named_it(
    feedd: OrderStandin, eyes: TallyEyes
) -> None:
    feedd.quote(5, "TSLA", 98, 102)
    eyes.want({"TSLA": 5})
    eyes.look(MS)
    feedd.quote(5, "", 98, 102)
    eyes.look(2 * MS)
    assert eyes.absent >= {"TSLA"}
    eyes.want({"TSLA": 0})
    feedd.quote(9, "TSLA", 98, 102)
    eyes.look(3 * MS)
    assert (eyes.ids, eyes.absent) == ({"TSLA": 9}, {"AAPL", "MSFT"})
    feedd.quote(9, "", 98, 102)
    eyes.look(4 * MS)
    feedd.quote(8, "TSLA", 98, 102)
    eyes.look(23 * MS)
    assert eyes.ids == {}
    eyes.look(24 * MS)
    assert eyes.ids == {"TSLA": 8}


def test_a_pause_of_one_that_was_just_named_stands(feedd: OrderStandin, eyes: TallyEyes) -> None:
    eyes.want({"TSLA": 0})
    eyes.look(MS)
    assert eyes.absent >= {"TSLA"}
    feedd.quote(9, "TSLA", 98, 102)
    assert eyes.id_of("TSLA") == 9
    eyes.want({"TSLA": 9})  # as the monitor has it after the request
    eyes.look(2 * MS)
    assert (eyes.ids, eyes.absent) == ({"TSLA": 9}, {"AAPL", "MSFT"})


def test_a_symbol_s_id_is_what_the_board_has_now(feedd: OrderStandin, eyes: TallyEyes) -> None:
    feedd.quote(3, "AAPL", 98, 102)
    feedd.quote(5, "TSLA", 98, 102)
    eyes.look(MS)
    assert [eyes.id_of(symbol) for symbol in ("AAPL", "TSLA", "ELSE")] == [3, 5, None]
    feedd.quote(3, "ELSE", 98, 102)
    feedd.quote(9, "AAPL", 98, 102)
    assert [eyes.id_of(symbol) for symbol in ("AAPL", "TSLA", "ELSE")] == [9, 5, 3]
    eyes.forget()
    assert eyes.id_of("AAPL") is None


def test_names_are_known_without_anything_to_count(shm_directory: Path, feedd: OrderStandin) -> None:
    (shm_directory / "feedd/updates.ring").unlink()
    feedd.quote(7, "AAPL", 98, 102)
    eyes = TallyEyes(shm_directory, (), 0)
    eyes.want({"AAPL": 3})
    eyes.watch(os.getpid())
    assert eyes.look(MS) is None
    assert eyes.ids == {"AAPL": 7}


def test_an_entry_that_can_not_be_read_takes_nobody_s_id_away(
    feedd: OrderStandin, eyes: TallyEyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    feedd.quote(3, "AAPL", 98, 102)
    feedd.quote(4, "MSFT", 98, 102)
    eyes.look(MS)
    monkeypatch.setattr(tally_eyes, "read_board_entry", lambda *_: False)
    eyes.look(1000 * MS)
    assert (eyes.ids, eyes.absent) == ({"AAPL": 3, "MSFT": 4}, frozenset())
    eyes.want({"TSLA": 5})
    feedd.quote(5, "TSLA", 98, 102)
    eyes.look(1001 * MS)
    assert (eyes.ids, eyes.absent) == ({"AAPL": 3, "MSFT": 4}, frozenset()), "not known is not absent"


def test_a_position_that_is_being_written_at_the_start_is_counted_afterwards(
    feedd: OrderStandin, eyes: TallyEyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    feedd.hold(3, 50, 10)
    feedd.hold(4, 60, 10)
    attempts: list[int] = []

    def busy(positions: Region, instrument_id: int) -> Entry | None:
        attempts.append(instrument_id)
        first = instrument_id == 4 and attempts.count(4) == 1
        return None if first else read_position(positions, instrument_id)

    monkeypatch.setattr(tally_eyes, "read_position", busy)
    look = eyes.look(MS)
    assert {at: holding.position for at, holding in look.holdings.items()} == {3: 50, 4: 60}
    assert attempts.count(4) > 1
