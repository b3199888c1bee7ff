"""Appending, limits, recovery: what was accepted stays, what is half there is not taken."""

from __future__ import annotations

import json

import numpy as np
import pytest
from journal_bench import (
    MARKET,
    SECOND_NS,
    SMALL,
    append_many,
    market_block,
    sequences,
    sound,
    writer_of,
)

from hft.journal.errors import JournalError, JournalFull
from hft.journal.reader import Journal
from hft.journal.verify import verify
from hft.journal.writer import Limits
from hft.layout.dtypes import JournalStream


def test_what_is_appended_reads_back_in_order_with_its_times(tmp_path):
    writer = writer_of(tmp_path)
    writer.append(market_block(1, 100))
    writer.append(market_block(101, 50))
    writer.close()
    journal = Journal(tmp_path)
    assert sequences(tmp_path) == list(range(1, 151))
    assert sound(tmp_path)
    assert journal.headers["number"].tolist() == [1, 2, 3]
    assert (np.diff(journal.headers["monotonic_ns"].astype(np.int64)) >= 0).all()
    shift = journal.headers["wall_ns"].astype(np.int64) - journal.headers["monotonic_ns"].astype(np.int64)
    assert np.ptp(shift) < SECOND_NS, "both clocks are read at one moment"


def test_a_range_of_records_is_cut_out_of_its_blocks(tmp_path):
    writer = writer_of(tmp_path)
    for first in range(1, 1001, 100):
        writer.append(market_block(first, 100))
    writer.close()
    parts = list(Journal(tmp_path).records(MARKET, 7, 150, 420))
    assert np.concatenate(parts)["sequence"].tolist() == list(range(150, 421))
    assert len(parts) == 4


def test_segments_end_at_their_size_and_each_begins_with_what_explains_it(tmp_path):
    preamble = [market_block(1, 1, generation=99)]
    writer = writer_of(tmp_path, SMALL, preamble=lambda: preamble)
    append_many(writer, 1, 20_000)
    writer.close()
    files = sorted(tmp_path.glob("*.journal"))
    assert len(files) == 3
    assert all(file.stat().st_size <= SMALL.segment_bytes for file in files)
    journal = Journal(tmp_path)
    for segment in journal.segments:
        assert segment.headers["stream"][0] == JournalStream.SEGMENT
        assert segment.headers["generation"][1] == 99
    assert json.loads(bytes(journal.segments[1].payload(0)))["segment"] == 2
    assert sequences(tmp_path) == list(range(1, 20_001))


def test_a_finished_segment_has_an_index_and_a_damaged_one_is_done_without(tmp_path):
    writer = writer_of(tmp_path, SMALL)
    append_many(writer, 1, 20_000)
    writer.close()
    index = tmp_path / "000001.index"
    before = Journal(tmp_path).headers.tobytes()
    index.write_bytes(index.read_bytes()[:-100])
    assert Journal(tmp_path).headers.tobytes() == before
    index.unlink()
    assert Journal(tmp_path).headers.tobytes() == before


def test_at_the_limit_the_oldest_segment_goes_and_what_is_left_is_sound(tmp_path):
    told = []
    writer = writer_of(tmp_path, SMALL, told=told)
    for first in range(1, 100_001, 1000):
        writer.append(market_block(first, 1000))
        assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= SMALL.max_bytes
    writer.close()
    kept = sequences(tmp_path)
    assert kept == list(range(kept[0], 100_001))
    assert kept[0] > 60_000
    assert ("dropped", 1) in told
    assert sound(tmp_path)


def test_at_the_limit_stop_says_so_and_everything_before_is_there(tmp_path):
    writer = writer_of(tmp_path, Limits(1 << 20, 2 << 20, "stop", 0))
    accepted: list[int] = []
    with pytest.raises(JournalFull, match="limit of 2,097,152 bytes"):
        append_many(writer, 1, 100_000, accepted=accepted)
    writer.close()
    assert sequences(tmp_path) == list(range(1, accepted[-1] + 1))
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= 2 << 20


def test_a_journal_is_continued_with_the_next_block_in_a_new_segment(tmp_path):
    for first in (1, 101, 201):
        writer = writer_of(tmp_path)
        writer.append(market_block(first, 100))
        writer.close()
    journal = Journal(tmp_path)
    assert sequences(tmp_path) == list(range(1, 301))
    assert journal.headers["number"].tolist() == list(range(1, len(journal.headers) + 1))
    assert len(journal.segments) == 3
    assert sound(tmp_path)


def test_two_writers_of_one_directory_are_one_too_many(tmp_path):
    first = writer_of(tmp_path)
    with pytest.raises(JournalError, match="another recorder writes there"):
        writer_of(tmp_path)
    first.close()
    writer_of(tmp_path).close()


@pytest.mark.parametrize("cut_bytes", [1, 64, 127, 128, 129, 5000, 12_928])
def test_a_torn_tail_is_dropped_with_a_count_and_cut_off_when_recording_goes_on(tmp_path, cut_bytes):
    writer = writer_of(tmp_path)
    writer.append(market_block(1, 100))
    writer.append(market_block(101, 100))
    writer.close()
    (tmp_path / "000001.index").unlink()
    file = tmp_path / "000001.journal"
    size = file.stat().st_size
    with file.open("r+b") as handle:
        handle.truncate(size - cut_bytes)
    block_bytes = 128 + 100 * 128
    journal = Journal(tmp_path)
    assert sequences(tmp_path) == list(range(1, 101))
    assert journal.torn_bytes == block_bytes - cut_bytes
    assert journal.torn_records == (100 if 0 < journal.torn_bytes >= 128 else 0)
    writer = writer_of(tmp_path)
    assert writer.recovered.torn_bytes == block_bytes - cut_bytes
    writer.append(market_block(101, 7))
    writer.close()
    assert sequences(tmp_path) == list(range(1, 108))
    assert Journal(tmp_path).torn_bytes == 0
    assert sound(tmp_path)


def test_garbage_behind_the_last_block_is_torn_even_when_it_looks_like_an_older_block(tmp_path):
    writer = writer_of(tmp_path)
    for first in (1, 101, 201):
        writer.append(market_block(first, 100))
    writer.close()
    file = tmp_path / "000001.journal"
    data = file.read_bytes()
    block = data[-(128 + 100 * 128) :]
    file.write_bytes(data + block)
    (tmp_path / "000001.index").unlink()
    assert sequences(tmp_path) == list(range(1, 301))
    assert Journal(tmp_path).torn_bytes == len(block)


def test_a_flipped_bit_is_never_read_as_a_record(tmp_path):
    writer = writer_of(tmp_path, SMALL)
    append_many(writer, 1, 12_000)
    writer.close()
    file = tmp_path / "000001.journal"
    data = bytearray(file.read_bytes())
    data[200_000] ^= 4
    file.write_bytes(data)
    journal = Journal(tmp_path)
    with pytest.raises(JournalError, match="is damaged"):
        list(journal.records(MARKET, 7))
    assert any("is damaged" in text for text in verify(Journal(tmp_path, use_index=False)).problems)


def test_a_damaged_header_inside_is_named_and_what_follows_it_in_the_file_is_missing(tmp_path):
    writer = writer_of(tmp_path, SMALL)
    append_many(writer, 1, 12_000)
    writer.close()
    file = tmp_path / "000001.journal"
    data = bytearray(file.read_bytes())
    start = int(Journal(tmp_path).segments[0].offsets[3])
    data[start + 20] ^= 1
    file.write_bytes(data)
    problems = verify(Journal(tmp_path, use_index=False)).problems
    assert any(f"no block at offset {start}" in text for text in problems)
    assert any("is followed by block" in text for text in problems)


def test_another_layout_is_refused_naming_both(tmp_path, monkeypatch):
    monkeypatch.setattr("hft.journal.blocks.LAYOUT_HASH", 0x1234)
    writer = writer_of(tmp_path)
    writer.append(market_block(1, 10))
    writer.close()
    with pytest.raises(JournalError, match="0x0000000000001234 was written by another build"):
        Journal(tmp_path)


def test_a_directory_without_a_journal_says_so(tmp_path):
    with pytest.raises(JournalError, match="no journal there"):
        Journal(tmp_path)
    with pytest.raises(JournalError, match="No such file"):
        Journal(tmp_path / "absent")
