"""What the gateway thread asks of the system while orders go out and come back: packet I/O, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import steady
from order_circle import AAPL, ASK, BID, OrderCircle

from hft.layout.dtypes import CommandScope, IntentAction, Side, TimeInForce, UpdateKind

Make = Callable[..., OrderCircle]
GATEWAY, HELPER = "feedd-gateway", "feedd-helper"
CANCEL, REPLACE = int(IntentAction.CANCEL), int(IntentAction.REPLACE)
IOC, BUY, SELL = int(TimeInForce.IOC), int(Side.BUY), int(Side.SELL)
ORDERS_A_ROUND = 10


def trade(suite: OrderCircle) -> None:
    """New, replaced, cancelled, filled, rejected, refused; cancels by command, a flatten, a shut fence."""
    resting = [suite.send(price=BID - 2000) for _ in range(ORDERS_A_ROUND)]
    suite.updates(UpdateKind.ACCEPTED, ORDERS_A_ROUND)
    suite.send(action=REPLACE, replaced_order_id=resting[0], price=BID - 1000)
    suite.updates(UpdateKind.REPLACED)
    suite.send(action=CANCEL, order_id=resting[1])
    suite.updates(UpdateKind.CANCELED)
    for side, price in ((BUY, ASK), (SELL, BID), (BUY, ASK)):
        suite.send(side=side, price=price, time_in_force=IOC)
        suite.updates(UpdateKind.FILLED)
    suite.venue.ctl("reject", "0x20")
    suite.send()
    suite.updates(UpdateKind.REJECTED)
    suite.send(price=ASK * 2)
    suite.updates(UpdateKind.REFUSED)
    suite.wait("obeyed", cancel_all_done=suite.commands.cancel(int(CommandScope.INSTRUMENT), AAPL))
    suite.wait("flat", flatten_done=suite.commands.cancel(int(CommandScope.ALL), 0, True))
    suite.send()
    suite.updates(UpdateKind.ACCEPTED)
    suite.close_fence()
    suite.wait("drained", open_orders=0, drained=suite.epoch)
    suite.arm()


def test_the_gateway_allocates_nothing(circle: Make, tmp_path: Path) -> None:
    table = tmp_path / "allocations"
    library = steady.counter_library(tmp_path)
    suite = circle().start(LD_PRELOAD=str(library), COUNT_ALLOCATIONS=str(table)).arm()
    thread = suite.feedd.thread_id(GATEWAY)
    before = steady.allocations(table, thread)
    for _ in range(5):
        trade(suite)
    assert steady.allocations(table, thread) == before
    assert steady.allocations(table, suite.feedd.thread_id(HELPER)) > 0, "the counter counts"


def test_the_gateway_meets_no_page_fault(circle: Make) -> None:
    suite = circle().begin()
    if suite.feedd.stat("feedd_memory_locked") == 0:
        pytest.skip("memory may not be locked here (RLIMIT_MEMLOCK)")
    thread = suite.feedd.thread_id(GATEWAY)
    trade(suite)
    before = steady.page_faults(suite.feedd, thread)
    for _ in range(5):
        trade(suite)
    assert before[0] > 0, "the stack was touched, so the count works"
    assert steady.page_faults(suite.feedd, thread) == before


def test_the_gateway_calls_the_system_for_packets_only(circle: Make, tmp_path: Path) -> None:
    suite = circle(idle="spin").start(steady.strace(tmp_path)).arm()
    trade(suite)
    trace = tmp_path / f"calls.{suite.feedd.thread_id(GATEWAY)}"
    warm_bytes = trace.stat().st_size
    trade(suite)
    calls = steady.system_calls(trace, warm_bytes)
    assert calls["sendto"] > ORDERS_A_ROUND
    assert set(calls) == {"recvfrom", "sendto"}, Counter(calls)
