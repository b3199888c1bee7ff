"""What ties the loop to watchd: progress in shared memory, the epoch of each intent, states, the veto."""

from __future__ import annotations

import signal
import time
import warnings

import numpy as np
import pytest
from braind_process import PATIENCE_S, publish, wait_until
from test_inputs import inputs_of

from braind.controls import Controls
from braind.counts import Count, StoppedFor
from braind.rehearsal import made_up_events
from hft.layout.dtypes import (
    CloseReason,
    DaemonId,
    InputKind,
    LoopState,
    RegionKind,
    UpdateKind,
    VetoReason,
    dtype,
)
from hft.regions import DaemonLock, FenceWriter, Region, monotonic_ns, read_control_record

ROUNDS = 10  # that are no silence


@pytest.fixture
def controls(shm_directory):
    (shm_directory / "braind").mkdir()
    (shm_directory / "watchd").mkdir()
    return Controls(shm_directory, require_huge_pages=False)


def fence_of(run_directory) -> Region:
    (run_directory / "watchd").mkdir(exist_ok=True)
    return Region.adopt(str(run_directory / "watchd" / "fence"), RegionKind.FENCE, dtype("Fence").itemsize)


def progress_of(run_directory) -> dict[str, int]:
    region = Region.open(str(run_directory / "braind" / "progress"), RegionKind.PROGRESS)
    return read_control_record(region, "LoopProgress")


def test_every_poll_of_a_long_round_is_progress(circle, controls, stream):
    one = circle(controls=controls.addresses)
    one.brain.step(one.market, 1000, 1)
    assert read_control_record(controls.progress, "LoopProgress")["iterations"] == 1000
    one.publish(stream(3, 3000, trouble=0.0))
    one.step()
    seen = read_control_record(controls.progress, "LoopProgress")
    assert seen["iterations"] > 1000 + 3000 // 256
    assert (seen["consumed"], seen["produced"], seen["lag_records"]) == (3000, one.count(Count.DECISIONS), 0)


def test_lag_is_what_still_waits_when_a_round_had_more_than_it_could_take(circle, controls, stream):
    one = circle(controls=controls.addresses)
    one.publish(stream(3, 3000, trouble=0.0))
    one.brain.step(one.market, 1, 1)
    seen = read_control_record(controls.progress, "LoopProgress")
    assert seen["iterations"] == 1
    assert seen["lag_records"] == 3000


def test_an_intent_carries_the_epoch_at_its_emission_and_0_without_a_fence(
    circle, controls, stream, shm_directory
):
    one, events = circle(controls=controls.addresses), stream(3, 3000, trouble=0.0)
    one.publish(events[:1000])
    one.step()
    assert set(one.intents()["epoch"].tolist()) == {0}
    assert controls.look_outside() == []
    fence = fence_of(shm_directory)
    FenceWriter(fence).open(7, 1, 0)
    assert controls.look_outside() == []
    one.publish(events[1000:2000])
    one.step()
    assert set(one.intents()["epoch"].tolist()) == {7}
    FenceWriter(fence).open(8, 1, 0)
    one.publish(events[2000:])
    one.step()
    assert set(one.intents()["epoch"].tolist()) == {8}


def test_a_fence_that_can_not_be_used_is_told_once_and_counts_as_none(controls, shm_directory):
    (shm_directory / "watchd" / "fence").write_bytes(bytes(8192))
    ((event, reason),) = controls.look_outside()
    assert (event, "not a region of this suite" in reason) == ("no fence: intents carry no epoch", True)
    assert controls.look_outside() == []
    assert controls.addresses[1] == 0


def test_a_run_of_bad_numbers_stops_the_round_at_once(circle, stream):
    one = circle(instruments=1)
    one.publish(stream(1, 300, instruments=1, trouble=0.0)[:200])
    one.step()
    one.brain.state.values[:, 10] = np.inf
    one.publish(stream(1, 300, instruments=1, trouble=0.0)[200:])
    one.brain.step(one.market, 1, 1 << 20)
    assert one.count(Count.STOPPED_FOR) == StoppedFor.VETOED
    assert one.count(Count.DROPPED_VETO) == 0
    assert one.reader.lag_records > 0


def test_progress_goes_through_the_states_in_order_and_keeps_moving_without_a_feed(start, shm_directory):
    braind = start()
    wait_until((shm_directory / "braind" / "progress").exists, "the progress region")
    assert progress_of(shm_directory)["state"] == LoopState.WARMUP
    braind.wait_ready()
    wait_until(lambda: progress_of(shm_directory)["state"] == LoopState.READY, "READY")
    before = progress_of(shm_directory)
    assert before["thread_id"] == braind.process.pid
    wait_until(lambda: progress_of(shm_directory)["iterations"] > before["iterations"] + 20, "rounds")
    code, _ = braind.stop()
    assert code == 0
    after = progress_of(shm_directory)
    assert after["state"] == LoopState.STOPPED
    assert after["state_ts_ns"] > before["state_ts_ns"]


@pytest.fixture
def watched(start, fake_watchd, shm_directory):
    """A braind that beats, and the watchd that keeps the beats until it is asked for them."""
    watchd = fake_watchd(shm_directory / "control")
    braind = start()
    watchd.register()
    return braind.wait_ready(), watchd


def test_it_drains_before_it_stops(watched, feedd_side, shm_directory):
    braind, watchd = watched
    feedd = feedd_side()
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    publish(feedd, made_up_events(1000, 1_000_000))
    braind.wait_for("braind_intents_total", 1)
    watchd.beats()
    braind.process.send_signal(signal.SIGTERM)  # its intents are not answered: the drain takes its time
    braind.process.wait(PATIENCE_S)
    assert LoopState.DRAINING in watchd.beats()["state"].tolist()
    assert braind.said("STOPPING=1")
    assert progress_of(shm_directory)["state"] == LoopState.STOPPED
    feedd.retire()


def test_progress_moves_while_an_instrument_is_being_looked_up(watched, feedd_side):
    """The look-up ends after 100 ms; till then its record waits, and nothing is consumed."""
    braind, watchd = watched
    feedd = feedd_side()
    braind.wait_for("braind_ring_maps_total", 1)
    watchd.beats()
    publish(feedd, made_up_events(100, 1_000_000))
    braind.wait_for("braind_instruments_unnamed_total", 1)
    assert braind.value("braind_instruments_unnamed_total") == 1
    beats = watchd.beats()
    meanwhile = beats[(beats["consumed"] == 0) & (beats["lag_records"] > 0)]["iterations"]
    print(f"rounds with everything waiting: {meanwhile.tolist()}")
    assert len(meanwhile) > 0, "the link's thread had no core for as long as the look-up lasts"
    assert meanwhile[-1] - meanwhile[0] >= ROUNDS
    feedd.retire()


def test_a_mind_lost_is_a_veto_in_the_queue_and_in_every_later_one(
    start, feedd_side, shm_directory, broken_package_directory
):
    braind = start(model=broken_package_directory).wait_ready()
    queue = str(shm_directory / "braind" / "intents.ring")
    for life in (1, 2):
        feedd = feedd_side()
        braind.wait_for("braind_ring_maps_total", life)
        feedd.attach()
        if life == 2:
            assert Region.open(queue, RegionKind.INTENTS_RING).veto == VetoReason.NUMBERS_NOT_FINITE
        feedd.name(1, "MADEUP", 1)
        publish(feedd, made_up_events(200, 1_000_000))
        wait_until(
            lambda: Region.open(queue, RegionKind.INTENTS_RING).veto == VetoReason.NUMBERS_NOT_FINITE, "veto"
        )
        feedd.retire()
        wait_until(lambda: braind.value("braind_state") == 1, "braind to wait for the next feed")
    assert braind.value("braind_vetoed") == 1
    assert braind.value("braind_intents_total") == 0


def test_an_intent_that_would_have_been_sent_is_answered_too(start, feedd_side):
    braind = start().wait_ready()
    feedd = feedd_side()
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    publish(feedd, made_up_events(1000, 1_000_000))
    braind.wait_for("braind_events_consumed_total", 1000)
    intents = feedd.answer_all(UpdateKind.WOULD_SEND)
    braind.wait_for('braind_updates_total{kind="would_send"}', len(intents))
    started = time.monotonic()
    assert braind.stop()[0] == 0, "nothing is left to wait for"
    assert time.monotonic() - started < 30
    feedd.retire()


def test_a_fence_that_appears_later_is_found(start, feedd_side, shm_directory):
    braind = start().wait_ready()
    feedd = feedd_side()
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    with DaemonLock(str(shm_directory / "watchd")):
        fence = fence_of(shm_directory)
        FenceWriter(fence).open(3, 1, 0)
        feedd.name(1, "MADEUP", 1)
        events, epochs = made_up_events(20_000, 1_000_000), set()
        for first in range(0, len(events), 200):
            publish(feedd, events[first : first + 200])
            braind.wait_for("braind_events_consumed_total", first + 200)
            epochs |= set(feedd.answer_all()["epoch"].tolist())
            if 3 in epochs:
                break
            time.sleep(0.02)
    assert 3 in epochs
    assert epochs <= {0, 3}
    feedd.retire()


def test_it_registers_while_it_warms_up_and_beats_as_soon_as_it_makes_rounds(
    start, shm_directory, fake_watchd
):
    watchd = fake_watchd(shm_directory / "control")
    braind = start()
    registered = watchd.register()
    assert registered.said["daemon"] == DaemonId.BRAIND
    assert registered.pid_of_pidfd() == registered.peer_pid == braind.process.pid
    assert progress_of(shm_directory)["state"] == LoopState.WARMUP
    braind.wait_ready()
    beats = watchd.beats(wait_s=20)
    assert set(beats["pid"].tolist()) == {braind.process.pid}
    assert set(beats["state"].tolist()) <= {LoopState.WARMUP, LoopState.READY}
    code, log = braind.stop()
    assert code == 0
    assert not [line for line in log if line["event"] == "not registered at watchd"]


def test_without_watchd_it_runs_and_says_once_that_nobody_watches(start, feedd_side):
    braind = start().wait_ready()
    feedd = feedd_side()
    braind.wait_for("braind_ring_maps_total", 1)
    time.sleep(0.3)
    code, log = braind.stop()
    assert code == 0
    assert len([line for line in log if line["event"] == "not registered at watchd"]) == 1
    feedd.retire()


def test_progress_moves_while_a_large_ring_is_being_mapped(watched, feedd_side, shm_directory):
    """A quarter of a million small pages, once gateway.state is born; without a feed a round takes 5 ms."""
    braind, watchd = watched
    wait_until(lambda: progress_of(shm_directory)["iterations"] > 0, "rounds")
    for attempt in range(2):
        watchd.beats()
        feedd = feedd_side(ring_records=1 << 23)
        born_ns = feedd.gateway.generation - (time.time_ns() - monotonic_ns())
        braind.wait_for("braind_ring_maps_total", attempt + 1)
        beats, inputs = watchd.beats(), inputs_of(shm_directory)
        mapped_ns = int(inputs[inputs["kind"] == InputKind.MAPPED][-1]["publish_ts_ns"])
        at_ns = beats["sent_ts_ns"].astype(np.int64)
        rounds = beats[(at_ns > born_ns) & (at_ns < mapped_ns)]["iterations"].tolist()
        text = f"rounds in the {(mapped_ns - born_ns) / 1e6:.1f} ms until it was mapped: {rounds}"
        feedd.retire()
        if rounds and rounds[-1] - rounds[0] > 2:
            break
        warnings.warn(text, stacklevel=1)
        wait_until(lambda: braind.value("braind_state") == 1, "braind to wait for the next feed")
    print(text)
    assert rounds, "the link's thread had no core for as long as the mapping lasts"
    assert rounds[-1] - rounds[0] > 2, "a loop that maps it itself makes one before it, and none meanwhile"


def test_what_the_fence_says_is_told_when_it_changes(shm_directory, controls):
    assert controls.fence_news() == "observing: there is no fence"
    assert controls.fence_news() == ""
    writer = FenceWriter(fence_of(shm_directory))
    writer.set_reason(int(CloseReason.OPERATOR))
    controls.look_outside()
    assert controls.fence_news() == "observing: fence closed (operator)"
    writer.open(7, 12345, 1)
    assert controls.fence_news() == "fence open, epoch 7"
    assert controls.fence_news() == ""
