"""What DESIGN 5 says a kill looks like from outside, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from suite import Suite, wait_until

from hft.layout.dtypes import ORDER_UPDATE, CloseReason, RegionKind, UpdateKind
from hft.regions import Region, RingReader
from watchd.states import SuiteState

RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "RUNBOOK.md"


def check_killed(
    suite: Suite,
    reason: CloseReason,
    detail: str = "",
    *,
    dead: Sequence[str] = ("braind",),
    alive: Sequence[str] = ("feedd", "watchd"),
    by: str = "watchd",
) -> None:
    """Waits for the kill to be over, and looks at everything it leaves behind."""
    suite.wait_for_state("killed")
    wait_until(lambda: not any(suite.alive(name) for name in dead), f"{dead} are dead")
    assert [name for name in alive if not suite.alive(name)] == []
    page = suite.fence()
    assert (page["token"], page["lease_deadline_ns"], page["reason"]) == (0, 0, int(reason))
    check_nothing_passed_since_closing(suite)
    name = reason.name.lower()
    wait_until(lambda: suite.status()["state_durable"], "the state is on the disk")
    record, report = suite.record(), suite.report()
    assert (record.state, record.reason, record.by) == (SuiteState.KILLED, name, by)
    assert record.detail.startswith(detail), record.detail
    assert (report["reason"], report["detail"], report["epoch"]) == (name, record.detail, record.epoch)
    assert report["open_orders"] in (0, None)
    check_runbook(suite, name)


def check_runbook(suite: Suite, reason: str) -> None:
    """`watchd ctl report` sends the reader to the reason's entry, which is there."""
    assert f"docs/RUNBOOK.md#{reason}" in suite.ctl("report").stdout
    if RUNBOOK.exists():
        anchors = [
            line.lstrip("# ").strip().strip("`")
            for line in RUNBOOK.read_text().splitlines()
            if line.startswith("#")
        ]
        assert reason in anchors, f"docs/RUNBOOK.md has no entry {reason}"


def check_nothing_passed_since_closing(suite: Suite) -> None:
    """No order would have been sent once the fence was shut: the stamp that the gateway's own count goes by.

    At `closed_ts_ns` the token is still there, and orders may pass.
    """
    check_nothing_passed_since(suite, suite.fence()["shut_ts_ns"])


def check_nothing_passed_since(suite: Suite, shut_ns: int) -> None:
    """No order would have been sent after that moment, but for the one that was on its way in it, and says so."""
    orders = sent_orders(suite)
    late = orders[orders["publish_ts_ns"] > shut_ns]
    known = int(np.count_nonzero(late["in_window"]))
    assert (len(late) - known, known) in ((0, 0), (0, 1)), f"{len(late)} passed the shut fence, {known} known"


def sent_orders(suite: Suite) -> np.ndarray:
    """The updates that are still in the ring and say WOULD_SEND."""
    updates = updates_of(suite)
    return updates[updates["kind"] == int(UpdateKind.WOULD_SEND)]


def updates_of(suite: Suite) -> np.ndarray:
    """What is still in updates.ring, but for its oldest eighth: that may be overwritten while it is read."""
    ring = Region.open(str(suite.run / "feedd/updates.ring"), int(RegionKind.UPDATES_RING))
    reader, records = RingReader(ring, 0), ring.records(ORDER_UPDATE)
    reader.seek(max(0, reader.head - ring.capacity_records * 7 // 8))
    parts = []
    while count := reader.poll(4096):
        batch = records[reader.start : reader.start + count].copy()
        if reader.validate():
            parts.append(batch)
        reader.advance(count)
    return np.concatenate(parts) if parts else np.zeros(0, ORDER_UPDATE)
