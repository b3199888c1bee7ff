"""The words after `watchd ctl`: what is wrong is named, what is right is understood."""

from __future__ import annotations

import pytest

from watchd.ctl.arguments import HELP, UsageError, parse, usage, verb_usage
from watchd.ctl.main import main
from watchd.ctl_words import NEEDS


def _problem(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(list(words))
    return str(caught.value)


def test_a_kill_needs_nothing() -> None:
    options = parse(["kill"])
    assert (options.verb, options.by, options.scope, options.timeout_s) == ("kill", "", None, 1.0)
    assert options.config == "/etc/hft/hft.toml"


def test_values_stand_behind_a_blank_or_an_equals_sign() -> None:
    options = parse(["clear", "--by", "ada", "--reason=prices = wrong", "--timeout", "0.5", "--json"])
    assert (options.by, options.reason, options.timeout_s, options.json) == (
        "ada",
        "prices = wrong",
        0.5,
        True,
    )


@pytest.mark.parametrize(
    ("words", "scope"),
    [
        (["pause"], None),
        (["cancel-all"], None),
        (["pause", "--all"], {"all": True}),
        (["resume", "--instrument", "65535"], {"instrument": 65535}),
        (["flatten", "--strategy=0"], {"strategy": 0}),
        (["kill", "--symbol", "BRK.B"], {"symbol": "BRK.B"}),
        (["resume", "--symbol=AAPL"], {"symbol": "AAPL"}),
    ],
)
def test_scopes(words: list[str], scope: dict[str, object] | None) -> None:
    assert parse(words).scope == scope


def test_a_limit_is_two_words_and_perhaps_a_symbol() -> None:
    options = parse(["limits", "set", "position_max", "500", "--symbol", "AAPL", "--by=ada", "--reason", "r"])
    assert (options.verb, options.by) == ("limits set", "ada")
    assert options.limit == {"name": "position_max", "value": 500, "symbol": "AAPL"}
    assert parse(["limits", "set", "--by=ada", "loss_max", "--reason=r", "0"]).limit == {
        "name": "loss_max",
        "value": 0,
    }
    assert parse(["limits", "show", "--json"]).json


def test_tail_has_its_own_options() -> None:
    options = parse(["tail", "-n", "5", "-f"])
    assert (options.lines, options.follow) == (5, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which verb?"),
        (["explode"], "explode: no such verb"),
        (["kill", "--hard"], "--hard: kill has no such option"),
        (["kill", "now"], "now: kill has no such option"),
        (["limits"], "limits: no such verb"),
        (["limits", "raise"], "limits raise: no such verb"),
        (["limits", "show", "--by", "ada"], "--by: limits show has no such option"),
        (["limits", "set", "position_max", "--by=a", "--reason=r"], "limits set NAME VALUE: NAME is one of"),
        (["limits", "set", "luck_max", "5", "--by=a", "--reason=r"], "limits set NAME VALUE: NAME is one of"),
        (
            ["limits", "set", "loss_max", "5", "--symbol=A", "--by=a", "--reason=r"],
            "limits set NAME VALUE: NAME is one of order_quantity_max",
        ),
        (["limits", "set", "loss_max", "1.5", "--by=a", "--reason=r"], "loss_max: '1.5' is not a number"),
        (["limits", "set", "loss_max", "5", "--by=a"], "--reason TEXT: limits set needs it"),
        (["kill", "--all"], "--all: kill has no such option"),
        (["kill", "--by"], "--by: NAME is missing"),
        (["kill", "--by", " "], "--by: is empty"),
        (["kill", "--json=yes"], "--json: takes no value"),
        (["kill", "--timeout", "soon"], "--timeout: 'soon'"),
        (["kill", "--timeout", "nan"], "--timeout: 'nan'"),
        (["kill", "--timeout=-1"], "--timeout: '-1'"),
        (["clear", "--by", "ada"], "--reason TEXT: clear needs it"),
        (["clear", "--reason", "x"], "--by NAME: clear needs it"),
        (["arm"], "--by NAME: arm needs it"),
        (["disarm"], "--by NAME: disarm needs it"),
        (["resume"], "resume what?"),
        (["flatten", "--by", "ada"], "flatten what?"),
        (["pause", "--instrument", "65536"], "--instrument: '65536'"),
        (["pause", "--instrument", "²"], "--instrument"),
        (["pause", "--symbol", ""], "--symbol: '' is not a symbol"),
        (["pause", "--symbol", "A" * 17], "--symbol: 'AAA"),
        (["limits", "set", "position_max", "5", "--symbol=Ä", "--by=a", "--reason=r"], "--symbol: 'Ä'"),
        (["cancel-all", "--symbol", "AAPL", "--instrument", "7"], "--instrument: one of --all, --symbol"),
        (["pause", "--strategy", "1024"], "--strategy: '1024'"),
        (["pause", "--all", "--strategy", "1"], "--strategy: one of"),
        (["tail", "-n", "many"], "-n: 'many'"),
        (["report", "--by", "ada"], "--by: report has no such option"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], said: str) -> None:
    assert _problem(*words).startswith(said)


def test_every_verb_of_watchd_is_here_and_explains_itself() -> None:
    assert set(HELP) == {*NEEDS, "tail", "report"}
    assert all(verb in usage() for verb in HELP)
    assert all(verb_usage(verb).startswith(f"usage: watchd ctl {verb} ") for verb in HELP)
    assert "--by NAME --reason TEXT" in verb_usage("clear")
    assert "[--by NAME]" in verb_usage("kill")


def test_exit_codes_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert main(["kill", "--help"]) == 0
    assert main(["clear"]) == 2
    assert capsys.readouterr().err.startswith("watchd ctl: --by NAME")
