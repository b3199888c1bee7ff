"""Names and labels: from what a daemon declared in its stats region to what Prometheus' conventions ask for.

    feedd_packets_total         packets   counter     hft_feedd_packets_total
    braind_tick_to_intent_ns    ns        histogram   hft_braind_tick_to_intent_seconds     (÷ 10⁹)
    lag_records of "recorder"   records   gauge       hft_recorder_lag_records

A counter ends in ``_total`` and nothing else does; a name that does not begin with its daemon's gets it, so two
daemons never meet in one metric.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hft.layout.dtypes import StatKind

PREFIX: Final = "hft_"
NANOSECONDS: Final = 1_000_000_000
Labels = tuple[tuple[str, str], ...]

_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
# Prometheus' own: of histograms and summaries, and of scraping.
_RESERVED = ("le", "quantile", "job", "instance")


@dataclass(frozen=True, slots=True)
class MetricName:
    """The exposed name, and what a stored word is divided by to get the base unit."""

    name: str
    divisor: int


def metric_name(daemon: str, name: str, unit: str, kind: int) -> MetricName:
    """`name` is a legal metric name (StatsBuilder sees to that; a colon becomes ``_``: those are for rules)."""
    base = name.replace(":", "_").removesuffix("_total")
    divisor = 1
    if unit == "ns":
        base, divisor = base.removesuffix("_ns") + "_seconds", NANOSECONDS
    if not base.startswith(f"{daemon}_"):
        base = f"{daemon}_{base}"
    return MetricName(PREFIX + base + ("_total" if kind == StatKind.COUNTER else ""), divisor)


def maximum_name(histogram: str) -> str:
    """The gauge beside a histogram: ``…_seconds`` -> ``…_max_seconds``, anything else gets ``_max``."""
    base = histogram.removesuffix("_seconds")
    return f"{base}_max_seconds" if base != histogram else f"{histogram}_max"


def parse_labels(text: str) -> Labels:
    """`key="value",…` as StatDescriptor holds it. Raises ValueError for anything that is not exactly that."""
    labels: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = _LABEL.match(text, at)
        if not found:
            raise ValueError(f'labels {text!r}: not key="value" at {at}')
        key = found[1]
        if key in _RESERVED or key.startswith("__") or key in dict(labels):
            raise ValueError(f"labels {text!r}: {key} is reserved or named twice")
        labels.append((key, re.sub(r'\\[\\"n]', lambda escape: _ESCAPES[escape[0]], found[2])))
        at = found.end()
        if at < len(text):
            if text[at] != "," or at + 1 == len(text):
                raise ValueError(f"labels {text!r}: a comma and another label expected at {at}")
            at += 1
    return tuple(labels)
