"""`watchd ctl status`: watchd's own document; without watchd, what shared memory and the state file say."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from os import environ

from watchd.ctl.arguments import Options
from watchd.ctl.ask import ask_watchd
from watchd.ctl.settings import Settings
from watchd.ctl.status_text import render
from watchd.ctl_words import EXIT_NO_ANSWER, EXIT_NOT_PERMITTED


def status(options: Options, settings: Settings, show: Callable[[str], None]) -> int:
    """The exit code: 69 or 77 when watchd was not reached, whatever memory said."""
    asked = ask_watchd(options, settings)
    document = asked.document
    reached = asked.exit_code not in (EXIT_NO_ANSWER, EXIT_NOT_PERMITTED)
    if not reached:
        from watchd.ctl.memory_status import read_memory  # numpy and all

        document = read_memory(settings) | document
    if options.json:
        show(json.dumps(document))
    elif reached and not document.get("ok"):
        show(asked.text())
    else:
        show(render(document, colours=sys.stdout.isatty() and "NO_COLOR" not in environ))
    return asked.exit_code
