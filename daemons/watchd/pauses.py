"""What people paused, and under which ids it is on the fence page. Pure.

An instrument id is the feed's, and of one session: what a person means by it is a symbol. So a pause of an id that the
board names is kept by the symbol and follows it, as its limits do. Where nobody knows the name it stays with the id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from watchd.ctl_protocol import Scope
from watchd.state_file import Paused


def paused_after(was: Paused, scope: Scope, symbol: str = "", *, on: bool) -> Paused:
    """The pauses after one more, or one less. Resuming everything lifts the narrower ones too.

    `symbol`: what the board calls the instrument of `scope` now, "" = nobody knows.
    """
    if scope.all:
        return replace(was, all=True) if on else Paused()
    if scope.instrument is not None:
        return (_with_instrument if on else _without_instrument)(was, scope.instrument, symbol)
    if scope.unknown:
        assert not on
        return _without_instrument(was, 0, scope.symbol)
    assert scope.strategy is not None
    return replace(was, strategies=_with(was.strategies, scope.strategy, on))


def followed(was: Paused, ids: Mapping[str, int], absent: Collection[str]) -> Paused:
    """With the ids that the feed uses now; itself when nothing changed.

    A symbol that its board does not have (`absent`) has none, one that was not looked for keeps its own.
    """
    now = {name: ids.get(name, 0 if name in absent else at) for name, at in was.symbols.items()}
    return was if now == was.symbols else replace(was, symbols=now)


def document(paused: Paused) -> dict[str, object]:
    """For `watchd ctl status`. `instruments`: all ids on the page; `symbols`: with their ids, 0 = not in the feed."""
    return {
        "all": paused.all,
        "instruments": list(paused.on_page),
        "strategies": list(paused.strategies),
        "symbols": dict(paused.symbols),
    }


def _with_instrument(was: Paused, number: int, symbol: str) -> Paused:
    if symbol:
        symbols = dict(sorted({**was.symbols, symbol: number}.items()))
        return replace(was, instruments=_with(was.instruments, number, on=False), symbols=symbols)
    if number in was.symbols.values():
        return was
    return replace(was, instruments=_with(was.instruments, number, on=True))


def _without_instrument(was: Paused, number: int, symbol: str) -> Paused:
    symbols = {name: at for name, at in was.symbols.items() if (name != symbol if symbol else at != number)}
    return replace(was, instruments=_with(was.instruments, number, on=False), symbols=symbols)


def _with(ids: tuple[int, ...], one: int, on: bool) -> tuple[int, ...]:
    return tuple(sorted({*ids, one} if on else {*ids} - {one}))
