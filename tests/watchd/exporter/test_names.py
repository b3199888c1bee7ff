"""Names and labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft.layout.dtypes import StatKind
from watchd.exporter.names import maximum_name, metric_name, parse_labels

COUNTER, GAUGE, HISTOGRAM = (int(kind) for kind in (StatKind.COUNTER, StatKind.GAUGE, StatKind.HISTOGRAM))


@pytest.mark.parametrize(
    ("daemon", "name", "unit", "kind", "exposed", "divisor"),
    [
        ("feedd", "feedd_packets_total", "packets", COUNTER, "hft_feedd_packets_total", 1),
        ("feedd", "feedd_start_time_seconds", "s", GAUGE, "hft_feedd_start_time_seconds", 1),
        ("braind", "braind_model_ns", "ns", HISTOGRAM, "hft_braind_model_seconds", 10**9),
        ("braind", "braind_busy_ns_total", "ns", COUNTER, "hft_braind_busy_seconds_total", 10**9),
        ("braind", "braind_age", "ns", GAUGE, "hft_braind_age_seconds", 10**9),
        ("recorder", "lag_records", "records", GAUGE, "hft_recorder_lag_records", 1),
        ("recorder", "feedd_packets_total", "", COUNTER, "hft_recorder_feedd_packets_total", 1),
        ("feedd", "feedd_drops", "packets", COUNTER, "hft_feedd_drops_total", 1),
        ("feedd", "feedd_odd_total", "packets", GAUGE, "hft_feedd_odd", 1),
        ("feedd", "feedd_a:b", "", GAUGE, "hft_feedd_a_b", 1),
    ],
)
def test_a_statistic_is_exposed_by_the_name_prometheus_expects(
    daemon: str, name: str, unit: str, kind: int, exposed: str, divisor: int
) -> None:
    made = metric_name(daemon, name, unit, kind)
    assert (made.name, made.divisor) == (exposed, divisor)


def test_a_maximum_keeps_its_unit_last() -> None:
    assert maximum_name("hft_braind_model_seconds") == "hft_braind_model_max_seconds"
    assert maximum_name("hft_feedd_batch") == "hft_feedd_batch_max"


def test_labels_are_taken_apart() -> None:
    assert parse_labels("") == ()
    assert parse_labels('line="a"') == (("line", "a"),)
    assert parse_labels('line="a",reason="b,c=\\"d\\""') == (("line", "a"), ("reason", 'b,c="d"'))


@given(st.dictionaries(st.from_regex(r"[a-km-pr-z][a-z0-9]{1,5}_", fullmatch=True), st.text(), max_size=4))
def test_any_value_survives_its_escaping(labels: dict[str, str]) -> None:
    def escaped(value: str) -> str:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    text = ",".join(f'{key}="{escaped(value)}"' for key, value in labels.items())
    assert dict(parse_labels(text)) == labels


@pytest.mark.parametrize(
    "text",
    [
        "line", "line=a", 'line="a', 'line="a",', 'line="a"b="c"', '1ine="a"', ',line="a"', 'line="a" ,b="c"',
        'line="a\nb"', 'line="\\x"', 'le="1"', 'quantile="1"', 'job="x"', '__name__="x"', 'line="a",line="b"',
    ],
)  # fmt: skip
def test_what_is_not_exactly_labels_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="labels"):
        parse_labels(text)
