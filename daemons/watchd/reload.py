"""SIGHUP (systemctl reload hft-watchd): the configuration is read again, and [watchd.alert] taken over.

Everything else was given to loops, pages and other processes at the start and stays as it was then; what differs in the
file is told, so that nobody believes it is in force. Limits are tightened by `watchd ctl limits set`. A file that
would be refused at a start changes nothing. Runs in the scribe's thread: a disk that hangs delays no pass.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from hft.config import Config, ConfigError, load
from watchd.alert import Alert, AlertConfigError, webhook_address

RELOADED_ALONE = "watchd.alert"

Event = Callable[[str, Mapping[str, Any]], None]


class Reload:
    """Of one process. `notify` is sd_notify(3)."""

    def __init__(
        self, path: Path, started_with: Config, alert: Alert, notify: Callable[[str], Any], event: Event
    ) -> None:
        self._path, self._started_with, self._alert = path, started_with, alert
        self._notify, self._event = notify, event

    def __call__(self) -> None:
        self._notify("RELOADING=1")
        try:
            fresh = load(self._path)
            alert = fresh.watchd.alert
            self._alert.configure(alert.command, webhook_address(alert.webhook, os.environ), alert.timeout_s)
        except (ConfigError, AlertConfigError) as error:
            self._event("reload_refused", {"problem": str(error)})
        else:
            waits = [
                key for key in different(self._started_with, fresh) if not key.startswith(RELOADED_ALONE)
            ]
            self._event("reloaded", {"taken": RELOADED_ALONE, "needs_restart": waits})
        finally:
            self._notify("READY=1")


def different(was: Struct, now: Struct, within: str = "") -> list[str]:
    """Full names of the keys that differ."""
    found: list[str] = []
    for name in was.__struct_fields__:
        one, other, key = getattr(was, name), getattr(now, name), f"{within}{name}"
        if isinstance(one, Struct) and isinstance(other, Struct):
            found += different(one, other, f"{key}.")
        elif one != other:
            found.append(key)
    return found
