"""`watchd ctl tail` and `report`: files of watchd's, read while it writes them."""

from __future__ import annotations

import inspect
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from watchd import killing
from watchd.ctl.report import STEPS, render
from watchd.ctl.tail import line_of
from watchd.event_journal import EventJournal, stamped

REPORT = {
    "reason": "loop_silent",
    "detail": "brain made no round for 31.2 ms",
    "by": "watchd",
    "uid": 990,
    "at": "2026-11-24T07:00:00.000000Z",
    "epoch": 41,
    "open_orders": 0,
    "steps_us": {"braind_signalled": 4, "braind_dead": 910, "drain_deadline": 2_000_000, "novel_step": 7},
}


def _journal(site: Any, count: int, bytes_max: int = 1 << 20) -> EventJournal:
    journal = EventJournal(site.state_directory, bytes_max)
    for number in range(count):
        journal.append(stamped("tick", {"number": number}), durable=False)
    return journal


def test_the_last_twenty_events_a_line_each(site: Any) -> None:
    _journal(site, 30)
    ran = site.ctl("tail")
    assert ran.code == 0
    assert [line.split()[-1] for line in ran.out.splitlines()] == [f"number={n}" for n in range(10, 30)]


def test_as_many_as_asked_for_as_json(site: Any) -> None:
    _journal(site, 30)
    ran = site.ctl("tail", "-n", "3", "--json")
    assert [json.loads(line)["number"] for line in ran.out.splitlines()] == [27, 28, 29]


def test_a_line_is_time_event_and_fields() -> None:
    event = {"ts_ns": 1, "at": "2026-11-24T07:00:00.000123Z", "event": "killed", "reason": "loop_silent"}
    more = {"detail": "no round for 31 ms", "epoch": 7, "orders": None, "odd": "a\x1bb\nc", "empty": ""}
    assert line_of(event | more) == (
        "2026-11-24 07:00:00.000123  killed  reason=loop_silent "
        'detail="no round for 31 ms" epoch=7 orders=null odd="a b c" empty=""'
    )


def test_it_follows_over_rotations(site: Any) -> None:
    journal = _journal(site, 1, bytes_max=600)
    command = [str(Path(sys.executable).with_name("watchd")), *site.arguments("tail", "-f", "-n", "5")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().endswith("number=0\n")
        for number in range(1, 40):
            journal.append(stamped("tick", {"number": number}), durable=False)
            assert child.stdout.readline().endswith(f"number={number}\n")
        child.send_signal(signal.SIGINT)
        try:
            assert child.wait(10) == 0
        finally:
            child.kill()


def test_following_ends_when_its_reader_has_gone(site: Any) -> None:
    journal = _journal(site, 1)
    command = [str(Path(sys.executable).with_name("watchd")), *site.arguments("tail", "-f")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        deadline = time.monotonic() + 20
        while child.poll() is None and time.monotonic() < deadline:
            journal.append(stamped("tick", {"number": 1}), durable=False)
            time.sleep(0.05)
        assert child.returncode == 0
        child.kill()


def test_no_journal_is_told(site: Any) -> None:
    ran = site.ctl("tail")
    assert (ran.code, "there are no events" in ran.err) == (1, True)


@pytest.mark.parametrize("verb", ["tail", "report"])
def test_who_may_not_read_is_told(site: Any, people: dict[str, Any], verb: str) -> None:
    _journal(site, 1)
    (site.state_directory / "last_kill.json").write_text("{}", encoding="ascii")
    site.state_directory.chmod(0o750)
    ran = site.ctl(verb, ids=people["stranger"])
    assert ran.code == 77
    assert "docs/RUNBOOK.md#not-permitted" in ran.err


def test_the_report_shows_the_steps_with_their_times(site: Any) -> None:
    (site.state_directory / "last_kill.json").write_text(json.dumps(REPORT), encoding="utf-8")
    shown, raw = site.ctl("report"), site.ctl("report", "--json")
    assert (shown.code, raw.code, raw.json) == (0, 0, REPORT)
    assert shown.out.splitlines() == [
        "killed: loop_silent: brain made no round for 31.2 ms",
        "  by watchd, at 2026-11-24T07:00:00.000000Z, epoch 41",
        "       0.000 ms  fence closed",
        "       0.004 ms  SIGKILL sent to braind",
        "       0.910 ms  braind is dead",
        "    2000.000 ms  NOT WELL: the gateway did not confirm in time: rely on cancel-on-disconnect",
        "       0.007 ms  novel_step",
        "  uid: 990",
        "  open_orders: 0",
        "→ docs/RUNBOOK.md#loop_silent",
    ]


ORDERS = {
    "open_at_kill": 5, "cancelled": 5, "last_cancel_ms": 12.5, "drained_ms": 13.0, "sent_after_fence": 0,
    "in_window": [{"order_id": 77, "instrument_id": 3, "venue_token": 9}],
    "cancel_on_disconnect_relied_on": False, "feedd_died_by_itself": False, "open_when_feedd_died": None,
    "positions": [{"instrument_id": 7, "symbol": "AAPL", "position": -100, "mark_price": 98.99}],
}  # fmt: skip


def test_the_report_shows_what_became_of_the_orders() -> None:
    shown = render(REPORT | ORDERS)
    assert "  open_at_kill: 5\n  cancelled: 5\n  last_cancel_ms: 12.5" in shown
    assert (
        "  sent while the fence was closing, cancelled at once: order_id 77, instrument_id 3, venue_token 9"
        in shown
    )
    assert "  position AAPL: -100 at 98.99" in shown
    assert shown.count("NOT WELL") == 1, "only the drain's deadline of the steps"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sent_after_fence": 2}, "NOT WELL: 2 orders were sent after the fence was closed"),
        ({"cancel_on_disconnect_relied_on": True}, "NOT WELL: what was open is left to the venue's"),
        ({"cancel_on_disconnect_relied_on": None}, "NOT KNOWN: whether orders were open"),
        (
            {"feedd_died_by_itself": True, "open_when_feedd_died": 4},
            "feedd died by itself, 4 orders were open",
        ),
        ({"feedd_died_by_itself": True}, "feedd died by itself, an unknown number of orders were open"),
    ],
)
def test_what_a_person_must_act_on_is_in_words(changed: dict[str, Any], said: str) -> None:
    assert said in render(REPORT | ORDERS | changed)


def test_every_step_of_a_kill_has_its_words() -> None:
    source = inspect.getsource(killing)
    fixed = set(re.findall(r'_note\("(\w+)"', source))
    made = {
        f"{name}_{what}" for name in ("braind", "feedd") for what in re.findall(r'\{name\}_(\w+)"', source)
    }
    assert fixed | made == set(STEPS)


def test_a_report_without_its_parts_is_shown_all_the_same() -> None:
    assert render({}).startswith("killed: unknown")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no kill yet"), (b"{", "can not be read"), (b"[]", "damaged")]
)
def test_a_report_that_is_not_there_or_damaged_is_told(site: Any, content: bytes | None, said: str) -> None:
    if content is not None:
        (site.state_directory / "last_kill.json").write_bytes(content)
    ran = site.ctl("report")
    assert (ran.code, said in ran.err) == (1, True)
