"""Fault plans: seeded, per line, within their bounds."""

from __future__ import annotations

import numpy as np

from paperd.faults import (
    DUPLICATE,
    LOST,
    REORDERED,
    SENT,
    SILENCED,
    LineFaults,
    LinePlan,
    PacketDice,
    plan_line,
)

PACKETS = 20_000
DUE_NS = np.arange(PACKETS, dtype=np.int64) * 1_000_000


def planned(faults: LineFaults, seed: int = 1, line: int = 0) -> LinePlan:
    return plan_line(DUE_NS, faults, seed, line)


def share(plan: LinePlan, fate: int) -> float:
    return float(np.count_nonzero(plan.fate == fate) / PACKETS)


def test_without_faults_every_packet_leaves_once_in_order_on_time() -> None:
    plan = planned(LineFaults())
    assert np.array_equal(plan.packet, np.arange(PACKETS))
    assert np.array_equal(plan.due_ns, DUE_NS)
    assert np.all(plan.fate == SENT)


def test_each_fault_comes_at_its_rate() -> None:
    plan = planned(LineFaults(loss=0.05, duplicate=0.10, reorder=0.20))
    assert abs(share(plan, LOST) - 0.05) < 0.01
    assert abs(share(plan, DUPLICATE) - 0.10 * 0.95) < 0.01
    assert abs(share(plan, REORDERED) - 0.20 * 0.95) < 0.015


def test_the_same_seed_gives_the_same_plan_and_the_lines_differ() -> None:
    faults = LineFaults(loss=0.1, duplicate=0.1, reorder=0.1)
    first, again, other = planned(faults), planned(faults), planned(faults, line=1)
    assert np.array_equal(first.packet, again.packet)
    assert np.array_equal(first.fate, again.fate)
    assert not np.array_equal(first.fate[:1000], other.fate[:1000])


def test_every_packet_that_is_not_lost_leaves_at_least_once() -> None:
    plan = planned(LineFaults(loss=0.3, duplicate=0.3, reorder=0.3))
    left = set(plan.packet[plan.fate != LOST].tolist())
    assert left | set(plan.packet[plan.fate == LOST].tolist()) == set(range(PACKETS))
    assert not left & set(plan.packet[plan.fate == LOST].tolist())


def test_a_reordered_packet_is_passed_by_no_more_than_the_depth() -> None:
    plan = planned(LineFaults(reorder=0.2, reorder_depth=3))
    ahead = np.maximum.accumulate(plan.packet) - plan.packet
    assert ahead.max() == 3
    assert np.all(ahead[plan.fate == SENT] == 0) or ahead[plan.fate == SENT].max() <= 3


def test_due_times_never_fall_and_a_held_packet_leaves_with_the_one_that_passed_it() -> None:
    plan = planned(LineFaults(reorder=0.2, duplicate=0.2))
    assert np.all(np.diff(plan.due_ns) >= 0)
    assert np.all(plan.due_ns >= DUE_NS[plan.packet])


def test_skew_delays_the_whole_line() -> None:
    assert np.array_equal(planned(LineFaults(skew_ns=7)).due_ns, DUE_NS + 7)


def test_nothing_leaves_in_a_silence() -> None:
    plan = planned(LineFaults(silences=((1_000_000_000, 500_000_000),)))
    inside = (plan.due_ns >= 1_000_000_000) & (plan.due_ns < 1_500_000_000)
    assert np.all(plan.fate[inside] == SILENCED)
    assert np.all(plan.fate[~inside] == SENT)
    assert np.count_nonzero(inside) == 500


def test_control_packets_are_lost_at_the_rate_and_silenced_in_the_window() -> None:
    dice = PacketDice(0.2, ((100, 50),), 1, "a")
    fates = [dice.fate(99) for _ in range(5_000)]
    assert abs(fates.count(LOST) / 5_000 - 0.2) < 0.03
    assert {dice.fate(elapsed) for elapsed in (100, 149)} == {SILENCED}
    assert SENT in {dice.fate(150) for _ in range(50)}
