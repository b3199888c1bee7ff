"""Readings become families that Prometheus takes as a whole."""

from __future__ import annotations

from exporter_harness import series
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from watchd.exporter.fold import Folded
from watchd.exporter.readings import Families, Reading, Type, counter, gauge, one_hot

FOLDED = Folded((("1.0", 2), ("+Inf", 3)), 4.5, 3.0)


def exposed(families: Families) -> str:
    class Once(Collector):
        def collect(self) -> list[Metric]:
            return families.metrics()

    registry = CollectorRegistry()
    registry.register(Once())
    return generate_latest(registry).decode()


def test_each_family_has_one_type_one_help_text_and_its_series() -> None:
    families = Families({"hft_a": "what a is", "hft_b_total": "b: with a \\ in it"})
    assert families.add(gauge("hft_a", 1, by="x"))
    assert families.add(counter("hft_b_total", 2))
    assert families.add(gauge("hft_a", 3, by="y"))
    assert exposed(families).splitlines() == [
        "# HELP hft_a what a is",
        "# TYPE hft_a gauge",
        'hft_a{by="x"} 1.0',
        'hft_a{by="y"} 3.0',
        "# HELP hft_b_total b: with a \\\\ in it",
        "# TYPE hft_b_total counter",
        "hft_b_total 2.0",
    ]
    assert (families.series, families.dropped) == (3, 0)


def test_a_metric_that_no_document_knows_is_exposed_with_the_text_it_brings() -> None:
    families = Families({})
    families.add(Reading("hft_new", Type.GAUGE, 1, fallback_help="Gauge new of x"))
    assert "# HELP hft_new Gauge new of x\n" in exposed(families)


def test_a_histogram_has_cumulative_buckets_sum_and_count() -> None:
    families = Families({})
    families.add(Reading("hft_h", Type.HISTOGRAM, FOLDED, (("by", "x"),)))
    assert series(exposed(families)) == {
        'hft_h_bucket{by="x",le="1.0"}': 2,
        'hft_h_bucket{by="x",le="+Inf"}': 3,
        'hft_h_sum{by="x"}': 4.5,
        'hft_h_count{by="x"}': 3,
    }
    assert families.series == 4


def test_a_series_that_is_there_already_is_left_out_and_counted() -> None:
    families = Families({})
    assert families.add(gauge("hft_a", 1, x="1", y="2"))
    assert not families.add(gauge("hft_a", 2, y="2", x="1"))
    assert (series(exposed(families)), families.dropped) == ({'hft_a{x="1",y="2"}': 1}, 1)


def test_a_name_of_another_type_is_left_out_and_counted() -> None:
    families = Families({})
    assert families.add(gauge("hft_a", 1))
    assert not families.add(Reading("hft_a", Type.HISTOGRAM, FOLDED))
    assert families.add(Reading("hft_h", Type.HISTOGRAM, FOLDED))
    assert not families.add(gauge("hft_h_sum", 1))
    assert families.dropped == 5


def test_what_goes_beyond_the_bound_is_left_out_and_counted() -> None:
    families = Families({}, series_max=3)
    added = [families.add(gauge("hft_a", index, index=str(index))) for index in range(5)]
    assert (added, families.dropped, families.series) == ([True] * 3 + [False] * 2, 2, 3)


def test_exactly_one_of_the_possible_values_holds() -> None:
    def holds(now: str) -> list[str]:
        return [
            dict(reading.labels)["state"]
            for reading in one_hot("hft_s", "state", ("a", "b"), now)
            if reading.value
        ]

    assert [holds("a"), holds("b"), holds("z")] == [["a"], ["b"], ["unknown"]]


def test_label_values_are_escaped() -> None:
    families = Families({})
    families.add(gauge("hft_a", 1, text='say "no"\\\nor yes'))
    assert 'hft_a{text="say \\"no\\"\\\\\\nor yes"} 1.0\n' in exposed(families)
    assert list(series(exposed(families))) == ['hft_a{text="say "no"\\\nor yes"}']
