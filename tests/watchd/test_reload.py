"""SIGHUP at watchd: the alert is taken over, everything else is told to wait, a bad file changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hft.config import parse
from watchd.alert import Alert
from watchd.reload import Reload, different

FILE = '[feedd.feed]\nline_a = "127.0.0.1:26477"\n[watchd]\nlease_ms = 100\n'


def reloaded(path: Path, text: str) -> tuple[Alert, list[str], list[tuple[str, dict[str, Any]]]]:
    path.write_text(text)
    alert, said, events = Alert((), "", 5.0), [], []
    Reload(path, parse(FILE), alert, said.append, lambda name, fields: events.append((name, dict(fields))))()
    return alert, said, events


def test_the_alert_is_taken_over(tmp_path: Path) -> None:
    alert, said, events = reloaded(tmp_path / "hft.toml", FILE + '[watchd.alert]\ncommand = ["/bin/true"]\n')
    assert list(alert._hooks) == ["command"]
    assert said == ["RELOADING=1", "READY=1"]
    assert events == [("reloaded", {"taken": "watchd.alert", "needs_restart": []})]


def test_what_waits_for_a_restart_is_named(tmp_path: Path) -> None:
    _, _, events = reloaded(tmp_path / "hft.toml", FILE.replace("100", "200"))
    assert events == [("reloaded", {"taken": "watchd.alert", "needs_restart": ["watchd.lease_ms"]})]


def test_a_file_that_a_start_would_refuse_changes_nothing(tmp_path: Path) -> None:
    alert, said, events = reloaded(tmp_path / "hft.toml", FILE.replace("100", "1"))
    assert alert._hooks == {}
    assert said == ["RELOADING=1", "READY=1"]
    assert events[0][0] == "reload_refused"
    assert "watchd.lease_ms" in events[0][1]["problem"]


def test_keys_that_differ_are_named_in_full() -> None:
    one, other = parse(FILE), parse(FILE + "[risk]\nloss_max = 5\n")
    assert different(one, other) == ["risk.loss_max"]
    assert different(one, one) == []
