"""Requests of `watchd ctl`: strict in form, lenient for a kill; answers always fit."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft.regions import FENCE_INSTRUMENTS, FENCE_STRATEGIES
from watchd.ctl_protocol import (
    Answer,
    BadRequest,
    LimitChange,
    Peer,
    Request,
    Scope,
    clean,
    done,
    parse_request,
)
from watchd.ctl_words import INSTRUMENT_ID_MAX, MESSAGE_BYTES_MAX, NEEDS, STRATEGY_ID_MAX

PEER = Peer(uid=1001, gid=100, pid=4242, user="ada")


def _parse(**tree: Any) -> Request:
    return parse_request(json.dumps({"version": 1, **tree}).encode(), PEER, 7)


def _problem(**tree: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        _parse(**tree)
    return str(caught.value)


def test_a_request_carries_what_was_said_and_what_the_kernel_says() -> None:
    request = _parse(verb="pause", by="ops", reason="news", scope={"instrument": 7})
    assert request == Request("pause", "ops", "news", Scope(instrument=7), 1001, 100, 4242, "ada", 7)


def test_an_instrument_can_be_called_by_its_symbol_and_is_nothing_else_until_the_board_knows_it() -> None:
    scope = _parse(verb="flatten", scope={"symbol": "AAPL"}).scope
    assert (scope, scope.all, scope.unknown, str(scope)) == (Scope(symbol="AAPL"), False, True, "AAPL")
    assert not Scope(instrument=7, symbol="AAPL").unknown
    for wrong in ("", "A" * 17, "A B", "Ä", 7, None):
        assert _problem(verb="flatten", scope={"symbol": wrong}) == "scope.symbol: not a symbol"


def test_who_does_not_say_their_name_is_named_by_their_login() -> None:
    assert _parse(verb="kill").by == "ada"
    assert _parse(verb="kill", by=" \n ").by == "ada"


@pytest.mark.parametrize("verb", NEEDS)
def test_every_verb_is_understood(verb: str) -> None:
    more = {"limit": {"name": "loss_max", "value": 5}} if verb == "limits set" else {}
    assert _parse(verb=verb, by="ops", reason="drill", **more).verb == verb


def test_a_limit_is_understood_with_its_symbol() -> None:
    limit = {"name": "position_max", "value": 5, "symbol": "AAPL"}
    request = _parse(verb="limits set", by="ops", reason="drill", limit=limit)
    assert request.limit == LimitChange("position_max", 5, "AAPL")


@pytest.mark.parametrize(
    ("limit", "named"),
    [
        (None, "limit"),
        ({"name": "loss_max"}, "limit"),
        ({"name": "loss_max", "value": 5, "unit": "EUR"}, "limit"),
        ({"name": "luck_max", "value": 5}, "limit.name"),
        ({"name": "loss_max", "value": 5, "symbol": "AAPL"}, "limit.name"),
        ({"name": "loss_max", "value": -1}, "limit.value"),
        ({"name": "loss_max", "value": True}, "limit.value"),
        ({"name": "loss_max", "value": 1.5}, "limit.value"),
        ({"name": "loss_max", "value": 10**12 + 1}, "limit.value"),
        ({"name": ["loss_max"], "value": 1}, "limit.name"),
        ({"name": "position_max", "value": 5, "symbol": "A" * 17}, "limit.symbol"),
    ],
)
def test_what_is_wrong_with_a_limit_is_named(limit: object, named: str) -> None:
    with pytest.raises(BadRequest, match=f"^{named}: "):
        _parse(verb="limits set", by="ops", reason="drill", limit=limit)


def test_a_limit_belongs_to_its_verb_alone() -> None:
    with pytest.raises(BadRequest, match="limit: unknown key"):
        _parse(verb="arm", by="ops", limit={"name": "loss_max", "value": 5})


@pytest.mark.parametrize(
    ("verb", "given_texts", "named"),
    [
        ("clear", {"reason": "fixed"}, "by"),
        ("clear", {"by": "ops"}, "reason"),
        ("clear", {"by": "ops", "reason": "\t"}, "reason"),
        ("arm", {}, "by"),
        ("disarm", {"by": ""}, "by"),
    ],
)
def test_where_someone_must_stand_behind_it_the_name_is_asked_for(
    verb: str, given_texts: dict[str, str], named: str
) -> None:
    assert _problem(verb=verb, **given_texts).startswith(f"{named}: {verb} needs it")


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({}, "verb"),
        ({"verb": "selfdestruct"}, "verb"),
        ({"verb": ["status"]}, "verb"),
        ({"verb": "status", "hurry": True}, "hurry: unknown key"),
        ({"verb": "status", "version": 2}, "version"),
        ({"verb": "status", "by": 7}, "by: not text"),
        ({"verb": "arm", "by": "ops", "scope": {"instrument": 1}}, "scope: arm is for everything"),
        ({"verb": "pause", "scope": {"instrument": 65536}}, "scope.instrument"),
        ({"verb": "pause", "scope": {"instrument": -1}}, "scope.instrument"),
        ({"verb": "pause", "scope": {"instrument": True}}, "scope.instrument"),
        ({"verb": "pause", "scope": {"strategy": 1024}}, "scope.strategy"),
        ({"verb": "pause", "scope": {"instrument": 1, "strategy": 1}}, "scope"),
        ({"verb": "pause", "scope": {"all": False}}, "scope"),
        ({"verb": "pause", "scope": "all"}, "scope"),
    ],
)
def test_what_is_wrong_is_named(tree: dict[str, Any], said: str) -> None:
    assert _problem(**tree).startswith(said)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"kill"', b"\xff", b"[" * 60_000, b"9" * 60_000])
def test_garbage_is_a_bad_request(data: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_request(data, PEER, 1)


@pytest.mark.parametrize(
    "tree",
    [
        {"version": 99},
        {"by": 5, "reason": ["x"]},
        {"scope": {"instrument": 3}},
        {"scope": "nonsense", "hurry": True},
        {"reason": "x" * 5000},
    ],
)
def test_a_kill_is_a_kill_whatever_else_it_says(tree: dict[str, Any]) -> None:
    request = _parse(verb="kill", **tree)
    assert (request.verb, request.scope) == ("kill", Scope())


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_bad_request(data: bytes) -> None:
    with suppress(BadRequest):
        parse_request(data, PEER, 1)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "version": st.just(1) | _JSON,
            "verb": st.sampled_from(list(NEEDS)) | _JSON,
            "by": st.text() | _JSON,
            "reason": st.text() | _JSON,
            "scope": st.dictionaries(st.sampled_from(["all", "instrument", "strategy"]), _JSON, max_size=2),
            "more": _JSON,
        },
    )
)
def test_what_is_accepted_is_in_bounds(tree: dict[str, Any]) -> None:
    try:
        request = parse_request(json.dumps(tree).encode(), PEER, 1)
    except BadRequest as error:
        assert str(error).isprintable()  # noqa: PT017 (hypothesis explores both ways)
        return
    assert request.verb in NEEDS
    assert len(request.by) <= 64
    assert len(request.reason) <= 400
    assert (request.by + request.reason).isprintable()
    assert 0 <= (request.scope.instrument or 0) <= INSTRUMENT_ID_MAX
    assert 0 <= (request.scope.strategy or 0) <= STRATEGY_ID_MAX


def test_the_ids_are_the_fence_s() -> None:
    assert (INSTRUMENT_ID_MAX + 1, STRATEGY_ID_MAX + 1) == (FENCE_INSTRUMENTS, FENCE_STRATEGIES)


def test_text_can_not_forge_lines_or_colours() -> None:
    assert clean("a\x1b[31mred\r\nkilled by root\u202eevil\x00", 40) == "a [31mred killed by root evil"
    assert clean("é" * 100, 10) == "é" * 10


def test_a_scope_says_itself() -> None:
    assert [str(scope) for scope in (Scope(), Scope(instrument=7), Scope(strategy=0))] == [
        "everything",
        "instrument 7",
        "strategy 0",
    ]


def test_an_answer_s_own_words_win_over_its_fields() -> None:
    answer = json.loads(done("so be it", code="forged", epoch=7).encode())
    assert answer == {"ok": True, "code": "done", "text": "so be it", "epoch": 7}


def test_an_answer_that_does_not_fit_loses_its_details_and_says_so() -> None:
    data = Answer(True, "done", "text " * 1000, {"many": list(range(60_000))}).encode()
    assert len(data) <= MESSAGE_BYTES_MAX
    assert "details left out" in json.loads(data)["text"]
