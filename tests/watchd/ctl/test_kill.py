"""`watchd ctl kill`: with watchd, beside one that hangs, without one; as the people it is for and as others."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hft import _native
from hft.layout.dtypes import VetoReason
from hft.regions import read_control_record
from watchd.ctl import kill as kill_module
from watchd.ctl.arguments import parse
from watchd.ctl.settings import read
from watchd.ctl.wire import Line

ANSWERED = ("--timeout", "20")


def _alive(child: subprocess.Popen[str]) -> bool:
    return child.poll() is None


@pytest.fixture
def hanging_socket(site: Any) -> Iterator[socket.socket]:
    """Connections queue up and nobody takes them: watchd is stopped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(site.socket))
        site.socket.chmod(0o666)
        listener.listen(8)
        yield listener


def test_with_watchd_its_answer_is_the_result(site: Any, watchd: Callable, braind: Callable) -> None:
    fake = watchd(text="killed: fence closed after 0.01 ms, braind dead after 0.9 ms", epoch=7)
    child = braind()
    ran = site.ctl("kill", "--by", "ada", "--reason", "prices are wrong", *ANSWERED)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("killed: fence closed after 0.01 ms")
    assert "next: watchd ctl clear --by NAME --reason TEXT" in ran.out
    (request,) = fake.seen
    assert (request["verb"], request["by"], request["reason"]) == ("kill", "ada", "prices are wrong")
    assert _alive(child)  # that was watchd's to do
    assert site.veto.veto == VetoReason.OPERATOR


def test_the_veto_does_not_wait_for_watchd_s_answer(site: Any, watchd: Callable) -> None:
    veto_while_it_waits: list[int] = []

    def answer_late(_request: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + 5
        while not site.veto.veto and time.monotonic() < deadline:
            time.sleep(0.001)
        veto_while_it_waits.append(site.veto.veto)
        return {"ok": True, "code": "done", "text": "killed"}

    watchd(answer_late)
    assert site.ctl("kill", *ANSWERED).code == 0
    assert veto_while_it_waits == [VetoReason.OPERATOR]


def test_the_veto_says_who_and_when(site: Any) -> None:
    before_ns = time.time_ns()
    site.ctl("kill")
    note = read_control_record(site.veto, "VetoNote")
    assert note["uid"] == os.getuid()
    assert note["pid"] > 1
    assert before_ns <= note["set_ts_ns"] <= time.time_ns()


def test_already_killed_is_done_too(site: Any, watchd: Callable) -> None:
    watchd(code="already", text="killed since 07:00")
    assert site.ctl("kill", *ANSWERED).code == 0


@pytest.mark.parametrize("left_behind", [False, True])
def test_without_watchd_the_veto_stands_and_braind_dies(
    site: Any, braind: Callable, left_behind: bool
) -> None:
    if left_behind:  # the socket file of a watchd that was killed
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(site.socket))
    child = braind()
    start = time.monotonic()
    ran = site.ctl("kill")
    assert time.monotonic() - start < 10
    assert ran.code == 69
    assert child.wait(5) == -signal.SIGKILL
    assert site.veto.veto == VetoReason.OPERATOR
    assert "watchd does not answer" in ran.out
    assert "operator veto  set" in ran.out
    assert f"pid {child.pid} killed, dead after" in ran.out
    assert "docs/RUNBOOK.md#watchd-does-not-answer" in ran.out


def test_beside_a_watchd_that_hangs_it_waits_its_time_and_does_it_itself(
    site: Any, braind: Callable, hanging_socket: socket.socket
) -> None:
    child = braind()
    start = time.monotonic()
    ran = site.ctl("kill", "--json")
    assert 1.0 <= time.monotonic() - start < 15
    assert ran.code == 69
    assert child.wait(5) == -signal.SIGKILL
    assert (ran.json["ok"], ran.json["code"]) == (False, "no_answer")
    steps = {step["step"]: step for step in ran.json["steps"]}
    assert [step["ok"] for step in ran.json["steps"]] == [True, True, True]
    assert steps["braind"]["after_ms"] - steps["operator veto"]["after_ms"] >= 1000
    hanging_socket.accept()[0].close()  # the request waits there for a watchd that wakes up


def test_the_request_is_there_before_the_veto(site: Any, hanging_socket: socket.socket) -> None:
    child = subprocess.Popen([*_command(site), *ANSWERED], stdout=subprocess.DEVNULL)
    connection, _ = hanging_socket.accept()
    connection.settimeout(5)
    assert b'"kill"' in connection.recv(1 << 16)
    _await_veto(site)
    connection.send(b'{"ok":true,"code":"done","text":"killed"}')
    assert child.wait(20) == 0


def test_with_a_full_backlog_the_veto_does_not_wait_and_the_request_gets_through_when_there_is_room(
    site: Any,
) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.bind(str(site.socket))
        listener.listen(0)
        fillers = stack.enter_context(ExitStack())
        _fill(fillers, site)
        child = subprocess.Popen([*_command(site), *ANSWERED, "--json"], stdout=subprocess.PIPE)
        _await_veto(site)
        assert _alive(child)
        fillers.close()
        while True:
            connection = stack.enter_context(listener.accept()[0])
            connection.settimeout(5)
            if connection.recv(1 << 16):
                break
        connection.send(b'{"ok":true,"code":"done","text":"killed"}')
        assert child.wait(20) == 0
        assert child.stdout is not None
        child.stdout.close()


def test_with_a_backlog_that_stays_full_it_does_it_itself(site: Any, braind: Callable) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.bind(str(site.socket))
        listener.listen(0)
        _fill(stack, site)
        child = braind()
        ran = site.ctl("kill", "--timeout", "0.2")
    assert (ran.code, child.wait(5)) == (69, -signal.SIGKILL)
    assert "queue of connections is full" in ran.out


@pytest.mark.parametrize(
    "answer",
    [
        None,  # hangs up
        {"ok": False, "code": "refused", "text": "not today"},
        {"ok": False, "code": "bad_request", "text": "verb: unknown"},
        {"code": 5},
    ],
)
def test_an_answer_that_is_no_kill_is_no_answer(
    site: Any, watchd: Callable, braind: Callable, answer: dict[str, Any] | None
) -> None:
    watchd(lambda _request: answer)
    child = braind()
    ran = site.ctl("kill", *ANSWERED)
    assert (ran.code, child.wait(5)) == (69, -signal.SIGKILL)


def test_who_may_not_is_told_by_watchd_and_the_veto_stands_if_it_could_be_set(
    site: Any, watchd: Callable, braind: Callable
) -> None:
    watchd(ok=False, code="not_permitted", text="kill: uid 5 is not in the operators' group")
    child = braind()
    ran = site.ctl("kill", *ANSWERED)
    assert ran.code == 77
    assert "not in the operators' group" in ran.out
    assert "operator veto  set" in ran.out
    assert _alive(child)


def test_an_unreadable_configuration_is_told_and_the_defaults_are_used(tmp_path: Any) -> None:
    """In a namespace of its own, where the default directories are this test's."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can have /run/hft for itself")
    script = 'mount --bind "$1" /run && mkdir -p /run/hft && exec "${@:2}"'
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        (tmp_path / "run" / "hft").mkdir()
        listener.bind(str(tmp_path / "run" / "hft" / "ctl.sock"))
        listener.listen(8)
        words = (_command_path(), "ctl", "kill", "--json", "--config", "/nonexistent/hft.toml", *ANSWERED)
        child = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", script, "-", tmp_path / "run", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        listener.settimeout(20)
        connection, _ = listener.accept()
        with connection:
            assert b'"kill"' in connection.recv(1 << 16)
            connection.send(b'{"ok":true,"code":"done","text":"killed"}')
            out, err = child.communicate(timeout=20)
    assert child.returncode == 0, out + err
    assert "/nonexistent/hft.toml: can not be read: No such file" in err
    assert "/dev/hugepages/hft, /run/hft" in err


def test_without_braind_there_is_nobody_to_kill(site: Any) -> None:
    ran = site.ctl("kill")
    assert ran.code == 69
    assert "is not running: there is no" in ran.out


def test_a_lock_that_nobody_holds_kills_nobody(site: Any, braind: Callable) -> None:
    child = braind()
    child.kill()
    child.wait(5)
    assert "is not running: nobody holds" in site.ctl("kill").out


def test_a_missing_veto_page_is_told_and_braind_is_killed_all_the_same(site: Any, braind: Callable) -> None:
    site.veto_path.unlink()
    child = braind()
    ran = site.ctl("kill")
    assert (ran.code, child.wait(5)) == (69, -signal.SIGKILL)
    assert "does not exist" in ran.out
    assert "what could not be done here, root can" in ran.out


def test_a_veto_page_that_is_no_region_is_told_and_braind_is_killed_all_the_same(
    site: Any, braind: Callable
) -> None:
    site.veto_path.write_bytes(b"x" * 8192)
    child = braind()
    ran = site.ctl("kill")
    assert (ran.code, child.wait(5)) == (69, -signal.SIGKILL)
    assert "not a region" in ran.out


def _broken(*_arguments: object) -> None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize("broken", ["try_send", "answer", "set_operator_veto", "kill_holder"])
def test_a_bug_in_one_step_does_not_keep_the_others_from_being_taken(
    site: Any, braind: Callable, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    owner = {"set_operator_veto": _native, "kill_holder": kill_module}.get(broken, Line)
    monkeypatch.setattr(owner, broken, _broken)
    monkeypatch.setattr(kill_module, "_hold_on", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda _number, _handler: None)
    child = braind()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(site.socket))
        listener.listen(8)
        done = kill_module.kill(parse(["kill", "--timeout", "0.1"]), read(str(site.config)))
    assert done.exit_code == 69
    assert (site.veto.veto != 0) == (broken != "set_operator_veto")
    assert _alive(child) == (broken == "kill_holder")
    assert "a bug" in done.text()


def test_a_broken_extension_does_not_keep_braind_alive(site: Any, braind: Callable) -> None:
    child = braind()
    script = 'import sys; sys.modules["hft._native"] = None; from watchd.main import main; sys.exit(main(sys.argv[1:]))'
    ran = subprocess.run(
        [sys.executable, "-c", script, *site.arguments("kill")], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, child.wait(5)) == (69, -signal.SIGKILL)
    assert "halted; None in sys.modules" in ran.stdout


def test_ctrl_c_ends_the_wait_and_not_the_kill(
    site: Any, braind: Callable, hanging_socket: socket.socket
) -> None:
    child = braind()
    command = subprocess.Popen([*_command(site), "--timeout", "60"], stdout=subprocess.PIPE, text=True)
    _await_veto(site)
    with hanging_socket.accept()[0]:
        deadline = time.monotonic() + 20
        while command.poll() is None and time.monotonic() < deadline:  # again until it waits for the answer
            command.send_signal(signal.SIGINT)
            time.sleep(0.1)
        out, _ = command.communicate(timeout=5)
    assert command.returncode == 69
    assert "not waited for any longer" in out
    assert child.wait(5) == -signal.SIGKILL


def test_a_terminal_that_goes_away_stops_nothing(
    site: Any, braind: Callable, hanging_socket: socket.socket
) -> None:
    child = braind()
    read_end, write_end = os.pipe()
    command = subprocess.Popen([*_command(site), "--timeout", "1"], stdout=write_end, stderr=write_end)
    os.close(write_end)
    os.close(read_end)
    _await_veto(site)
    command.send_signal(signal.SIGHUP)
    command.send_signal(signal.SIGTERM)
    assert command.wait(20) == 69
    assert child.wait(5) == -signal.SIGKILL


def test_an_operator_sets_the_veto_and_is_told_that_braind_is_not_theirs_to_kill(
    site: Any, braind: Callable, people: dict[str, Any]
) -> None:
    child = braind(people["braind"])
    ran = site.ctl("kill", ids=people["operator"])
    assert ran.code == 69
    assert site.veto.veto == VetoReason.OPERATOR
    assert f"pid {child.pid} may not be killed by uid {people['operator'][0]}" in ran.out
    assert "sudo watchd ctl kill" in ran.out
    assert _alive(child)
    assert read_control_record(site.veto, "VetoNote")["uid"] == people["operator"][0]


def test_an_operator_who_may_not_read_braind_s_directory_sets_the_veto_all_the_same(
    site: Any, braind: Callable, people: dict[str, Any]
) -> None:
    child = braind(people["braind"])
    ran = site.ctl("kill", ids=people["operator who may not read"])
    assert ran.code == 69
    assert site.veto.veto == VetoReason.OPERATOR
    assert "may not see who holds it" in ran.out
    assert _alive(child)


def test_braind_s_own_user_may_kill_it(site: Any, braind: Callable, people: dict[str, Any]) -> None:
    child = braind(people["braind"])
    ran = site.ctl("kill", ids=people["braind"])
    assert (ran.code, child.wait(5)) == (69, -signal.SIGKILL)
    assert site.veto.veto == 0  # not an operator
    assert "Permission denied" in ran.out


def test_root_may_do_everything(site: Any, braind: Callable, people: dict[str, Any]) -> None:
    child = braind(people["braind"])
    assert site.ctl("kill").code == 69
    assert child.wait(5) == -signal.SIGKILL


def test_a_stranger_can_do_nothing_and_is_told_so(
    site: Any, braind: Callable, people: dict[str, Any]
) -> None:
    child = braind(people["braind"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(site.socket))
        listener.listen(8)
        site.socket.chmod(0o660)
        ran = site.ctl("kill", ids=people["stranger"])
    assert ran.code == 77
    assert site.veto.veto == 0
    assert _alive(child)


def _command_path() -> str:
    return str(Path(sys.executable).with_name("watchd"))


def _command(site: Any) -> list[str]:
    return [_command_path(), *site.arguments("kill")]


def _await_veto(site: Any) -> None:
    deadline = time.monotonic() + 20
    while not site.veto.veto:
        assert time.monotonic() < deadline, "the veto was never set"
        time.sleep(0.001)


def _fill(stack: ExitStack, site: Any) -> None:
    """Connects until nobody can any more."""
    for _ in range(100):
        waiting = stack.enter_context(
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        )
        try:
            waiting.connect(str(site.socket))
        except BlockingIOError:
            return
    pytest.fail("a backlog of 0 takes 100 connections")
