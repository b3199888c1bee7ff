"""`watchd ctl tail`: the event journal, last lines first asked for, then what comes, over rotations."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from watchd.ctl.arguments import Options
from watchd.ctl.settings import Settings
from watchd.ctl_words import EXIT_DONE, EXIT_NOT_PERMITTED, EXIT_REFUSED
from watchd.event_journal import Follower

LOOK_S: Final = 0.1


def tail(
    options: Options,
    settings: Settings,
    show: Callable[[str], None],
    complain: Callable[[str], None],
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """The exit code. Follows until ctrl-C; `stopped` is for tests."""
    follower = Follower(settings.state_directory, options.lines)
    try:
        events = follower.poll()
        if not events and not options.follow:
            complain(f"{settings.state_directory}/events.jsonl: there are no events")
            return EXIT_REFUSED
        while True:
            for event in events:
                show(json.dumps(event) if options.json else line_of(event))
            if (
                not options.follow or stopped() or sys.stdout is None
            ):  # None: the other end of a pipe has gone
                return EXIT_DONE
            time.sleep(LOOK_S)
            events = follower.poll()
    except PermissionError as error:
        complain(f"{error.filename}: not permitted → docs/RUNBOOK.md#not-permitted")
        return EXIT_NOT_PERMITTED
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_DONE
    finally:
        follower.close()


def line_of(event: Mapping[str, Any]) -> str:
    """Date and time without its zone (UTC), the event, its fields."""
    at = str(event.get("at", "")).rstrip("Z").replace("T", " ")
    fields = " ".join(
        f"{name}={_value(value)}" for name, value in event.items() if name not in ("ts_ns", "at", "event")
    )
    return f"{at:<26}  {event['event']}  {fields}".rstrip()


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return json.dumps(printable, ensure_ascii=False) if " " in printable or not printable else printable
