"""Stats regions: written by a daemon, read by anybody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft import stats
from hft._native import histogram_bucket, histogram_bucket_floor
from hft.regions import RegionError, RegionMissing


def _written(directory: Path, values: list[int]) -> stats.Histogram:
    builder = stats.StatsBuilder()
    latency = builder.histogram("latency_ns", "ns")
    writer = builder.create(str(directory / "stats"))
    for value in values:
        writer.record(latency, value)
    seen = stats.read(writer.path)["latency_ns"]
    assert isinstance(seen, stats.Histogram)
    return seen


def test_values_are_read_by_their_prometheus_names(shm_directory: Path) -> None:
    builder = stats.StatsBuilder()
    a = builder.counter("packets_total", "packets", labels='line="a"')
    b = builder.counter("packets_total", "packets", labels='line="b"')
    lag = builder.gauge("lag_records", "records", writer=1)
    writer = builder.create(str(shm_directory / "stats"))
    writer.add(a)
    writer.add(a, 4)
    writer.add(b, 7)
    writer.set(lag, 2**63)
    reader = stats.StatsReader(writer.path)
    assert reader.read() == {'packets_total{line="a"}': 5, 'packets_total{line="b"}': 7, "lag_records": 2**63}
    assert reader.units()["lag_records"] == "records"
    writer.set(lag, 1)
    assert reader.read()["lag_records"] == 1


def test_a_histogram_has_exact_count_mean_and_maximum(shm_directory: Path) -> None:
    seen = _written(shm_directory, [1, 2, 3, 1000])
    assert (seen.count, seen.sum, seen.max, seen.mean, seen.unit) == (4, 1006, 1000, 251.5, "ns")
    assert seen.percentile(100) == 1000
    assert seen.percentile(50) == 2


def test_an_empty_histogram_has_zeros(shm_directory: Path) -> None:
    seen = _written(shm_directory, [])
    assert (seen.count, seen.mean, seen.percentile(50), seen.percentile(100)) == (0, 0.0, 0, 0)


def test_a_percentile_is_never_too_low_and_at_most_a_sixteenth_too_high(shm_directory: Path) -> None:
    values = np.random.default_rng(3).lognormal(8, 2, 5000).astype(np.int64)
    seen = _written(shm_directory, [int(value) for value in values])
    for per_mille in (10, 500, 900, 990, 999):
        exact = int(np.sort(values)[5 * per_mille - 1])
        assert exact <= seen.percentile(per_mille / 10) <= exact * 17 // 16 + 1


def test_a_percentile_outside_its_range_is_refused(shm_directory: Path) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        _written(shm_directory, [1]).percentile(100.5)


@given(st.integers(0, 2**64 - 1))
def test_a_bucket_holds_its_value(value: int) -> None:
    index = histogram_bucket(value)
    assert histogram_bucket_floor(index) <= value
    assert index == 975 or value < histogram_bucket_floor(index + 1)


def test_values_are_written_as_what_they_were_declared(shm_directory: Path) -> None:
    builder = stats.StatsBuilder()
    counter, histogram = builder.counter("c_total", ""), builder.histogram("h", "")
    writer = builder.create(str(shm_directory / "stats"))
    for wrong in (
        lambda: writer.add(histogram),
        lambda: writer.set(histogram, 1),
        lambda: writer.record(counter, 1),
        lambda: writer.add(99),
    ):
        with pytest.raises(IndexError):
            wrong()
    assert stats.read(writer.path)["c_total"] == 0


def test_bad_names_and_missing_regions_are_refused(shm_directory: Path) -> None:
    builder = stats.StatsBuilder()
    with pytest.raises(RegionError, match="legal"):
        builder.counter("has-dash", "")
    builder.counter("twice", "")
    with pytest.raises(RegionError, match="twice"):
        builder.gauge("twice", "")
    builder.counter("n" * 56, "")
    with pytest.raises(RegionError, match="longer than 55"):
        builder.create(str(shm_directory / "stats"))
    assert not list(shm_directory.iterdir())
    with pytest.raises(RegionMissing):
        stats.read(str(shm_directory / "stats"))


def test_a_reader_learns_that_its_daemon_was_restarted(shm_directory: Path) -> None:
    builder = stats.StatsBuilder()
    builder.counter("c_total", "")
    first = builder.create(str(shm_directory / "stats"))
    reader = stats.StatsReader(first.path)
    builder.create(first.path)
    assert reader.retired
    assert stats.StatsReader(first.path).generation > reader.generation
