"""hft.config: defaults, frozen values, [braind], and the command."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from hft.config import ConfigError, load, parse
from hft.config.command import run

FEED = '[feedd.feed]\nline_a = "127.0.0.1:26477"\n'
BRAIND = '[braind]\nmodel = "/models/one"\nsymbols = ["AAPL", "BRK.A"]\n'


def test_what_is_not_said_has_its_default() -> None:
    config = parse(FEED + BRAIND)
    assert config.feedd.capacity.market_ring_records == 1 << 20
    assert config.braind is not None
    assert config.braind.score_threshold == 0.55


def test_a_good_configuration_can_not_be_changed() -> None:
    config = parse(FEED)
    with pytest.raises(AttributeError):
        config.run.mode = "live"  # type: ignore[misc]


def test_feedd_alone_needs_no_braind_section() -> None:
    assert parse(FEED).braind is None


@pytest.mark.parametrize(
    ("text", "replacement", "key"),
    [
        ("[braind]", "[braind]\nsymbol = 1", "braind.symbol"),
        ('model = "/models/one"', "", "braind.model"),
        ("/models/one", "", "braind.model"),
        ('symbols = ["AAPL", "BRK.A"]', "", "braind.symbols"),
        ('["AAPL", "BRK.A"]', "[]", "braind.symbols"),
        ("BRK.A", "BRK A", "braind.symbols[1]"),
        ("BRK.A", "A" * 17, "braind.symbols[1]"),
        ("BRK.A", "AAPL", "braind.symbols[1]"),
        ("[braind]", '[braind]\nstrategy = "imbalance"', "braind.strategy"),
        ("[braind]", "[braind]\nintents_ring_records = 100", "braind.intents_ring_records"),
        ("[braind]", "[braind]\ninputs_ring_records = 5000", "braind.inputs_ring_records"),
        ("[braind]", "[braind]\ncheckpoint_interval_records = -1", "braind.checkpoint_interval_records"),
        ("[braind]", "[braind]\nscore_threshold = nan", "braind.score_threshold"),
        ("[braind]", "[braind]\nscore_threshold = 0.33", "braind.score_threshold"),
        ("[braind]", "[braind]\norder_quantity = 0", "braind.order_quantity"),
        ("[braind]", "[braind]\naccept_partial_books = 1", "braind.accept_partial_books"),
    ],
)
def test_a_bad_braind_section_is_refused_by_key(text: str, replacement: str, key: str) -> None:
    assert text in BRAIND
    with pytest.raises(ConfigError) as refusal:
        parse(FEED + BRAIND.replace(text, replacement, 1))
    assert refusal.value.key == key


@pytest.mark.parametrize(
    ("mode", "venue", "good"),
    [
        ("paper", "127.0.0.1:9000", True), ("paper", "127.9.9.9:9000", True), ("paper", "10.0.0.1:9000", False),
        ("paper", "128.0.0.1:9000", False), ("live", "10.0.0.1:9000", True), ("observe", "10.0.0.1:9000", True),
    ],
)  # fmt: skip
def test_only_a_venue_on_this_machine_is_a_paper_venue(mode: str, venue: str, good: bool) -> None:
    text = f'[run]\nmode = "{mode}"\n{FEED}[feedd.gateway]\nvenue = "{venue}"\n'
    if good:
        assert parse(text).run.mode == mode
        return
    with pytest.raises(ConfigError) as refusal:
        parse(text)
    assert (refusal.value.key, venue in refusal.value.problem) == ("run.mode", True)


def test_the_command_says_which_key_is_wrong_and_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hft.toml"
    path.write_text(FEED.replace(":26477", ""))
    assert run(argparse.Namespace(file=path)) == 1
    assert 'feedd.feed.line_a: "127.0.0.1" is not address:port' in capsys.readouterr().err


def test_the_command_ends_with_zero_for_a_good_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hft.toml"
    path.write_text(FEED + BRAIND)
    assert run(argparse.Namespace(file=path)) == 0
    assert capsys.readouterr().out.strip() == f"{path}: good"


def test_the_command_passes_on_what_only_feedd_refuses(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hft.toml"
    path.write_text('feedd = {feed = {line_a = "127.0.0.1:26477"}}\n')
    load(path)
    assert run(argparse.Namespace(file=path)) == 1
    assert "inline tables have no use here" in capfd.readouterr().err


def test_an_unreadable_file_is_refused_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path / "absent.toml")
    assert refusal.value.key == ""
