"""docs/METRICS.md and the running daemon name the same statistics."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from feedd_harness import Feed, Feedd

from hft.stats import StatsReader

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "METRICS.md"
PROMETHEUS_NAME = re.compile(r'[a-z_][a-z0-9_]*(\{[a-z_]+="[A-Za-z0-9_]+"(,[a-z_]+="[A-Za-z0-9_]+")*\})?')


def test_every_statistic_is_documented_with_its_unit_and_no_other(
    make_feedd: Callable[..., Feedd], feed: Feed
) -> None:
    feedd = make_feedd(feed.keys()).start()
    units = StatsReader(str(feedd.run_directory / "feedd" / "stats")).units()
    exported = {(re.sub(r"\{.*", "", name), unit) for name, unit in units.items()}
    rows = re.findall(r"^\| `(feedd_\w+)` \|[^|]*\| (\w+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert sorted(exported) == sorted(rows)


def test_every_name_is_one_that_prometheus_takes(make_feedd: Callable[..., Feedd], feed: Feed) -> None:
    feedd = make_feedd(feed.keys()).start()
    names = StatsReader(str(feedd.run_directory / "feedd" / "stats")).units()
    assert [name for name in names if not PROMETHEUS_NAME.fullmatch(name)] == []
