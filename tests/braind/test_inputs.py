"""What a running braind tells in inputs.ring, and the state it leaves in its checkpoint."""

from __future__ import annotations

import json
import signal

import numpy as np
from braind_process import publish, wait_until

from braind.identity import decode, hash_of
from braind.rehearsal import made_up_events
from hft.layout.dtypes import LOOP_INPUT, SNAPSHOT, InputKind, RegionKind
from hft.regions import Region, RingReader, read_snapshot, snapshot_version

NO_CHECKPOINTS = "checkpoint_interval_records = 0"


def inputs_of(run_directory):
    """All inputs told so far, as one array."""
    region = Region.open(str(run_directory / "braind" / "inputs.ring"), RegionKind.INPUTS_RING)
    reader, records, parts = RingReader(region, 0), region.records(LOOP_INPUT), []
    while count := reader.poll(1 << 16):
        parts.append(records[reader.start : reader.start + count].copy())
        reader.advance(count)
    assert reader.lost_records == 0
    return np.concatenate(parts) if parts else np.zeros(0, LOOP_INPUT)


def kinds(inputs) -> list[str]:
    return [InputKind(int(kind)).name for kind in inputs["kind"]]


def snapshot_of(run_directory, name: str, kind):
    region = Region.open(str(run_directory / "braind" / name), kind)
    image = np.zeros((region.size_bytes - 4096) // 8 * 8, np.uint8)
    if not read_snapshot(region, image):
        return None, b"", snapshot_version(region)
    header = image[: SNAPSHOT.itemsize].view(SNAPSHOT)[0]
    payload = image[SNAPSHOT.itemsize : SNAPSHOT.itemsize + int(header["payload_bytes"])]
    return header, payload.tobytes(), snapshot_version(region)


def test_a_run_is_told_from_the_map_to_the_stop_in_the_order_it_happened(start, feedd_side, shm_directory):
    braind = start().wait_ready()
    feedd = feedd_side()
    generation = feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    feedd.name(2, "STRANGER", 2)
    publish(feedd, made_up_events(1000, 1_000_000, instruments=2))
    braind.wait_for("braind_events_consumed_total", 1000)
    answered = len(feedd.answer_all())
    braind.wait_for('braind_updates_total{kind="refused"}', answered)
    assert braind.stop()[0] == 0
    inputs = inputs_of(shm_directory)
    mapped, stopped = inputs[0], inputs[-1]
    assert (kinds(inputs)[0], kinds(inputs)[-1]) == ("MAPPED", "STOPPED")
    assert (mapped["market_generation"], mapped["intents_generation"]) == (feedd.ring.generation, generation)
    assert mapped["updates_generation"] == feedd.updates.generation
    assert stopped["market_seq"] == stopped["events"] == 1000
    assert stopped["last_intent_id"] == answered > 0
    named = inputs[inputs["kind"] == InputKind.NAMED]
    assert [bytes(symbol).rstrip(b"\0") for symbol in named["symbol"]] == [b"MADEUP", b"STRANGER"]
    assert named["slot"].tolist() == [0, -1]
    assert named["market_seq"].tolist() == [0, 1], "each right before the record that asked"
    answers = inputs[inputs["kind"] == InputKind.ANSWERS]
    assert answers["count"].sum() == answered
    assert answers["first"][0] == 1
    assert inputs["market_seq"].tolist() == sorted(inputs["market_seq"].tolist())
    feedd.retire()


def test_losses_and_drops_and_what_nobody_named_are_told(start, feedd_side, shm_directory):
    braind = start("intents_ring_records = 16").wait_ready()
    feedd = feedd_side(ring_records=1024)
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    publish(feedd, made_up_events(800, 1_000_000, instruments=2))
    braind.wait_for("braind_events_consumed_total", 800)
    braind.freeze()
    publish(feedd, made_up_events(4000, 1_000_000)[800:])
    feedd.name(1, "MADEUP", 4000)
    braind.process.send_signal(signal.SIGCONT)
    braind.wait_for("braind_ring_cursor", 4000)
    assert braind.stop()[0] == 0
    inputs = inputs_of(shm_directory)
    by_kind = {kind: inputs[inputs["kind"] == kind] for kind in InputKind}
    assert by_kind[InputKind.GIVEN_UP]["instrument_id"].tolist() == [2]
    assert by_kind[InputKind.NAMED]["market_seq"].tolist() == [0, 4000 - 512], "again after the loss"
    (lost,) = by_kind[InputKind.LOST]
    assert lost["first"] == lost["market_seq"] + 1
    assert lost["count"] == braind.value("braind_ring_lost_total") > 2000
    dropped = by_kind[InputKind.DROPPED]
    assert dropped["count"].sum() == braind.value('braind_intents_dropped_total{reason="queue_full"}') > 0
    feedd.retire()


def test_a_feed_that_ends_and_the_next_one_are_told_apart(start, feedd_side, shm_directory):
    braind = start().wait_ready()
    generations = []
    for life in (1, 2):
        feedd = feedd_side()
        generations.append(feedd.ring.generation)
        braind.wait_for("braind_ring_maps_total", life)
        publish(feedd, made_up_events(10, 1_000_000)[1:2])
        feedd.retire()
        wait_until(lambda: braind.value("braind_state") == 1, "braind to wait for the next feed")
    assert braind.stop()[0] == 0
    inputs = inputs_of(shm_directory)
    told = [kind for kind in kinds(inputs) if kind in ("MAPPED", "UNMAPPED", "STOPPED")]
    assert told == ["MAPPED", "UNMAPPED", "MAPPED", "UNMAPPED", "STOPPED"]
    mapped = inputs[inputs["kind"] == InputKind.MAPPED]
    assert mapped["market_generation"].tolist() == generations
    assert inputs[-1]["market_generation"] == 0


def test_the_identity_says_what_a_replay_needs(start, shm_directory, package_directory):
    braind = start().wait_ready()
    header, document, _ = snapshot_of(shm_directory, "identity", RegionKind.IDENTITY)
    identity = decode(document)
    inputs = Region.open(str(shm_directory / "braind" / "inputs.ring"), RegionKind.INPUTS_RING)
    assert header["inputs_generation"] == inputs.generation
    assert header["identity_hash"] == hash_of(document)
    assert identity.braind.symbols == ("MADEUP", "OTHER")
    assert identity.braind.score_threshold == 0.36
    assert identity.model.directory == str(package_directory)
    assert identity.instruments_max == 64
    assert json.loads(document)["versions"].keys() >= {"numpy", "numba", "torch"}
    assert braind.stop()[0] == 0


def test_a_checkpoint_holds_the_state_after_the_record_it_names(start, feedd_side, shm_directory):
    braind = start("checkpoint_interval_records = 500").wait_ready()
    feedd = feedd_side()
    feedd.attach()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    assert snapshot_of(shm_directory, "checkpoint", RegionKind.CHECKPOINT)[0] is None
    publish(feedd, made_up_events(600, 1_000_000))
    wait_until(lambda: snapshot_of(shm_directory, "checkpoint", RegionKind.CHECKPOINT)[0] is not None, "one")
    header, payload, version = snapshot_of(shm_directory, "checkpoint", RegionKind.CHECKPOINT)
    assert header["market_generation"] == feedd.ring.generation
    assert 500 <= header["market_seq"] == header["events"] <= 600
    assert header["inputs_seq"] >= 2, "mapped and named"
    assert len(payload) == header["payload_bytes"] > 64 * 4 + 2 * 54 * 8
    publish(feedd, made_up_events(1200, 1_000_000)[600:])
    wait_until(
        lambda: snapshot_of(shm_directory, "checkpoint", RegionKind.CHECKPOINT)[2] > version, "the next"
    )
    assert braind.stop()[0] == 0
    feedd.retire()


def test_without_an_interval_there_is_no_checkpoint(start, feedd_side, shm_directory):
    braind = start(NO_CHECKPOINTS).wait_ready()
    feedd = feedd_side()
    braind.wait_for("braind_ring_maps_total", 1)
    feedd.name(1, "MADEUP", 1)
    publish(feedd, made_up_events(2000, 1_000_000))
    braind.wait_for("braind_events_consumed_total", 2000)
    assert braind.stop()[0] == 0
    assert snapshot_of(shm_directory, "checkpoint", RegionKind.CHECKPOINT)[2] == 0
    feedd.retire()
