"""docs/METRICS.md as the one table of help texts: `make metrics` makes help_texts.py from it, a test holds them equal.

    python -m watchd.exporter.document docs/METRICS.md > daemons/watchd/exporter/help_texts.py

A row is ``| `name` | labels | unit | meaning |``; daemons' statistics are entered under the names they are exposed by.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from hft.layout.dtypes import StatKind
from watchd.exporter.names import PREFIX, metric_name

_ROW = re.compile(r"^\| `([a-z]+_\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)
_SAID_BY_THE_NAME = ("ns", "s", "bytes", "info")
_UNITS = {"bool": "0 or 1"}
_HEAD = '''"""What docs/METRICS.md says of each metric, by exposed name, made by `make metrics`: edit that file."""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

from typing import Final

HELP_TEXTS: Final[dict[str, str]] = {
'''


def rows(document: str) -> list[tuple[str, str, str, str]]:
    """(name, labels, unit, meaning) of every metric in the text of METRICS.md."""
    return [
        (name, labels.strip(), unit.strip(), text.strip())
        for name, labels, unit, text in _ROW.findall(document)
    ]


def help_texts(document: str) -> dict[str, str]:
    """Unit and meaning by exposed name, as the document's columns are read: `packets: longer than 9216 bytes`."""
    texts = {}
    for name, _, unit, meaning in rows(document):
        counted = "" if unit in _SAID_BY_THE_NAME else f"{_UNITS.get(unit, unit)}: "
        texts[exposed_name(name, unit)] = counted + meaning.replace("`", "")
    return texts


def exposed_name(name: str, unit: str) -> str:
    """Of a row: `hft_…` as it is, a daemon's statistic as stats.py exposes it."""
    if name.startswith(PREFIX):
        return name
    kind = StatKind.COUNTER if name.endswith("_total") else StatKind.GAUGE
    return metric_name(name.partition("_")[0], name, unit, int(kind)).name


def source(document: str) -> str:
    """help_texts.py for the text of METRICS.md."""
    lines = [f"    {_quoted(name)}: {_quoted(text)},\n" for name, text in help_texts(document).items()]
    return _HEAD + "".join(lines) + "}\n"


def _quoted(text: str) -> str:
    """As the formatter writes strings: double quotes unless that means more escapes."""
    escaped = text.replace("\\", "\\\\")
    return f"'{escaped}'" if '"' in text and "'" not in text else '"' + escaped.replace('"', '\\"') + '"'


if __name__ == "__main__":
    sys.stdout.write(source(Path(sys.argv[1]).read_text(encoding="utf-8")))
