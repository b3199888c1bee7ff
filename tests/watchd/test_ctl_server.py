"""The socket of `watchd ctl`: whoever connects and however badly, it answers others and never waits."""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from watchd import ctl_server
from watchd.ctl_protocol import Request, done
from watchd.ctl_server import CLIENTS_MAX, CtlServer


@pytest.fixture
def refusals() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def server(tmp_path: Path, refusals: list[dict[str, Any]]) -> Iterator[CtlServer]:
    made = CtlServer(tmp_path / "ctl.sock", refused_hook=lambda fields: refusals.append(dict(fields)))
    yield made
    made.close()


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[], socket.socket]]:
    with ExitStack() as stack:

        def connected() -> socket.socket:
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            client.settimeout(5)
            client.connect(str(tmp_path / "ctl.sock"))
            return client

        yield connected


def _request(verb: str = "status", **more: Any) -> bytes:
    return json.dumps({"version": 1, "verb": verb, **more}).encode()


def _poll(server: CtlServer, count: int = 1) -> list[Request]:
    """Polls as the monitor does, until `count` requests are there."""
    requests: list[Request] = []
    while len(requests) < count:
        assert select.select([server.fileno()], [], [], 5)[0], f"only {requests}"
        requests += server.poll()
    return requests


def _answered(client: socket.socket) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(client.recv(1 << 16))
    return answer


def test_a_request_comes_in_and_its_answer_goes_out(server: CtlServer, connect: Callable) -> None:
    client = connect()
    client.send(_request("kill", by="ada", reason="drill"))
    (request,) = _poll(server)
    assert (request.verb, request.by, request.reason) == ("kill", "ada", "drill")
    assert (request.uid, request.gid, request.pid) == (os.getuid(), os.getgid(), os.getpid())
    server.answer(request.ticket, done("killed", epoch=7))
    assert _answered(client) == {"ok": True, "code": "done", "text": "killed", "epoch": 7}


def test_it_is_readable_only_when_there_is_something_to_do(server: CtlServer, connect: Callable) -> None:
    def ready() -> bool:
        return bool(select.select([server.fileno()], [], [], 0)[0])

    assert not ready()
    client = connect()
    assert ready()
    server.poll()
    client.send(_request())
    assert ready()
    (request,) = server.poll()
    client.send(_request())  # not before the first is answered
    assert not ready()
    server.answer(request.ticket, done("fine"))
    assert ready()


def test_one_connection_may_ask_again_and_again(server: CtlServer, connect: Callable) -> None:
    client = connect()
    for number in range(3):
        client.send(_request(reason=str(number)))
        (request,) = _poll(server)
        server.answer(request.ticket, done(request.reason))
        assert _answered(client)["text"] == str(number)


def test_forty_clients_at_once_are_all_answered(server: CtlServer, connect: Callable) -> None:
    for _ in range(3):
        clients = [connect() for _ in range(40)]
        for number, client in enumerate(clients):
            client.send(_request(reason=str(number)))
        answered = 0
        while select.select([server.fileno()], [], [], 0)[0]:
            requests = server.poll()
            assert server.clients <= CLIENTS_MAX
            for request in requests:
                server.answer(request.ticket, done(request.reason))
                answered += 1
        assert answered == 40
        assert [_answered(client)["text"] for client in clients] == [str(n) for n in range(40)]


def test_forgotten_connections_do_not_keep_a_kill_out(server: CtlServer, connect: Callable) -> None:
    idle = [connect() for _ in range(CLIENTS_MAX)]
    for _ in range(5):
        server.poll()
    assert server.clients == CLIENTS_MAX
    client = connect()
    client.send(_request("kill"))
    (request,) = _poll(server)
    server.answer(request.ticket, done("killed"))
    assert _answered(client)["code"] == "done"
    assert idle[0].recv(1) == b""  # the one that was idle longest made room
    assert server.clients == CLIENTS_MAX


def test_unanswered_ones_do_not_keep_a_kill_out_either(server: CtlServer, connect: Callable) -> None:
    clients = [connect() for _ in range(CLIENTS_MAX)]
    for client in clients:
        client.send(_request("arm", by="ops"))
    asked = _poll(server, CLIENTS_MAX)
    killer = connect()
    killer.send(_request("kill"))
    (request,) = _poll(server)
    for each in [*asked, request]:
        server.answer(each.ticket, done("so be it"))
    assert _answered(killer)["code"] == "done"


def test_a_kill_counts_although_its_sender_is_gone(server: CtlServer, connect: Callable) -> None:
    client = connect()
    client.send(_request("kill"))
    client.close()
    (request,) = _poll(server)
    assert request.verb == "kill"
    server.poll()
    assert server.clients == 0
    server.answer(request.ticket, done("killed"))
    assert not select.select([server.fileno()], [], [], 0)[0]


def test_a_kill_behind_an_unanswered_request_counts_when_its_sender_hangs_up(
    server: CtlServer, connect: Callable
) -> None:
    client = connect()
    client.send(_request("status"))
    _poll(server)
    client.send(_request("kill"))
    client.close()
    (request,) = _poll(server)
    assert request.verb == "kill"


def test_a_client_that_hangs_up_while_it_waits_leaves_nothing(server: CtlServer, connect: Callable) -> None:
    client = connect()
    client.send(_request())
    (request,) = _poll(server)
    client.close()
    server.poll()
    assert server.clients == 0
    server.answer(request.ticket, done("too late"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "not JSON"),
        (b"\x00\xff" * 100, "not JSON"),
        (_request("explode"), "verb"),
        (b"x" * (1 << 16), "not JSON"),
        (b"x" * ((1 << 16) + 1), "longer than 65536 bytes"),
        (b"x" * 150_000, "longer than 65536 bytes"),
    ],
)
def test_garbage_is_answered_and_the_next_request_is_heard(
    server: CtlServer, connect: Callable, data: bytes, said: str
) -> None:
    client = connect()
    client.send(data)
    assert server.poll() == []
    answer = _answered(client)
    assert (answer["code"], said in answer["text"]) == ("bad_request", True)
    client.send(_request("kill"))
    assert _poll(server)[0].verb == "kill"


def test_a_client_that_never_reads_is_dropped_and_costs_no_time(server: CtlServer, connect: Callable) -> None:
    client = connect()
    longest = 0.0
    for _ in range(2000):
        with suppress(OSError):
            client.send(b"garbage", socket.MSG_DONTWAIT)
        start = time.perf_counter()
        server.poll()
        longest = max(longest, time.perf_counter() - start)
        if server.clients == 0:
            break
    assert server.clients == 0
    print(f"longest poll: {longest * 1e3:.3f} ms")
    assert longest < 2.0  # a poll that waits for it does not come back; a busy machine takes time slices


def test_a_big_answer_to_one_that_never_reads_does_not_block(server: CtlServer, connect: Callable) -> None:
    client = connect()
    for _ in range(10):
        with suppress(OSError):
            client.send(_request())
        for request in server.poll():
            server.answer(request.ticket, done("x", filler="y" * 60_000))
    assert server.clients == 0


def test_a_flood_is_worked_off_in_bounded_portions(server: CtlServer, connect: Callable) -> None:
    clients = [connect() for _ in range(30)]
    for client in clients:
        for _ in range(5):
            client.send(_request())
    assert max(len(server.poll()) for _ in range(3)) <= CLIENTS_MAX + ctl_server.ACCEPTED_PER_POLL_MAX


def _use_up_descriptors(stack: ExitStack) -> None:
    """No descriptor is free until `stack` is closed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(highest + 32, soft), hard))
    with suppress(OSError):
        while True:
            stack.callback(os.close, os.open("/dev/null", os.O_RDONLY))


def test_without_a_free_descriptor_an_idle_client_makes_room(server: CtlServer, connect: Callable) -> None:
    idle = connect()
    server.poll()
    client = connect()
    client.send(_request("kill"))
    with ExitStack() as stack:
        _use_up_descriptors(stack)
        requests = server.poll()
    assert [request.verb for request in requests] == ["kill"]
    assert idle.recv(1) == b""


def test_without_any_descriptor_who_connects_is_hung_up_on(server: CtlServer, connect: Callable) -> None:
    client = connect()
    with ExitStack() as stack:
        _use_up_descriptors(stack)
        assert server.poll() == []
        assert client.recv(1) == b""
    later = connect()
    later.send(_request())
    assert len(_poll(server)) == 1


def test_a_dead_watchd_s_socket_is_replaced(tmp_path: Path, connect: Callable) -> None:
    CtlServer(tmp_path / "ctl.sock")  # never closed: as a killed one leaves it
    successor = CtlServer(tmp_path / "ctl.sock")
    client = connect()
    client.send(_request())
    assert len(_poll(successor)) == 1
    successor.close()


def test_close_takes_the_socket_file_along_but_not_a_successor_s(tmp_path: Path) -> None:
    first = CtlServer(tmp_path / "ctl.sock")
    second = CtlServer(tmp_path / "ctl.sock")
    first.close()
    assert (tmp_path / "ctl.sock").is_socket()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_group_and_a_missing_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'watchd\.operators_group.*"no-such-group"'):
        CtlServer(tmp_path / "ctl.sock", "no-such-group")
    with pytest.raises(FileNotFoundError, match=r"absent/ctl\.sock"):
        CtlServer(tmp_path / "absent" / "ctl.sock")


def test_a_flood_of_refusals_is_told_ten_times_a_second_and_counted(
    server: CtlServer, connect: Callable, refusals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctl_server, "is_operator", lambda _peer, _gid: False)
    now = 100.0
    monkeypatch.setattr(ctl_server.time, "monotonic", lambda: now)
    client = connect()
    for _ in range(25):
        client.send(_request("kill"))
        server.poll()
    assert len(refusals) == 10
    now = 101.0
    client.send(_request("kill"))
    server.poll()
    assert refusals[-1]["not_told_before"] == 15
