"""Alerts: every way a hook can misbehave is an event, within its time-out, and nobody waits."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from watchd.alert import HOOKS_AT_ONCE_MAX, Alert, AlertConfigError, webhook_address

DOCUMENT = {"reason": "loop_silent", "by": "watchd", "at": "2026-11-24T07:00:00.000000Z", "open_orders": None}
SECRET = "T0/B1/s3cr3t"  # noqa: S105 (a made-up path of a webhook)


class Outcomes:
    """What hooks tell, from whichever thread."""

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()

    def __call__(self, name: str, fields: Mapping[str, Any]) -> None:
        self._told.put((name, dict(fields)))

    def next(self) -> tuple[str, dict[str, Any]]:
        return self._told.get(timeout=20)


def _script(directory: Path, text: str) -> tuple[str, ...]:
    path = directory / "hook.sh"
    path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return (str(path), str(directory))


def _run(command: tuple[str, ...], timeout_s: float = 10.0) -> tuple[str, dict[str, Any]]:
    outcomes = Outcomes()
    Alert(command, "", timeout_s).send(DOCUMENT, outcomes)
    return outcomes.next()


def test_the_command_reads_the_document(tmp_path: Path) -> None:
    name, fields = _run(_script(tmp_path, 'cat > "$1/read"'))
    assert (name, fields["hook"]) == ("alert_sent", "command")
    assert json.loads((tmp_path / "read").read_bytes()) == DOCUMENT


def test_without_hooks_nothing_happens() -> None:
    Alert((), "", 5.0).send(DOCUMENT, lambda *_told: pytest.fail("a hook ran"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exit 3", "exit code 3"),
        ("echo no such pager >&2; exit 1", "exit code 1: no such pager"),
        ("kill -SEGV $$", "ended by signal 11"),
    ],
)
def test_a_command_that_fails_says_how(tmp_path: Path, text: str, said: str) -> None:
    name, fields = _run(_script(tmp_path, text))
    assert (name, fields["error"]) == ("alert_failed", said)


def test_a_command_that_does_not_exist_or_may_not_run_is_told(tmp_path: Path) -> None:
    assert "No such file" in _run((str(tmp_path / "absent"),))[1]["error"]
    (tmp_path / "plain").write_text("", encoding="utf-8")
    assert "Permission denied" in _run((str(tmp_path / "plain"),))[1]["error"]


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    start = time.monotonic()
    name, fields = _run(
        _script(tmp_path, 'trap "" TERM; sleep 600 & echo $! > "$1/pid"; wait'), timeout_s=3.0
    )
    assert time.monotonic() - start < 10
    assert (name, fields["error"]) == ("alert_failed", "killed: did not end in time")
    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.01)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] != "Z"
    return False


def test_a_command_that_leaves_a_child_with_its_output_behind_is_not_waited_for(tmp_path: Path) -> None:
    name, _ = _run(_script(tmp_path, 'sleep 600 & echo $! > "$1/pid"'))
    assert name == "alert_sent"
    os.kill(int((tmp_path / "pid").read_text(encoding="ascii")), signal.SIGKILL)


@pytest.mark.parametrize("where", ["1", "2"])
def test_a_command_that_floods_costs_it_its_own_time(tmp_path: Path, where: str) -> None:
    processor_s = time.process_time()
    name, fields = _run(_script(tmp_path, f"exec yes flood >&{where}"), timeout_s=1.0)
    assert name == "alert_failed"
    assert fields["error"].startswith("killed: did not end in time")
    assert len(fields["error"]) < 500
    assert time.process_time() - processor_s < 0.5


def test_a_command_that_ignores_its_input_succeeds(tmp_path: Path) -> None:
    outcomes = Outcomes()
    Alert(_script(tmp_path, "exec <&-; exit 0"), "", 10.0).send({"filler": "x" * 1_000_000}, outcomes)
    assert outcomes.next()[0] == "alert_sent"


def test_the_command_inherits_nothing_of_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("HFT_TEST_KEPT", "kept")
    report = (
        'ls /proc/self/fd | tr "\\n" " " > "$1/fd"; grep -E "^(Sig(Blk|Ign)|CapAmb)" /proc/self/status > "$1/status";'
        'chrt -p $$ > "$1/policy"; env > "$1/env"; cut -d" " -f6 /proc/$$/stat > "$1/session"; echo $$ > "$1/pid"'
    )
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    ignored = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        assert _run(_script(tmp_path, report))[0] == "alert_sent"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGUSR2, ignored)
        os.close(leaked)
    told = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert told["fd"].split() == ["0", "1", "2", "3"]  # 3: ls's own view of the directory
    words = dict(line.split(":\t") for line in told["status"].splitlines())
    glibc_s_own = 0b11 << 31  # 32 and 33, which its posix_spawn leaves ignored
    assert {name: int(value, 16) & ~glibc_s_own for name, value in words.items()} == {
        "SigBlk": 0,
        "SigIgn": 0,
        "CapAmb": 0,
    }
    assert "SCHED_OTHER" in told["policy"]
    assert told["session"] == told["pid"]
    assert "HFT_TEST_KEPT=kept" in told["env"]
    assert "NOTIFY_SOCKET" not in told["env"]


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root has real-time priority")
def test_the_command_of_a_real_time_daemon_has_normal_priority(tmp_path: Path) -> None:
    outcomes = Outcomes()

    def real_time() -> None:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))

    Alert(_script(tmp_path, 'chrt -p $$ > "$1/policy"'), "", 10.0, real_time).send(DOCUMENT, outcomes)
    assert outcomes.next()[0] == "alert_sent"
    assert "SCHED_OTHER" in (tmp_path / "policy").read_text(encoding="ascii")


def test_sending_never_waits_and_hooks_are_bounded(tmp_path: Path) -> None:
    outcomes = Outcomes()
    alert = Alert(_script(tmp_path, "sleep 600"), "", 4.0)  # all are begun before the first is given up
    start = time.perf_counter()
    for _ in range(HOOKS_AT_ONCE_MAX + 5):
        alert.send(DOCUMENT, outcomes)
    took = time.perf_counter() - start
    errors = [outcomes.next()[1]["error"] for _ in range(HOOKS_AT_ONCE_MAX + 5)]
    assert errors[:5] == ["8 hooks run already"] * 5
    assert errors[5:] == ["killed: did not end in time"] * HOOKS_AT_ONCE_MAX
    assert took < 1.0
    assert (alert.counts().failed, alert.counts().running) == (HOOKS_AT_ONCE_MAX + 5, 0)


def test_sending_does_not_wait_for_a_thread_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = Outcomes()
    alert = Alert(_script(tmp_path, "exit 0"), "", 10.0)
    real = threading.Thread.start

    def starved(thread: threading.Thread) -> None:
        time.sleep(1.0)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", starved)
    start = time.perf_counter()
    alert.send(DOCUMENT, outcomes)
    assert time.perf_counter() - start < 0.5
    assert outcomes.next()[0] == "alert_sent"


def _no_more_threads(_thread: threading.Thread) -> None:
    raise RuntimeError("no more threads")


def test_a_machine_without_threads_to_spare_is_a_failed_alert_and_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = Outcomes()
    alert = Alert(_script(tmp_path, "exit 0"), "", 10.0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_more_threads)
        alert.send(DOCUMENT, outcomes)
        assert outcomes.next() == (
            "alert_failed",
            {"hook": "command", "took_ms": 0.0, "error": "no more threads"},
        )
    alert.send(DOCUMENT, outcomes)
    assert outcomes.next()[0] == "alert_sent"
    assert (alert.counts().sent, alert.counts().failed) == (1, 1)


class Receiver(BaseHTTPRequestHandler):
    """Answers as its path's first word says."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        how = self.path.split("/")[1]
        if how == "hang":
            self.server.ended.wait(20)  # type: ignore[attr-defined]
        elif how == "drip":
            with suppress(OSError):
                while not self.server.ended.wait(0.1):  # type: ignore[attr-defined]
                    self.wfile.write(b"H")
        elif how == "moved":
            self.send_response(302)
            self.send_header("Location", "/ok")
            self.end_headers()
        else:
            self.send_response(int(how) if how.isdecimal() else 200)
            self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.posts, server.ended = [], threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.ended.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def post(receiver: ThreadingHTTPServer) -> Callable[..., tuple[str, dict[str, Any]]]:
    def posted(path: str, timeout_s: float = 10.0) -> tuple[str, dict[str, Any]]:
        outcomes = Outcomes()
        Alert((), f"http://127.0.0.1:{receiver.server_port}{path}", timeout_s).send(DOCUMENT, outcomes)
        return outcomes.next()

    return posted


def test_the_webhook_gets_the_document(post: Callable, receiver: Any) -> None:
    name, fields = post(f"/ok/{SECRET}")
    assert (name, fields["hook"]) == ("alert_sent", "webhook")
    ((path, headers, body),) = receiver.posts
    assert (path, headers["Content-Type"]) == (f"/ok/{SECRET}", "application/json")
    assert json.loads(body) == DOCUMENT


@pytest.mark.parametrize(
    ("how", "said"), [("500", "answered 500"), ("404", "answered 404"), ("moved", "answered 302")]
)
def test_a_webhook_that_refuses_or_moved_has_failed(post: Callable, how: str, said: str) -> None:
    name, fields = post(f"/{how}/{SECRET}")
    assert (name, fields["error"]) == ("alert_failed", f"http://127.0.0.1: {said}")


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_webhook_that_hangs_or_drips_ends_at_the_deadline(post: Callable, how: str) -> None:
    start = time.monotonic()
    name, fields = post(f"/{how}/{SECRET}", timeout_s=0.5)
    assert (name, fields["error"]) == ("alert_failed", "http://127.0.0.1: no answer in time")
    assert 0.4 < time.monotonic() - start < 5


def test_a_webhook_that_refuses_the_connection_has_failed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening
        outcomes = Outcomes()
        Alert((), f"http://127.0.0.1:{taken.getsockname()[1]}/{SECRET}", 5.0).send(DOCUMENT, outcomes)
        assert outcomes.next()[1]["error"] == "http://127.0.0.1: Connection refused"


def test_a_tls_handshake_that_hangs_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcomes = Outcomes()
        Alert((), f"https://127.0.0.1:{silent.getsockname()[1]}/{SECRET}", 0.5).send(DOCUMENT, outcomes)
        assert outcomes.next()[1]["error"] == "https://127.0.0.1: no answer in time"


def test_the_webhook_s_path_is_in_no_event_whatever_goes_wrong(post: Callable) -> None:
    told = [post(f"/{how}/{SECRET}", timeout_s=0.3) for how in ("ok", "500", "hang", "moved", "a b")]
    assert SECRET not in json.dumps(told)
    assert told[-1][0] == "alert_failed"  # http.client's own words would quote the address with the blank


def test_the_credential_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "alert_webhook").write_text("https://hooks.example/T0/B1\n", encoding="ascii")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert webhook_address("http://file.example/", environment) == "https://hooks.example/T0/B1"
    assert webhook_address("http://file.example/", {}) == "http://file.example/"
    (tmp_path / "alert_webhook").unlink()
    assert webhook_address("", environment) == ""


@pytest.mark.parametrize(
    "content", [b"", b"ftp://x/", b"https://", f"https://x/{SECRET} y".encode(), b"\xff"]
)
def test_a_credential_that_is_no_address_is_refused_without_being_shown(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "alert_webhook").write_bytes(content)
    with pytest.raises(AlertConfigError) as caught:
        webhook_address("", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert str(tmp_path / "alert_webhook") in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_bug_in_a_hook_is_a_failed_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    alert = Alert((sys.executable,), "", 5.0)
    monkeypatch.setitem(alert._hooks, "command", lambda *_: 1 // 0)
    outcomes = Outcomes()
    alert.send(DOCUMENT, outcomes)
    assert outcomes.next()[1]["error"] == "ZeroDivisionError"
