"""`watchd check`: every end of a start in words."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from watchd import check
from watchd.check import BEFORE, MEMBERS, NOTICE, WARNING, missing, notify, verdict

ACTIVE = {"ActiveState": "active", "Result": "success"}


def units(**changed: dict[str, str]) -> dict[str, dict[str, str]]:
    found = {f"hft-{name}.service": about for name, about in changed.items()}
    return {name: {"ActiveState": "inactive"} for name in BEFORE} | dict.fromkeys(MEMBERS, ACTIVE) | found


def test_all_members_active_is_a_start() -> None:
    assert missing(units()) == []


def test_a_failed_preflight_is_the_first_cause_and_says_what_it_said() -> None:
    failed = {
        "ActiveState": "failed",
        "Result": "exit-code",
        "ExecMainStatus": "1",
        "StatusText": "cores: none",
    }
    down = {"ActiveState": "inactive"}
    assert missing(units(preflight=failed, feedd=down, braind=down)) == [
        "hft-preflight failed (exit-code 1): cores: none → journalctl -u hft-preflight -n 20",
        "hft-feedd did not start",
        "hft-braind did not start",
    ]


def test_a_member_that_failed_is_named_with_its_exit_code() -> None:
    failed = {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "78"}
    assert missing(units(watchd=failed)) == [
        "hft-watchd failed (exit-code 78) → journalctl -u hft-watchd -n 20"
    ]


def test_an_earlier_failure_of_preflight_does_not_count_when_all_run() -> None:
    assert missing(units(preflight={"ActiveState": "failed"})) == []


def test_armed_is_a_notice() -> None:
    assert verdict({"state": "armed", "epoch": 3}) == ("started and armed: orders flow under epoch 3", NOTICE)


def test_killed_is_cancel_only_and_says_who_why_when_and_what_to_do() -> None:
    text, loud = verdict(
        {
            "state": "killed",
            "reason": "operator",
            "detail": "drill",
            "by": "alice",
            "at": "2026-01-05T09:30:00Z",
        }
    )
    assert loud == WARNING
    assert text.startswith(
        "started CANCEL-ONLY AND OBSERVING: killed at 2026-01-05T09:30:00Z (operator: drill by alice)"
    )
    assert text.endswith("watchd ctl clear --by NAME --reason TEXT, then watchd ctl arm --by NAME")


def test_disarmed_says_what_arming_waits_for() -> None:
    text, _ = verdict({"state": "disarmed", "arm_blockers": ["the venue session is down"]})
    assert text == "started, observing: disarmed. the venue session is down"
    assert "watchd ctl arm" in verdict({"state": "disarmed", "arm_blockers": []})[0]


def test_a_watchd_that_does_not_answer_is_no_armed_one() -> None:
    assert verdict({}) == ("started, observing: watchd does not answer.", WARNING)


def test_systemd_has_read_what_is_said_before_the_process_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setattr(check, "BARRIER_MS", 60_000)  # what ends it is that systemd has read
        sender = threading.Thread(target=notify, args=("STATUS=so it is",))
        sender.start()
        assert manager.recv(4096) == b"STATUS=so it is"
        said, descriptors, _, _ = socket.recv_fds(manager, 4096, 1)
        assert said == b"BARRIER=1"
        sender.join(0.05)
        assert sender.is_alive()
        os.close(descriptors[0])
        sender.join(30)
        assert not sender.is_alive()
