"""Verbs that watchd decides on: its answer, its exit code, and the veto that `clear` takes back."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hft import _native
from hft.config import Run, Watchd
from hft.control import CTL_SOCKET
from hft.layout.dtypes import VetoReason
from watchd.ctl.settings import Settings

CLEAR = ("clear", "--by", "ada", "--reason", "fixed")


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("done", 0), ("already", 0), ("refused", 1), ("bad_request", 2), ("not_permitted", 77)],
)
def test_each_answer_has_its_exit_code(site: Any, watchd: Callable, code: str, exit_code: int) -> None:
    watchd(ok=exit_code == 0, code=code, text="as it is")
    ran = site.ctl("disarm", "--by", "ada")
    assert (ran.code, ran.out.splitlines()[0], ran.err) == (exit_code, "as it is", "")


def test_json_is_watchd_s_own_document(site: Any, watchd: Callable) -> None:
    watchd(epoch=7, nested={"a": [1]})
    assert site.ctl("arm", "--by", "ada", "--json").json == {
        "ok": True,
        "code": "done",
        "text": "so be it",
        "epoch": 7,
        "nested": {"a": [1]},
    }


def test_arm_blockers_are_listed(site: Any, watchd: Callable) -> None:
    watchd(
        ok=False,
        code="refused",
        text="can not be armed",
        arm_blockers=["braind is not READY", "the veto is set"],
    )
    assert site.ctl("arm", "--by", "ada").out.splitlines() == [
        "can not be armed",
        "  - braind is not READY",
        "  - the veto is set",
        "→ docs/RUNBOOK.md#arm-blockers",
    ]


def test_a_pause_carries_its_scope(site: Any, watchd: Callable) -> None:
    fake = watchd()
    assert site.ctl("pause", "--instrument", "7", "--reason", "news").code == 0
    assert (fake.seen[0]["scope"], fake.seen[0]["reason"]) == ({"instrument": 7}, "news")


def test_who_does_not_say_their_name_sends_their_login(site: Any, watchd: Callable) -> None:
    fake = watchd()
    site.ctl("pause", env={"LOGNAME": "grace"})
    site.ctl("pause", env={"LOGNAME": "root", "SUDO_USER": "ada"})
    site.ctl("pause", env={})
    assert [request["by"] for request in fake.seen] == ["grace", "ada", ""]


@pytest.mark.parametrize("verb", [("status",), ("disarm", "--by", "ada"), ("pause",), CLEAR])
def test_no_watchd_is_exit_code_69(site: Any, verb: tuple[str, ...]) -> None:
    ran = site.ctl(*verb)
    assert ran.code == 69
    assert "docs/RUNBOOK.md#watchd-does-not-answer" in ran.out


def test_a_watchd_that_hangs_is_exit_code_69_in_time(site: Any) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(site.socket))
        listener.listen(8)
        ran = site.ctl("disarm", "--by", "ada", "--timeout", "0.2", "--json")
    assert (ran.code, ran.json["code"]) == (69, "no_answer")
    assert "watchd hangs" in ran.json["text"]


def test_a_socket_that_may_not_be_used_is_exit_code_77(site: Any, people: dict[str, Any]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(site.socket))
        listener.listen(8)
        site.socket.chmod(0o660)
        ran = site.ctl("status", ids=people["stranger"])
    assert ran.code == 77


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "can not be read: No such file"),
        ("[run\n", "not TOML"),
        ("run = 5\n", "run.directory: not an absolute path"),
        ('[run]\ncontrol_directory = "run/hft"\n', "run.control_directory: not an absolute path"),
    ],
)
def test_a_bad_configuration_is_exit_code_78(site: Any, text: str | None, said: str) -> None:
    if text is None:
        site.config.unlink()
    else:
        site.config.write_text(text, encoding="utf-8")
    ran = site.ctl("disarm", "--by", "ada")
    assert (ran.code, ran.out) == (78, "")
    assert said in ran.err


def test_the_defaults_are_those_of_the_daemons() -> None:
    settings = Settings()
    assert settings.run_directory == Run().directory
    assert settings.ctl_socket == f"{Run().control_directory}/{CTL_SOCKET}"
    assert settings.state_directory == Watchd().state_directory


def test_clear_takes_the_veto_back_after_watchd_s_yes(site: Any, watchd: Callable) -> None:
    _native.set_operator_veto(str(site.veto_path))
    fake = watchd(text="disarmed")
    ran = site.ctl(*CLEAR, "--json")
    assert (ran.code, ran.json["operator_veto_cleared"]) == (0, True)
    assert fake.seen[0]["veto"] == VetoReason.OPERATOR  # it still stood when watchd was asked
    assert site.veto.veto == 0


@pytest.mark.parametrize("code", ["refused", "not_permitted"])
def test_clear_leaves_the_veto_when_watchd_says_no(site: Any, watchd: Callable, code: str) -> None:
    _native.set_operator_veto(str(site.veto_path))
    watchd(ok=False, code=code, text="no")
    assert site.ctl(*CLEAR).code in (1, 77)
    assert site.veto.veto == VetoReason.OPERATOR


def test_clear_leaves_the_veto_without_watchd(site: Any) -> None:
    _native.set_operator_veto(str(site.veto_path))
    assert site.ctl(*CLEAR).code == 69
    assert site.veto.veto == VetoReason.OPERATOR


def test_clear_does_not_take_back_a_kill_that_came_meanwhile(site: Any, watchd: Callable) -> None:
    _native.set_operator_veto(str(site.veto_path))

    def another_kill(_request: dict[str, Any]) -> dict[str, Any]:
        _native.set_operator_veto(str(site.veto_path))
        return {"ok": True, "code": "done", "text": "disarmed"}

    watchd(another_kill)
    ran = site.ctl(*CLEAR)
    assert ran.code == 1
    assert "somebody has set it while you cleared" in ran.out
    assert "docs/RUNBOOK.md#operator-veto-left-set" in ran.out
    assert site.veto.veto == VetoReason.OPERATOR


def test_clear_says_when_the_veto_is_not_this_person_s_to_take_back(
    site: Any, watchd: Callable, people: dict[str, Any]
) -> None:
    _native.set_operator_veto(str(site.veto_path))
    site.veto_path.chmod(0o644)
    watchd()
    ran = site.ctl(*CLEAR, ids=people["operator"])
    assert ran.code == 1
    assert "the operator's veto stands" in ran.out
    assert "Permission denied" in ran.out


def test_clear_without_a_veto_page_is_done(site: Any, watchd: Callable) -> None:
    site.veto_path.unlink()
    watchd(text="disarmed")
    assert site.ctl(*CLEAR).code == 0


def test_the_native_veto_is_seen_by_all_and_taken_back_once(site: Any) -> None:
    path = str(site.veto_path)
    assert _native.read_operator_veto(path)[0] == 0
    threads = [threading.Thread(target=_native.set_operator_veto, args=(path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = _native.read_operator_veto(path)
    assert seen[0] == VetoReason.OPERATOR
    assert not _native.clear_operator_veto(path, (seen[0], seen[1], seen[2], seen[3] + 1))
    assert _native.clear_operator_veto(path, seen)
    assert site.veto.veto == 0
    with pytest.raises(_native.RegionMissing):
        _native.set_operator_veto(path + "x")


def test_a_closed_output_does_not_change_the_exit_code(site: Any, watchd: Callable) -> None:
    watchd()
    command = [str(Path(sys.executable).with_name("watchd")), *site.arguments("disarm", "--by", "ada")]
    ran = subprocess.run(
        ["bash", "-c", 'exec "$@" >&-', "-", *command], capture_output=True, check=False, timeout=20
    )
    full = subprocess.run(
        ["bash", "-c", 'exec "$@" >/dev/full', "-", *command], capture_output=True, check=False, timeout=20
    )
    assert (ran.returncode, ran.stderr, full.returncode, full.stderr) == (0, b"", 0, b"")


def test_the_request_is_one_json_object(site: Any, watchd: Callable) -> None:
    fake = watchd()
    site.ctl("kill", "--reason", 'say "no" \N{SNOWMAN}')
    assert json.loads(json.dumps(fake.seen[0]))["reason"] == 'say "no" \N{SNOWMAN}'
