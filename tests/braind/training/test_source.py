"""A journal as training data: its records, and a gap wherever something is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from braind.training import TrainingError
from braind.training.source import JournalSource
from hft.layout.dtypes import EventKind

sys.path.insert(0, str(Path(__file__).parents[2] / "hft" / "journal"))
from journal_bench import market_block, writer_of


def written(directory, *blocks) -> JournalSource:
    writer = writer_of(directory)
    for first, count, generation in blocks:
        writer.append(market_block(first, count, generation))
    writer.close()
    return JournalSource(directory)


def test_records_come_as_they_were_recorded(tmp_path):
    source = written(tmp_path, (1, 100, 7), (101, 50, 7))
    events = np.concatenate(list(source.batches()))
    assert events["sequence"].tolist() == list(range(1, 151))


def test_a_loss_and_another_feed_are_gaps(tmp_path):
    source = written(tmp_path, (1, 100, 7), (201, 50, 7), (1, 30, 8))
    events = np.concatenate(list(source.batches()))
    gaps = np.flatnonzero(events["kind"] == EventKind.GAP)
    assert gaps.tolist() == [100, 151]
    assert (events["instrument_id"][gaps] == 0).all()


def test_its_hash_is_that_of_the_market_records(tmp_path):
    one = written(tmp_path / "one", (1, 100, 7))
    same = written(tmp_path / "same", (1, 100, 7))
    other = written(tmp_path / "other", (1, 101, 7))
    assert one.sha256() == same.sha256() != other.sha256()


def test_what_is_no_journal_is_a_training_error(tmp_path):
    with pytest.raises(TrainingError, match="no journal there"):
        JournalSource(tmp_path)
