"""The sums that `hft demo` stands for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hft.demo.figures import Figures, FigureSource
from hft.stats import StatsBuilder

WHOLE = Figures(
    sent=10, decoded=7, gaps=3, published=12, consumed=8, lost_ring=3, unread=1,
    intents=4, answered=4, would_send=3, refused=1,
)  # fmt: skip


def test_nothing_is_broken_when_both_sides_agree() -> None:
    assert WHOLE.broken_promises() == []


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("sent", "sent"), ("decoded", "sent"), ("gaps", "sent"), ("published", "published"),
        ("consumed", "published"), ("lost_ring", "published"), ("unread", "published"),
        ("intents", "intents"), ("answered", "intents"), ("would_send", "intents"), ("refused", "intents"),
    ],
)  # fmt: skip
def test_one_count_that_is_off_by_one_breaks_exactly_its_own_sum(name: str, word: str) -> None:
    values = {field: getattr(WHOLE, field) for field in Figures.__dataclass_fields__}
    broken = Figures(**{**values, name: values[name] + 1}).broken_promises()
    assert len(broken) == 1
    assert word in broken[0]


def test_counters_with_labels_are_summed_and_missing_regions_count_as_zero(shm_directory: Path) -> None:
    (shm_directory / "feedd").mkdir()
    builder = StatsBuilder()
    stale = builder.counter("feedd_intents_refused_total", "intents", 0, 'reason="fence_closed"')
    malformed = builder.counter("feedd_intents_refused_total", "intents", 0, 'reason="malformed_intent"')
    writer = builder.create(str(shm_directory / "feedd" / "stats"))
    writer.add(stale, 5)
    writer.add(malformed, 2)
    paperd = shm_directory / "paperd.json"
    paperd.write_text(json.dumps({"sent": 9, "state": "sending"}))

    figures = FigureSource(shm_directory, paperd).read()

    assert (figures.refused, figures.sent, figures.paperd_state) == (7, 9, "sending")
    assert (figures.consumed, figures.published, figures.unread) == (0, 0, 0)
