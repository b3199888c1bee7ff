"""The `watchd` command: the daemon, and what people and Prometheus use beside it.

    watchd --config FILE        the daemon
    watchd ctl VERB …           what people say to it
    watchd init --by NAME …     the first state of an installation
    watchd exporter …           metrics for Prometheus, a process of its own
    watchd check, halt …        what hft-check.service and hft-halt@.service run

Each part is imported when it is named: `watchd ctl kill` must not wait for what the daemon needs.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

PARTS = {
    "ctl": "watchd.ctl.main",
    "init": "watchd.init",
    "exporter": "watchd.exporter.main",
    "check": "watchd.check",
    "halt": "watchd.halt",
}
DAEMON = "watchd.daemon"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of the part that was named."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    part = PARTS.get(given[0]) if given else None
    return int(importlib.import_module(part or DAEMON).main(given[1:] if part else given))


if __name__ == "__main__":
    sys.exit(main())
