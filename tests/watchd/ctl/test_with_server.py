"""The command and watchd's own socket together: real people, real rights, nothing faked between them."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hft import _native
from watchd import ctl_server
from watchd.ctl_protocol import Answer, Request, already, done, refused
from watchd.ctl_server import CtlServer

ANSWERED = ("--timeout", "20")


class Served:
    """A server in a thread that answers as a small watchd would, until it is told to end."""

    def __init__(self, site: Any) -> None:
        self.requests: list[Request] = []
        self.refusals: list[dict[str, Any]] = []
        self._killed = False
        self._server = CtlServer(site.socket, "operators", lambda fields: self.refusals.append(dict(fields)))
        self._end_read, self._end = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while self._end_read not in select.select([self._server.fileno(), self._end_read], [], [])[0]:
            for request in self._server.poll():
                self.requests.append(request)
                self._server.answer(request.ticket, self._decide(request))

    def _decide(self, request: Request) -> Answer:
        if request.verb == "kill":
            before, self._killed = self._killed, True
            return (already if before else done)("killed")
        if request.verb == "arm" and self._killed:
            return refused("can not be armed", arm_blockers=["the state is killed"])
        return done(f"{request.verb}: {request.scope}")

    def close(self) -> None:
        os.write(self._end, b"x")
        self._thread.join()
        self._server.close()
        os.close(self._end_read)
        os.close(self._end)


@pytest.fixture
def served(site: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    operators = site.veto_path.stat().st_gid
    monkeypatch.setattr(ctl_server, "_gid_of", lambda _group: operators)
    server = Served(site)
    yield server
    server.close()


def test_a_kill_then_an_arm_that_is_refused(site: Any, served: Served) -> None:
    assert site.ctl("kill", "--by", "ada", *ANSWERED).code == 0
    assert site.ctl("kill", *ANSWERED).code == 0
    ran = site.ctl("arm", "--by", "ada")
    assert (ran.code, "the state is killed" in ran.out) == (1, True)
    assert [request.verb for request in served.requests] == ["kill", "kill", "arm"]
    assert served.requests[0].by == "ada"


def test_a_kill_of_one_pauses_it_and_cancels_what_it_has(site: Any, served: Served) -> None:
    ran = site.ctl("kill", "--strategy", "9", "--by", "ada", *ANSWERED)
    assert (ran.code, ran.out) == (0, "pause: strategy 9\ncancel-all: strategy 9\n")
    assert [(request.verb, request.by) for request in served.requests] == [
        ("pause", "ada"),
        ("cancel-all", "ada"),
    ]
    assert _native.read_operator_veto(str(site.veto_path))[0] == 0, "nobody else is stopped"


def test_a_kill_of_one_needs_watchd_and_says_what_does_not(site: Any) -> None:
    ran = site.ctl("kill", "--instrument", "9")
    assert (ran.code, "`watchd ctl kill` alone stops everything" in ran.out) == (69, True)
    assert _native.read_operator_veto(str(site.veto_path))[0] == 0


def test_scopes_arrive(site: Any, served: Served) -> None:
    for words, said in ((("--all",), "everything"), (("--instrument", "9"), "instrument 9")):
        assert site.ctl("resume", *words).out == f"resume: {said}\n"


def test_an_operator_may_and_is_named_by_the_kernel(
    site: Any, served: Served, people: dict[str, Any]
) -> None:
    for role in ("operator", "operator who may not read"):
        assert site.ctl("kill", "--by", "somebody else", *ANSWERED, ids=people[role]).code == 0
        request = served.requests[-1]
        assert (request.uid, request.user, request.by) == (
            people[role][0],
            str(people[role][0]),
            "somebody else",
        )


def test_a_stranger_may_not_and_it_is_recorded(site: Any, served: Served, people: dict[str, Any]) -> None:
    site.socket.chmod(0o666)  # as if the file's own rights had been opened
    ran = site.ctl("kill", *ANSWERED, ids=people["stranger"])
    assert ran.code == 77
    assert "not in the operators' group" in ran.out
    assert site.veto.veto == 0
    assert served.requests == []
    assert served.refusals[0]["uid"] == people["stranger"][0]
    assert site.ctl("status", *ANSWERED, ids=people["stranger"]).code == 0


def test_the_file_s_rights_keep_a_stranger_from_the_socket(
    site: Any, served: Served, people: dict[str, Any]
) -> None:
    assert site.ctl("status", ids=people["stranger"]).code == 77
    assert site.ctl("status", *ANSWERED, ids=people["operator"]).code == 0
    assert served.refusals == []
