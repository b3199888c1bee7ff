"""The `watchd` command: each word goes to its part, everything else to the daemon."""

from __future__ import annotations

import sys
import types

import pytest

from watchd.main import main


def _part(monkeypatch: pytest.MonkeyPatch, name: str) -> list[list[str]]:
    calls: list[list[str]] = []
    module = types.ModuleType(name)
    module.main = lambda arguments: calls.append(list(arguments)) or 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    return calls


@pytest.mark.parametrize(
    ("words", "module", "passed_on"),
    [
        (["ctl", "kill", "--json"], "watchd.ctl.main", ["kill", "--json"]),
        (["init", "--by", "ada"], "watchd.init", ["--by", "ada"]),
        (["exporter", "--config", "f"], "watchd.exporter.main", ["--config", "f"]),
        (["--config", "f"], "watchd.daemon", ["--config", "f"]),
        ([], "watchd.daemon", []),
        (["nonsense"], "watchd.daemon", ["nonsense"]),
    ],
)
def test_each_word_goes_to_its_part(
    monkeypatch: pytest.MonkeyPatch, words: list[str], module: str, passed_on: list[str]
) -> None:
    calls = _part(monkeypatch, module)
    assert main(words) == 7
    assert calls == [passed_on]


def test_without_arguments_it_reads_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _part(monkeypatch, "watchd.ctl.main")
    monkeypatch.setattr(sys, "argv", ["watchd", "ctl", "status"])
    assert main() == 7
    assert calls == [["status"]]
