"""docs/METRICS.md is the one table of help texts."""

from __future__ import annotations

from pathlib import Path

from watchd.exporter import help_texts
from watchd.exporter.document import help_texts as texts_of
from watchd.exporter.document import source

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "METRICS.md"


def test_the_help_texts_are_those_of_the_document() -> None:
    assert texts_of(DOCUMENT.read_text()) == help_texts.HELP_TEXTS, "run `make metrics`"


def test_the_module_is_what_make_metrics_writes() -> None:
    assert Path(str(help_texts.__file__)).read_text() == source(DOCUMENT.read_text()), "run `make metrics`"


def test_a_daemons_statistic_is_entered_by_its_exposed_name_with_its_unit() -> None:
    document = (
        "| name | labels | unit | meaning |\n|---|---|---|---|\n"
        "| `feedd_packets_total` | `line` | packets | off the `socket` |\n"
        "| `braind_model_ns` | | ns | one call |\n"
        "| `hft_fence_open` | | bool | holds a token |\n"
    )
    assert texts_of(document) == {
        "hft_feedd_packets_total": "packets: off the socket",
        "hft_braind_model_seconds": "one call",
        "hft_fence_open": "0 or 1: holds a token",
    }


def test_quotes_and_backslashes_survive_being_written_as_python() -> None:
    for meaning in ('say "no"', "it's", 'it\'s "no"', "back\\slash"):
        written: dict[str, object] = {}
        exec(source(f"| `hft_x` | | info | {meaning} |"), written)  # noqa: S102  the text is ours
        assert written["HELP_TEXTS"] == {"hft_x": meaning}
