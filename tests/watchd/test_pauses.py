"""Pauses by symbol and by id, and the ids that they have on the page. Pure."""

from __future__ import annotations

from watchd.ctl_protocol import Scope
from watchd.pauses import document, followed, paused_after
from watchd.state_file import Paused

SEVEN = Scope(instrument=7)


def test_what_the_board_names_is_kept_by_its_symbol_and_the_rest_by_its_id() -> None:
    assert paused_after(Paused(), SEVEN, "AAPL", on=True) == Paused(symbols={"AAPL": 7})
    assert paused_after(Paused(), SEVEN, on=True) == Paused(instruments=(7,))


def test_an_id_whose_symbol_is_known_by_now_is_paused_by_symbol_from_then_on() -> None:
    assert paused_after(Paused(instruments=(7, 9)), SEVEN, "AAPL", on=True) == Paused(
        instruments=(9,), symbols={"AAPL": 7}
    )


def test_a_symbol_is_not_paused_by_id_as_well_while_there_is_no_board() -> None:
    was = Paused(symbols={"AAPL": 7})
    assert paused_after(was, SEVEN, on=True) == was


def test_resume_takes_back_what_is_behind_the_id_now() -> None:
    was = Paused(instruments=(7,), symbols={"AAPL": 7, "MSFT": 9})
    assert paused_after(was, SEVEN, on=False) == Paused(symbols={"MSFT": 9})
    assert paused_after(was, SEVEN, "AAPL", on=False) == Paused(symbols={"MSFT": 9})
    stale = Paused(symbols={"AAPL": 7})
    assert paused_after(stale, SEVEN, "MSFT", on=False) == stale, "another symbol has its id meanwhile"
    assert paused_after(was, Scope(), on=False) == Paused()


def test_a_pause_follows_its_symbol_and_keeps_its_id_while_nobody_looked() -> None:
    was = Paused(instruments=(3,), symbols={"AAPL": 7, "MSFT": 9})
    assert followed(was, {}, ()) is was
    assert followed(was, {"AAPL": 7, "MSFT": 9}, ()) is was
    now = followed(was, {"AAPL": 9}, {"MSFT"})
    assert (now.symbols, now.on_page) == ({"AAPL": 9, "MSFT": 0}, (3, 9))
    assert followed(now, {"AAPL": 9, "MSFT": 7}, ()).on_page == (3, 7, 9)


def test_the_document_has_the_page_and_the_symbols() -> None:
    assert document(Paused(True, (3,), (1,), {"AAPL": 7, "MSFT": 0})) == {
        "all": True,
        "instruments": [3, 7],
        "strategies": [1],
        "symbols": {"AAPL": 7, "MSFT": 0},
    }
