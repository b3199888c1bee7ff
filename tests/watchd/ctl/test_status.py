"""`watchd ctl status`: what a person reads first, with watchd and without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hft.layout.dtypes import CloseReason, LoopState, RegionKind, dtype
from hft.regions import DaemonLock, FenceWriter, ProgressWriter, Region, fence_token, monotonic_ns
from watchd.ctl.status_text import render
from watchd.state_file import Paused, StateFile, StateRecord
from watchd.states import SuiteState

LOOP = {
    "name": "market",
    "state": "READY",
    "iterations": 1_234_567,
    "consumed": 99,
    "produced": 98,
    "lag": 0,
    "silent_ms": 0.04,
    "heartbeat_age_ms": 9.6,
}
ARMED: dict[str, Any] = {
    "ok": True,
    "code": "done",
    "text": "armed",
    "state": "armed",
    "reason": "",
    "detail": "",
    "by": "ada",
    "at": "2026-11-24T07:00:00Z",
    "epoch": 41,
    "fence": {"open": True, "reason": "none", "lease_remaining_ms": 93.2, "closed_for_ms": None},
    "pauses": {"all": False, "instruments": [7, 9], "strategies": []},
    "daemons": {
        "feedd": {
            "registered": True,
            "pid": 4242,
            "alive": True,
            "loops": [LOOP, LOOP | {"name": "gateway"}],
        },
        "braind": {
            "registered": True,
            "pid": 4243,
            "alive": True,
            "loops": [LOOP | {"name": "brain", "lag": 3}],
        },
    },
    "gateway": {
        "open_orders": 0,
        "intents_would_send": 17,
        "intents_refused": 3,
        "drained": 40,
        "reconciled": 1,
    },
    "vetoes": {"operator": "none", "braind": "none", "feedd": "none"},
    "watchd": {"pid": 77, "passes": 12345, "longest_stall_ms": 1.25, "passes_late": 2},
    "alerts": {"sent": 1, "failed": 0, "last_error": ""},
    "state_durable": True,
    "arm_blockers": [],
}
KILLED = ARMED | {
    "state": "killed",
    "reason": "loop_silent",
    "detail": "brain made no round for 31.2 ms (deadline 30 ms)",
    "by": "watchd",
    "fence": {"open": False, "reason": "loop_silent", "closed_for_ms": 12_345},
}


COUNTS = "rounds 1,234,567  consumed 99  produced 98"


def _lines(document: dict[str, Any]) -> list[str]:
    return render(document, colours=False).splitlines()


def test_an_armed_suite_in_full() -> None:
    assert _lines(ARMED) == [
        "armed",
        "         by ada, at 2026-11-24T07:00:00Z, epoch 41",
        "fence    open, lease for 93.2 ms",
        "vetoes   none",
        "pauses   instruments 7, 9",
        "gateway  open orders 0, would send 17, refused 3, drained epoch 40, reconciled",
        "feedd    pid 4242",
        f"         market   READY  {COUNTS}  lag 0  silent 0.0 ms  heartbeat 9.6 ms",
        f"         gateway  READY  {COUNTS}  lag 0  silent 0.0 ms  heartbeat 9.6 ms",
        "braind   pid 4243",
        f"         brain    READY  {COUNTS}  lag 3  silent 0.0 ms  heartbeat 9.6 ms",
        "watchd   pid 77, 12,345 passes, 2 late, longest stall 1.2 ms",
        "alerts   sent 1, failed 0",
    ]


def test_a_killed_suite_says_why_and_what_to_do() -> None:
    lines = _lines(KILLED)
    assert lines[0] == "killed: loop_silent: brain made no round for 31.2 ms (deadline 30 ms)"
    assert "fence    closed for 12.3 s (loop_silent)" in lines
    assert lines[-1] == "→ docs/RUNBOOK.md#loop_silent; then: watchd ctl clear --by NAME --reason TEXT"


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({"state": "disarmed"}, "next: watchd ctl arm --by NAME"),
        ({"state": "disarmed", "arm_blockers": ["braind is not READY"]}, "→ docs/RUNBOOK.md#arm-blockers"),
        ({"state": "disarming"}, "disarming: look again in a moment"),
        ({"watchd": None}, "→ docs/RUNBOOK.md#watchd-does-not-answer; to stop all the same: watchd ctl kill"),
    ],
)
def test_the_last_line_is_what_to_do_next(changes: dict[str, Any], last: str) -> None:
    assert _lines(ARMED | changes)[-1] == last


def test_what_stands_in_the_way_is_shown() -> None:
    lines = _lines(
        ARMED
        | {
            "state": "disarmed",
            "arm_blockers": ["braind is not READY", "the operator's veto is set"],
            "vetoes": {"operator": "operator", "braind": None, "feedd": "none"},
            "state_durable": False,
            "daemons": {"feedd": None, "braind": {"registered": True, "pid": 5, "alive": False, "loops": []}},
            "pauses": {"all": True, "instruments": list(range(100)), "strategies": [1]},
        }
    )
    assert "vetoes   operator (operator)" in lines
    assert "feedd    not seen" in lines
    assert "braind   pid 5, NOT alive" in lines
    assert "pauses   everything; instruments 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 90 more; strategies 1" in lines
    assert "arming   blocked: braind is not READY" in lines
    assert "         blocked: the operator's veto is set" in lines
    assert any("docs/RUNBOOK.md#state-not-durable" in line for line in lines)


@pytest.mark.parametrize("missing", [*ARMED])
def test_a_document_without_a_part_is_shown_all_the_same(missing: str) -> None:
    assert _lines({name: value for name, value in ARMED.items() if name != missing})


ORDERS = {
    "venue": True, "venue_session": "up", "open_orders": 12, "unacknowledged": 1, "sent_after_close": 0,
    "limits_sequence": 3, "limits_taken": True,
    "counted": {"positions": 2, "marked_value": -1234.5, "disagreement": ""},
}  # fmt: skip


def test_orders_are_a_line_of_their_own() -> None:
    line = "orders   venue up, open 12, unacknowledged 1, positions 2, value -1,234.50, limits sequence 3"
    assert line in _lines(ARMED | {"orders": ORDERS})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"venue": False, "counted": None},
            "orders   no venue, open 12, unacknowledged 1, limits sequence 3",
        ),
        ({"limits_taken": False}, "limits sequence 3 (NOT taken by the gateway)"),
        ({"sent_after_close": 2}, "NOT WELL: 2 orders sent after the fence was closed"),
        ({"counted": {"disagreement": "they differ"}}, "NOT WELL: they differ"),
    ],
)
def test_what_is_wrong_with_orders_stands_out(changed: dict[str, Any], said: str) -> None:
    assert said in "\n".join(_lines(ARMED | {"orders": ORDERS | changed}))


def test_pauses_by_symbol_are_shown_with_it() -> None:
    paused = {"all": False, "instruments": [3, 7], "strategies": [], "symbols": {"AAPL": 7, "MSFT": 0}}
    lines = render(ARMED | {"pauses": paused}, colours=False).splitlines()
    assert "pauses   instruments 3, 7 (AAPL); not in the feed MSFT" in lines


def test_pauses_are_shown_under_either_name() -> None:
    document = {name: value for name, value in ARMED.items() if name != "pauses"} | {
        "paused": ARMED["pauses"]
    }
    assert _lines(document) == _lines(ARMED)


def test_colours_are_for_terminals_only() -> None:
    assert render(KILLED, colours=True).startswith("\x1b[31;1mkilled\x1b[0m: loop_silent")


def test_watchd_s_document_is_shown_and_is_the_json(site: Any, watchd: Callable) -> None:
    watchd(lambda _request: KILLED)
    shown, raw = site.ctl("status"), site.ctl("status", "--json")
    assert (shown.code, raw.code) == (0, 0)
    assert shown.out == render(KILLED, colours=False) + "\n"
    assert raw.json == json.loads(json.dumps(KILLED))


def test_without_watchd_memory_and_the_state_file_say_what_they_know(site: Any) -> None:
    StateFile(site.state_directory).save(
        StateRecord(
            SuiteState.ARMED, "", "", "ada", 1, "2026-11-24T07:00:00Z", 7, None, Paused(instruments=(9,))
        )
    )
    for name in ("watchd", "feedd", "braind"):
        (site.run_directory / name).mkdir()
    fence = Region.adopt(str(site.run_directory / "watchd/fence"), RegionKind.FENCE, dtype("Fence").itemsize)
    FenceWriter(fence).open(7, fence_token(7, 1, 1), monotonic_ns() + 10**12)
    FenceWriter(fence).close(CloseReason.LOOP_SILENT)
    progress = Region.create(
        str(site.run_directory / "braind/progress"), RegionKind.PROGRESS, 1, dtype("LoopProgress").itemsize
    )
    ProgressWriter(progress, 0).enter(LoopState.READY)
    ProgressWriter(progress, 0).round(11, 5, 2)
    with DaemonLock(str(site.run_directory / "braind")):
        ran = site.ctl("status", "--json")
    document = ran.json
    assert (ran.code, document["code"], document["ok"]) == (69, "no_answer", False)
    assert (document["state"], document["epoch"], document["pauses"]["instruments"]) == ("armed", 7, [9])
    assert (document["fence"]["open"], document["fence"]["reason"]) == (False, "loop_silent")
    assert document["fence"]["closed_for_ms"] >= 0
    assert document["vetoes"] == {"operator": "none", "braind": None, "feedd": None}
    (brain,) = document["daemons"]["braind"]["loops"]
    assert brain == {
        "name": "brain",
        "state": "READY",
        "iterations": 1,
        "consumed": 11,
        "produced": 5,
        "lag": 2,
    }
    assert document["daemons"]["braind"]["alive"]
    assert document["daemons"]["feedd"] is None
    assert any("feedd/progress: does not exist" in problem for problem in document["problems"])
    shown = site.ctl("status")
    assert shown.code == 69
    assert shown.out.splitlines()[-1].startswith("→ docs/RUNBOOK.md#watchd-does-not-answer")


def test_an_open_fence_whose_lease_has_lapsed_is_not_open(site: Any) -> None:
    (site.run_directory / "watchd").mkdir()
    fence = Region.adopt(str(site.run_directory / "watchd/fence"), RegionKind.FENCE, dtype("Fence").itemsize)
    FenceWriter(fence).open(7, fence_token(7, 1, 1), monotonic_ns() - 1)
    told = site.ctl("status", "--json").json["fence"]
    assert not told["open"]
    assert told["lease_remaining_ms"] < 0


def test_with_nothing_at_all_it_says_so(site: Any) -> None:
    ran = site.ctl("status")
    assert ran.code == 69
    assert ran.out.startswith("unknown")
    assert "state.json: does not exist" in ran.out
