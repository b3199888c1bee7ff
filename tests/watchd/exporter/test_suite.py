"""All of it at once: what a scrape of a whole suite costs, and how many series it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from exporter_harness import Exporter, Scraper, Suite, check_metrics
from feedd_harness import Feed, Feedd

from braind.metrics import Metrics
from watchd.exporter.readings import SERIES_MAX
from watchd.metrics import Metrics as WatchdMetrics

SERIES_EXPECTED = 1000


def whole(suite: Suite, feed: Feed) -> tuple[Feedd, Path]:
    """A real feedd, braind's and watchd's real declarations beside fence, vetoes and files; its configuration."""
    config = suite.directory / "exporter.toml"
    shutil.copy(suite.config, config)
    suite.save_kill()
    Metrics(str(suite.run / "braind" / "stats"), require_huge_pages=False, traded={"ACME": 0, "OTHER": 1})
    WatchdMetrics(suite.run / "watchd" / "stats", require_huge_pages=False)
    return Feedd(suite.directory, feed.keys(), {}, "backoff"), config


def test_a_whole_suite_is_some_hundred_series(
    suite: Suite, feed: Feed, make_exporter: Callable[..., Exporter]
) -> None:
    feedd, config = whole(suite, feed)
    try:
        feedd.start()
        exporter = make_exporter(config)
        text = exporter.get()[1]
        scrapes = [exporter.scrape() for _ in range(5)]
    finally:
        feedd.kill()
    seen, took_s = scrapes[0], min(scrape["hft_exporter_scrape_duration_seconds"] for scrape in scrapes)
    print(f"{len(seen)} series, {len(text)} bytes, scrape {took_s * 1e3:.1f} ms")
    assert check_metrics(text) == ""
    assert seen["hft_exporter_dropped_series"] == 0
    assert [name for name, value in seen.items() if name.startswith("hft_exporter_up") and value != 1] == []
    assert 400 < len(seen) < SERIES_EXPECTED <= SERIES_MAX / 5
    assert took_s < 0.2


def test_scraping_often_makes_no_more_series(suite: Suite) -> None:
    scraper = Scraper(suite.config)
    first = set(scraper.scrape())
    for _ in range(5):
        suite.brain.idle_round()
        assert set(scraper.scrape()) == first
