"""The Python face of regions, rings, the intents queue and the board."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from hft.layout.dtypes import BOARD_ENTRY, MARKET_EVENT, ORDER_INTENT, SNAPSHOT, RegionKind, dtype
from hft.regions import (
    FULL,
    PUSHED,
    RECORDS_OFFSET,
    WRONG_GENERATION,
    BoardWriter,
    IntentConsumer,
    IntentProducer,
    Region,
    RegionError,
    RegionMissing,
    RingReader,
    RingWriter,
    load_words,
    read_board_entry,
    read_gateway_state,
    read_snapshot,
    snapshot_version,
    write_snapshot,
)


def _ring(directory: Path, capacity_records: int = 8) -> Region:
    return Region.create(str(directory / "market.ring"), RegionKind.MARKET_RING, capacity_records, 128)


def _view(region: Region) -> Region:
    return Region.open(region.path, region.kind)


def _events(*feed_sequences: int) -> np.ndarray:
    events = np.zeros(len(feed_sequences), MARKET_EVENT)
    events["feed_sequence"] = feed_sequences
    return events


def test_properties_tell_what_the_header_holds(shm_directory: Path) -> None:
    region = Region.create(
        str(shm_directory / "b"), RegionKind.MARKET_BOARD, 16, BOARD_ENTRY.itemsize, peer_generation=5
    )
    view = _view(region)
    assert (view.capacity_records, view.record_bytes, view.peer_generation) == (16, BOARD_ENTRY.itemsize, 5)
    assert view.generation == region.generation > 0
    assert view.page_bytes == 4096
    assert view.size_bytes % 4096 == 0
    assert (view.writable, region.writable) == (False, True)
    assert not view.retired


def test_errors_are_told_apart(shm_directory: Path) -> None:
    with pytest.raises(RegionMissing, match="does not exist"):
        Region.open(str(shm_directory / "nothing"), RegionKind.MARKET_RING)
    (shm_directory / "text").write_bytes(b"x" * 8192)
    with pytest.raises(RegionError, match="not a region") as caught:
        Region.open(str(shm_directory / "text"), RegionKind.MARKET_RING)
    assert not isinstance(caught.value, RegionMissing)


def test_views_of_a_reader_can_not_be_written(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    view = _view(region)
    assert not view.bytes().flags.writeable
    assert not view.records(MARKET_EVENT).flags.writeable
    assert region.records(MARKET_EVENT).flags.writeable


def test_records_are_the_ring_s_memory_and_outlive_the_region_object(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    view = _view(region)
    records = view.records(MARKET_EVENT)
    assert records.shape == (8,)
    address = records.__array_interface__["data"][0]
    assert address == view.bytes().__array_interface__["data"][0] + RECORDS_OFFSET
    del view
    gc.collect()
    RingWriter(region).publish(_events(42))
    assert records[0]["feed_sequence"] == 42


def test_a_dtype_of_another_size_is_refused(shm_directory: Path) -> None:
    with pytest.raises(RegionError, match="128"):
        _ring(shm_directory).records(BOARD_ENTRY)


def test_a_reader_polls_works_validates_and_advances(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    writer, view = RingWriter(region), _view(region)
    reader, records = RingReader(view), view.records(MARKET_EVENT)
    assert reader.poll(8) == 0
    assert writer.publish_many(_events(11, 12, 13)) == 3
    assert reader.poll(2) == 2
    assert list(records["feed_sequence"][reader.start : reader.start + 2]) == [11, 12]
    assert reader.validate()
    reader.advance(2)
    assert (reader.cursor, reader.head, reader.lag_records, reader.lost_records) == (2, 3, 1, 0)


def test_a_reader_can_not_advance_beyond_its_grant(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    RingWriter(region).publish_many(_events(1, 2, 3))
    reader = RingReader(region)
    reader.poll(2)
    reader.advance(1)
    with pytest.raises(ValueError, match="advance"):
        reader.advance(2)
    with pytest.raises(ValueError, match="advance"):
        reader.advance(-1)
    assert reader.cursor == 1


def test_an_overtaken_grant_does_not_validate_and_the_loss_is_counted(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    writer, reader = RingWriter(region), RingReader(_view(region))
    writer.publish_many(_events(*range(8)))
    assert reader.poll(8) == 8
    writer.publish_many(_events(*range(13)))
    assert not reader.validate()
    assert reader.poll(8) == 0
    assert reader.lost_records == reader.cursor == 21 - 4


def test_a_seek_to_the_head_skips_without_loss(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    RingWriter(region).publish_many(_events(*range(100)))
    reader = RingReader(region)
    reader.seek(reader.head)
    assert (reader.poll(8), reader.lag_records, reader.lost_records) == (0, 0, 0)


def test_readers_and_writers_refuse_regions_of_another_kind(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    board = Region.create(str(shm_directory / "b"), RegionKind.MARKET_BOARD, 1, BOARD_ENTRY.itemsize)
    with pytest.raises(RegionError, match="MARKET_BOARD"):
        RingReader(board)
    with pytest.raises(RegionError, match="MARKET_RING"):
        BoardWriter(region)
    with pytest.raises(RegionError, match="read-only"):
        RingWriter(_view(region))


def test_records_of_a_wrong_size_are_refused(shm_directory: Path) -> None:
    writer = RingWriter(_ring(shm_directory))
    with pytest.raises(ValueError, match="128"):
        writer.publish(_events(1, 2))
    with pytest.raises(ValueError, match="128"):
        writer.publish_many(np.zeros(100, np.uint8))
    assert writer.sequence == 0


def test_intents_pass_through_the_queue_and_its_limits(shm_directory: Path) -> None:
    intents = Region.create(str(shm_directory / "intents.ring"), RegionKind.INTENTS_RING, 16, 128)
    layout = dtype("GatewayState")
    state = Region.create(str(shm_directory / "gateway.state"), RegionKind.GATEWAY_STATE, 1, layout.itemsize)
    producer, consumer = IntentProducer(intents, _view(state)), IntentConsumer(state)
    intent, out = np.zeros(1, ORDER_INTENT), np.zeros(1, ORDER_INTENT)
    assert producer.push(intent) == WRONG_GENERATION
    consumer.attach(_view(intents))
    for number in range(16):
        intent["intent_id"] = number
        assert producer.push(intent) == PUSHED
    assert producer.push(intent) == FULL
    assert consumer.pop(out)
    assert (out["intent_id"][0], out["sequence"][0]) == (0, 1)
    assert consumer.pop(out)
    consumer.commit()
    told = read_gateway_state(_view(state))
    assert (told["intents_cursor"], told["intents_generation"]) == (2, intents.generation)
    assert (producer.push(intent), producer.sequence) == (PUSHED, 17)


def test_a_board_entry_is_read_whole_or_not_at_all(shm_directory: Path) -> None:
    board = Region.create(str(shm_directory / "b"), RegionKind.MARKET_BOARD, 4, BOARD_ENTRY.itemsize)
    writer, entry, out = BoardWriter(board), np.zeros(1, BOARD_ENTRY), np.zeros(1, BOARD_ENTRY)
    entry["bids"]["price"][0] = range(10)
    writer.write(3, entry)
    assert read_board_entry(_view(board), 3, out)
    assert list(out["bids"]["price"][0]) == list(range(10))
    assert not read_board_entry(_view(board), 4, out)
    with pytest.raises(IndexError):
        writer.write(4, entry)
    board.records(BOARD_ENTRY)["version"][3] |= 1  # its writer died in the middle
    assert not read_board_entry(_view(board), 3, out)


def test_a_new_generation_retires_the_old_for_its_readers(shm_directory: Path) -> None:
    old = _view(_ring(shm_directory))
    new = _ring(shm_directory, 16)
    assert old.retired
    assert _view(new).generation == new.generation > old.generation


def test_words_outside_a_region_are_not_loaded(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    assert load_words(region, 0, 1)[0] == int.from_bytes(b"HFTREGN1", "little")
    for offset_bytes, count in [(4, 1), (region.size_bytes, 1), (0, region.size_bytes), (1 << 63, 1 << 62)]:
        with pytest.raises(RegionError, match="inside"):
            load_words(region, offset_bytes, count)


def test_a_ring_that_goes_on_after_a_sequence_is_read_under_those_numbers(shm_directory: Path) -> None:
    region = _ring(shm_directory)
    writer = RingWriter(region, after_sequence=500)
    writer.publish_many(_events(1, 2))
    reader = RingReader(region, 500)
    assert (reader.poll(8), reader.head, reader.lost_records) == (2, 502, 0)
    assert region.records(MARKET_EVENT)["sequence"][reader.start] == 501
    with pytest.raises(ValueError, match="already beyond"):
        RingWriter(region, after_sequence=10)


def test_a_snapshot_is_read_whole_or_not_at_all(shm_directory: Path) -> None:
    region = Region.create(
        str(shm_directory / "checkpoint"), RegionKind.CHECKPOINT, 1, SNAPSHOT.itemsize, extra_bytes=1000
    )
    view, image = _view(region), np.zeros(SNAPSHOT.itemsize + 1000, np.uint8)
    out = np.zeros_like(image)
    assert (read_snapshot(view, out), snapshot_version(view)) == (False, 0)
    image[8:] = np.arange(len(image) - 8) % 251
    write_snapshot(region, image)
    assert read_snapshot(view, out)
    assert (out[8:] == image[8:]).all()
    assert snapshot_version(view) == 2
    with pytest.raises(RegionError, match="there is room for"):
        write_snapshot(region, np.zeros(1 << 20, np.uint8))
    with pytest.raises(RegionError, match="read-only"):
        write_snapshot(view, image)
    with pytest.raises(ValueError, match="whole words"):
        read_snapshot(view, np.zeros(129, np.uint8))
