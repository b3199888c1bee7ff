"""The `hft` command: what it lists, how it refuses."""

from __future__ import annotations

import pytest

from hft.cli import COMMANDS, main


def test_alone_it_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(" ".join(command.words) in listed for command in COMMANDS)


@pytest.mark.parametrize("words", [["nonsense"], ["model"], ["model", "eat"], ["bench"]])
def test_an_unknown_command_is_usage_and_names_the_known_ones(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    refusal = capsys.readouterr().err
    assert words[0] in refusal
    assert "known:" in refusal


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command.words))
def test_every_command_explains_itself(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command.words, "--help"])  # type: ignore[attr-defined]
    assert end.value.code == 0
    assert "usage: hft" in capsys.readouterr().out
