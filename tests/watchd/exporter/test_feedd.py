"""A real feedd's statistics through the exporter: whole, clean, and still there after a SIGKILL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from exporter_harness import Exporter, Scraper, check_metrics, wait_until
from feedd_harness import Feed, Feedd, split_capture

from hft.layout.dtypes import StatKind
from hft.stats import Histogram, StatsReader
from paperd.day import DayConfig, generate_day
from watchd.exporter.help_texts import HELP_TEXTS
from watchd.exporter.names import metric_name

MESSAGES = 2000


@pytest.fixture
def fed(feedd: Feedd, feed: Feed) -> Feedd:
    """feedd after some thousand messages on both lines."""
    messages = split_capture(generate_day(DayConfig(seed=7, instruments=5, messages=MESSAGES)).tobytes())[
        :MESSAGES
    ]
    for first in range(0, MESSAGES, 20):
        feed.send(first + 1, messages[first : first + 20])
    feedd.wait_for_stat("feedd_messages_decoded_total", MESSAGES)
    return feedd


def stats_path(feedd: Feedd) -> str:
    return str(feedd.run_directory / "feedd" / "stats")


def test_every_statistic_is_exposed_with_its_value(fed: Feedd) -> None:
    scraper = Scraper(fed.config)
    assert fed.stop() == 0  # so that nothing moves between the two readings
    seen = scraper.scrape()
    reader = StatsReader(stats_path(fed))
    units = reader.units()
    for name, value in reader.read().items():
        base, brace, labels = name.partition("{")
        kind = StatKind.COUNTER if base.endswith("_total") else StatKind.GAUGE
        exposed = metric_name("feedd", base, units[name], int(kind))
        if isinstance(value, Histogram):
            assert seen[f"{exposed.name}_count{brace}{labels}"] == value.count
            assert seen[f"{exposed.name}_sum{brace}{labels}"] == value.sum / exposed.divisor
            assert seen[exposed.name.replace("_seconds", "_max_seconds")] == value.max / exposed.divisor
        else:
            assert seen[f"{exposed.name}{brace}{labels}"] == value / exposed.divisor, name
    assert seen["hft_feedd_messages_decoded_total"] == MESSAGES


def test_promtool_finds_nothing_to_say_and_every_metric_is_documented(
    fed: Feedd, make_exporter: Callable[..., Exporter]
) -> None:
    status, text = make_exporter(fed.config).get()
    assert status == 200
    assert check_metrics(text) == ""
    helps = dict(
        line.removeprefix("# HELP ").split(" ", 1) for line in text.splitlines() if line.startswith("# HELP")
    )
    undocumented = {name for name in helps if name not in HELP_TEXTS}
    assert undocumented == {name for name in helps if name.endswith("_max_seconds")} != set()


def test_a_killed_feedds_last_values_stay_and_are_said_to_be_its_last(
    fed: Feedd, make_exporter: Callable[..., Exporter]
) -> None:
    exporter = make_exporter(fed.config)
    alive = exporter.scrape()
    assert (
        alive['hft_daemon_alive{daemon="feedd"}']
        == alive['hft_region_writer_alive{region="feedd/stats"}']
        == 1
    )
    fed.kill()
    dead = exporter.scrape()
    assert dead["hft_feedd_messages_decoded_total"] == MESSAGES
    assert dead['hft_exporter_up{source="feedd/stats"}'] == 1
    assert dead['hft_region_retired{region="feedd/stats"}'] == 0  # nobody was left to say goodbye
    assert (
        dead['hft_daemon_alive{daemon="feedd"}'] == dead['hft_region_writer_alive{region="feedd/stats"}'] == 0
    )
    # An exporter that starts only now sees the same.
    later = Scraper(fed.config).scrape()
    assert {name: value for name, value in later.items() if name.startswith("hft_feedd_")} == {
        name: value for name, value in dead.items() if name.startswith("hft_feedd_")
    }


def test_a_restarted_feedd_takes_over_in_the_same_exporter(
    fed: Feedd, make_exporter: Callable[..., Exporter]
) -> None:
    exporter = make_exporter(fed.config)
    first = exporter.scrape()
    fed.kill()
    fed.start()
    second = exporter.scrape()
    assert (first["hft_feedd_messages_decoded_total"], second["hft_feedd_messages_decoded_total"]) == (
        MESSAGES,
        0,
    )
    born = 'hft_region_created_timestamp_seconds{region="feedd/stats"}'
    assert second[born] > first[born]
    assert second['hft_daemon_alive{daemon="feedd"}'] == 1


def test_maps_of_replaced_regions_are_given_up(fed: Feedd, make_exporter: Callable[..., Exporter]) -> None:
    exporter = make_exporter(fed.config)
    assert exporter.process is not None
    maps = Path(f"/proc/{exporter.process.pid}/maps")

    def mapped() -> int:
        return len([line for line in maps.read_text().splitlines() if "/run/feedd/" in line])

    exporter.scrape()
    before = mapped()
    for _ in range(3):
        fed.kill()
        fed.start()
        exporter.scrape()
    assert before > 0
    wait_until(lambda: mapped() == before, "old generations are unmapped")
    assert len(list(Path(f"/proc/{exporter.process.pid}/fd").iterdir())) < 20
