"""Fence, lease, vetoes and pauses against the running daemon: who opens, who closes, and what it tells of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from fake_watchd import FakeFence
from feedd_harness import Feed, Feedd, wait_until
from intents import Queue

from hft.layout.dtypes import CloseReason, IntentAction, RefusalReason, RegionKind, VetoReason
from hft.regions import FENCE_STRATEGIES, PUSHED, monotonic_ns

Make = Callable[..., Feedd]
EPOCH = 7
LAPSED_NS = 1  # a lease that is over before anybody can look


@pytest.fixture
def feedd(make_feedd: Make, feed: Feed) -> Iterator[Feedd]:
    started = make_feedd(feed.keys()).start()
    yield started
    assert started.stop() == 0


@pytest.fixture
def fence(feedd: Feedd) -> FakeFence:
    made = FakeFence(feedd.run_directory)
    wait_for(feedd, veto_seen=0)
    return made


@pytest.fixture
def queue(feedd: Feedd) -> Queue:
    return Queue(feedd)


def wait_for(feedd: Feedd, **words: int) -> None:
    """Until gateway.state says so."""

    def told() -> bool:
        state = feedd.gateway()
        return all(state[name] == value for name, value in words.items())

    wait_until(told, f"gateway.state says {words}")


def arm(fence: FakeFence, queue: Queue, epoch: int = EPOCH, **lease: int) -> None:
    state = queue.feedd.region("gateway.state", RegionKind.GATEWAY_STATE)
    fence.arm(epoch, state.generation, queue.region.generation, **lease)


def test_an_armed_fence_lets_orders_of_its_epoch_through_and_a_closed_one_none(
    feedd: Feedd, fence: FakeFence, queue: Queue
) -> None:
    assert queue.ask(epoch=EPOCH) == "FENCE_CLOSED"
    arm(fence, queue)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    assert queue.ask(epoch=EPOCH - 1) == "WRONG_EPOCH"
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    wait_for(feedd, fence_open=1, fence_epoch_seen=EPOCH, intents_would_send=2, drained=0)
    fence.writer.close(int(CloseReason.DISARMED))
    assert queue.ask(epoch=EPOCH) == "FENCE_CLOSED"
    wait_for(
        feedd, fence_open=0, fence_token_seen=0, drained=EPOCH, epoch_latched=0, reconciled=1, open_orders=0
    )


def test_what_it_counts_and_measures_of_that(feedd: Feedd, fence: FakeFence, queue: Queue) -> None:
    arm(fence, queue)
    assert [queue.ask(epoch=EPOCH) for _ in range(10)] == ["WOULD_SEND"] * 10
    assert feedd.stat("feedd_fence_open") == 1
    feedd.wait_for_stat("feedd_fence_attached", 1)
    feedd.wait_for_stat("feedd_operator_veto_attached", 1)
    fence.writer.close(int(CloseReason.DISARMED))
    wait_for(feedd, fence_open=0)
    assert feedd.stat("feedd_fence_open") == 0
    assert feedd.stat("feedd_orders_would_send_total") == 10
    assert feedd.stat("feedd_orders_in_window_total") == 0
    assert feedd.histogram("feedd_order_check_ns").count == 10
    assert feedd.histogram("feedd_fence_close_seen_ns").count == 1


def test_a_lapsed_lease_shuts_the_epoch_for_good_and_drains_it(
    feedd: Feedd, fence: FakeFence, queue: Queue
) -> None:
    arm(fence, queue)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    fence.writer.renew(monotonic_ns())  # a watchd that stands still
    wait_for(feedd, epoch_latched=EPOCH, drained=EPOCH, fence_open=0, veto_seen=4)
    state = feedd.region("gateway.state", RegionKind.GATEWAY_STATE)
    assert state.veto == int(VetoReason.EPOCH_LATCHED)
    assert queue.ask(epoch=EPOCH) == "LEASE_LAPSED"
    fence.writer.renew(monotonic_ns() + 3_600_000_000_000)
    assert queue.ask(epoch=EPOCH) == "LEASE_LAPSED"
    fence.writer.close(int(CloseReason.LEASE_LAPSED))
    arm(fence, queue, EPOCH + 1)
    assert queue.ask(epoch=EPOCH + 1) == "WOULD_SEND"
    wait_for(feedd, epoch_latched=0, veto_seen=0, fence_open=1)
    assert state.veto == int(VetoReason.NONE)


def test_a_restarted_feedd_does_not_inherit_the_token(feedd: Feedd, fence: FakeFence, queue: Queue) -> None:
    arm(fence, queue)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    feedd.kill()
    feedd.start()
    queue.attach(feedd)
    wait_for(feedd, fence_epoch_seen=EPOCH, fence_open=0, drained=EPOCH)
    assert queue.ask(epoch=EPOCH) == "TOKEN_FOREIGN"
    fence.writer.close(int(CloseReason.PROCESS_DIED))
    arm(fence, queue, EPOCH + 1)
    assert queue.ask(epoch=EPOCH + 1) == "WOULD_SEND"


def test_a_restarted_braind_does_not_inherit_the_token(feedd: Feedd, fence: FakeFence, queue: Queue) -> None:
    arm(fence, queue)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    successor = Queue(feedd)
    assert successor.push(epoch=EPOCH) == PUSHED
    assert successor.answers(2)[-1]["reason"] == int(RefusalReason.TOKEN_FOREIGN)
    wait_for(feedd, fence_open=0, drained=EPOCH)


def test_without_the_operator_s_page_there_is_a_veto(feedd: Feedd, queue: Queue) -> None:
    wait_for(feedd, veto_seen=1)
    fence = FakeFence(feedd.run_directory)
    wait_for(feedd, veto_seen=0)
    arm(fence, queue)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    (feedd.run_directory / "operator" / "veto").unlink()
    wait_for(feedd, veto_seen=1, fence_open=0, drained=EPOCH)
    assert queue.ask(epoch=EPOCH) == "OPERATOR_VETO"
    wait_until(lambda: feedd.stat("feedd_operator_veto_attached") == 0, "its gauge says so")


@pytest.mark.parametrize("word", [int(VetoReason.OPERATOR), 4711])
def test_an_operator_s_veto_refuses_whatever_its_value(
    feedd: Feedd, fence: FakeFence, queue: Queue, word: int
) -> None:
    arm(fence, queue)
    fence.veto.set_veto(word)
    assert queue.ask(epoch=EPOCH) == "OPERATOR_VETO"
    wait_for(feedd, veto_seen=1, fence_open=0, drained=EPOCH)
    fence.veto.set_veto(int(VetoReason.NONE))
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"


def test_braind_s_own_veto_refuses(feedd: Feedd, fence: FakeFence, queue: Queue) -> None:
    arm(fence, queue)
    queue.region.set_veto(int(VetoReason.NUMBERS_NOT_FINITE))
    assert queue.ask(epoch=EPOCH) == "BRAIND_VETO"
    wait_for(feedd, veto_seen=2, fence_open=0, drained=0)


def test_a_pause_stops_new_orders_and_lets_cancels_pass(feedd: Feedd, fence: FakeFence, queue: Queue) -> None:
    arm(fence, queue)
    cancel = int(IntentAction.CANCEL)
    fence.writer.pause_instrument(3, True)
    assert queue.ask(epoch=EPOCH) == "PAUSED"
    assert queue.ask(epoch=EPOCH, instrument_id=4) == "WOULD_SEND"
    assert queue.ask(epoch=EPOCH, action=cancel) == "WOULD_SEND"
    fence.writer.pause_instrument(3, False)
    fence.writer.pause_strategy(5, True)
    assert queue.ask(epoch=EPOCH, strategy_id=5) == "PAUSED"
    assert queue.ask(epoch=EPOCH, strategy_id=6) == "WOULD_SEND"
    assert queue.ask(epoch=EPOCH, strategy_id=FENCE_STRATEGIES) == "PAUSED"
    fence.writer.pause_all(True)
    assert queue.ask(epoch=EPOCH) == "PAUSED"
    assert queue.ask(epoch=EPOCH, action=cancel) == "WOULD_SEND"
    assert feedd.gateway()["fence_open"] == 1
    assert feedd.stat('feedd_intents_refused_total{reason="paused"}') == 4


def test_a_restarted_watchd_finds_the_gateway_on_the_same_fence(
    feedd: Feedd, fence: FakeFence, queue: Queue
) -> None:
    arm(fence, queue)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    again = FakeFence(feedd.run_directory)
    again.writer.close(int(CloseReason.DIED_ARMED))
    assert queue.ask(epoch=EPOCH) == "FENCE_CLOSED"
    arm(again, queue, EPOCH + 1)
    assert queue.ask(epoch=EPOCH + 1) == "WOULD_SEND"
    assert feedd.logged("region_detached") == []


def test_a_fence_that_was_retired_is_followed_when_it_is_live_again(
    feedd: Feedd, fence: FakeFence, queue: Queue
) -> None:
    fence.fence.retire()
    fence.veto.retire()
    wait_until(lambda: feedd.stat("feedd_fence_attached") == 0, "it is let go")
    wait_for(feedd, veto_seen=1)
    again = FakeFence(feedd.run_directory)
    wait_for(feedd, veto_seen=0)
    arm(again, queue)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"


def test_directories_made_anew_as_after_a_boot_are_followed(
    feedd: Feedd, fence: FakeFence, queue: Queue
) -> None:
    arm(fence, queue)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    for name in ("watchd", "operator"):
        shutil.rmtree(feedd.run_directory / name)
    wait_for(feedd, veto_seen=1, fence_token_seen=0, fence_open=0)
    assert queue.ask(epoch=EPOCH) == "FENCE_CLOSED"
    new = FakeFence(feedd.run_directory)
    arm(new, queue, EPOCH + 1)
    wait_for(feedd, fence_open=1)
    assert queue.ask(epoch=EPOCH + 1) == "WOULD_SEND"


def test_an_epoch_whose_lease_was_never_current_is_latched_at_once(
    feedd: Feedd, fence: FakeFence, queue: Queue
) -> None:
    arm(fence, queue, lease_ns=LAPSED_NS)
    wait_for(feedd, epoch_latched=EPOCH, fence_open=0, intents_would_send=0)
    assert queue.ask(epoch=EPOCH) == "LEASE_LAPSED"


def test_a_stopping_feedd_sends_nothing_any_more(make_feedd: Make, feed: Feed) -> None:
    feedd = make_feedd(feed.keys()).start()
    fence, queue = FakeFence(feedd.run_directory), Queue(feedd)
    arm(fence, queue)
    wait_for(feedd, fence_open=1)
    assert queue.ask(epoch=EPOCH) == "WOULD_SEND"
    assert feedd.stop() == 0
    state = feedd.gateway()
    assert (state["fence_open"], state["drained"], state["intents_generation"]) == (0, EPOCH, 0)
