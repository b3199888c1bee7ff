"""Histograms fold to exact counts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hft._native import HISTOGRAM_HEADER_WORDS, histogram_bucket
from hft.layout.dtypes import RegionKind, dtype
from hft.regions import Region, load_words
from hft.stats import StatsBuilder
from watchd.exporter.fold import EDGES, EDGES_NS, FINE_BUCKETS, HISTOGRAM_WORDS, exact_edges, fold

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "METRICS.md"


def recorded(values: list[int]) -> NDArray[np.uint64]:
    words = np.zeros(HISTOGRAM_WORDS, np.uint64)
    words[0], words[1], words[2] = len(values), sum(values) % 2**64, max(values, default=0)
    for value in values:
        words[HISTOGRAM_HEADER_WORDS + histogram_bucket(value)] += np.uint64(1)
    return words


times = st.lists(
    st.one_of(st.integers(0, 2**63), st.integers(0, 10_000), st.sampled_from(EDGES_NS)), max_size=60
)


@given(times)
def test_each_count_is_what_counting_one_by_one_gives_at_the_exact_edge(values: list[int]) -> None:
    folded = fold(recorded(values), 10**9)
    counted = [sum(value <= edge for value in values) for edge in exact_edges(EDGES_NS)]
    assert [count for _, count in folded.buckets] == [*counted, len(values)]


@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_counts_without_a_unit_of_time_are_as_exact(values: list[int]) -> None:
    folded = fold(recorded(values), 1)
    counted = [sum(value <= edge for value in values) for edge in exact_edges(EDGES)]
    assert [count for _, count in folded.buckets] == [*counted, len(values)]


def test_no_value_above_an_edge_is_counted_below_it_and_none_is_missed_by_more_than_a_sixteenth() -> None:
    for edges in (EDGES_NS, EDGES):
        for edge, exact in zip(edges, exact_edges(edges), strict=True):
            assert exact <= edge
            assert edge - exact < edge / 16


def test_small_counts_are_exact_at_every_edge() -> None:
    assert exact_edges(EDGES)[:5] == EDGES[:5] == (1, 2, 5, 10, 20)


def test_buckets_are_24_steps_of_1_2_5_and_infinity() -> None:
    les = [le for le, _ in fold(recorded([]), 10**9).buckets]
    assert les[:4] == ["1e-07", "2e-07", "5e-07", "1e-06"]
    assert les[-4:] == ["1.0", "2.0", "5.0", "+Inf"]
    assert len(les) == len(EDGES) + 1 == 25
    assert [float(le) for le in les[:-1]] == [edge / 1e9 for edge in EDGES_NS]


def test_sum_and_maximum_are_in_the_base_unit() -> None:
    folded = fold(recorded([1, 2_000_000_000]), 10**9)
    assert (folded.total, folded.maximum) == (2.000000001, 2.0)


def test_the_largest_value_is_in_the_last_bucket_only() -> None:
    assert [count for _, count in fold(recorded([2**64 - 1]), 10**9).buckets] == [0] * 24 + [1]


def test_what_the_region_holds_is_what_is_folded(shm_directory: Path) -> None:
    builder = StatsBuilder()
    index = builder.histogram("latency_ns", "ns")
    writer = builder.create(str(shm_directory / "stats"))
    values = [int(value) for value in np.random.default_rng(1).lognormal(8, 3, 2000)]
    for value in values:
        writer.record(index, value)
    region = Region.open(writer.path, int(RegionKind.STATS))
    offset = int(region.records(dtype("StatDescriptor"))["value_offset_bytes"][0])
    seen = fold(load_words(region, offset, HISTOGRAM_WORDS), 10**9)
    assert seen == fold(recorded(values), 10**9)
    assert seen.total == sum(values) / 10**9


def test_words_that_can_not_be_a_histogram_are_refused() -> None:
    with pytest.raises(ValueError, match="12 words"):
        fold(np.zeros(12, np.uint64), 1)
    with pytest.raises(ValueError, match="more entries"):
        fold(np.full(HISTOGRAM_WORDS, 2**63, np.uint64), 1)


def test_the_document_lists_the_exact_edges() -> None:
    rows = re.findall(r"^\| exact up to, ns \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert [int(cell) for row in rows for cell in row.split(" | ")] == list(exact_edges(EDGES_NS))
    heads = re.findall(r"^\| (?:\*\*)?`le`(?:\*\*)? \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    written = [cell.strip("*") for row in heads for cell in row.split(" | ")]
    assert written == [le for le, _ in fold(recorded([]), 10**9).buckets[:-1]]
    assert FINE_BUCKETS == 976
