"""docs/METRICS.md names what watchd counts, and nothing else."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from watchd_harness import Suite, wait_until

from hft import stats

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "METRICS.md"


def test_the_document_names_exactly_what_is_counted(suite: Suite) -> None:
    suite.start()
    counted = {name.split("{", 1)[0] for name in stats.read(str(suite.run / "watchd/stats"))}
    documented = set(re.findall(r"^\| `(watchd_\w+)`", DOCUMENT.read_text(), re.MULTILINE))
    assert counted == documented


def test_kills_late_passes_and_silences_are_counted(suite: Suite) -> None:
    suite.armed()
    suite.ask("kill", by="bob")
    values = stats.read(str(suite.run / "watchd/stats"))
    assert values['watchd_kills_total{reason="operator"}'] == 1
    assert values["watchd_pass_ns"].count > 10
    assert values['watchd_heartbeats_total{daemon="feedd",loop="market"}'] > 0


def test_the_age_of_the_last_heartbeat_grows_while_none_comes(suite: Suite) -> None:
    suite.armed()
    age = 'watchd_heartbeat_age_ns{daemon="braind",loop="brain"}'
    wait_until(lambda: stats.read(str(suite.run / "watchd/stats"))[age] < 200_000_000, "one has come lately")
    os.kill(suite.puppets["braind"].pid, signal.SIGSTOP)
    wait_until(lambda: stats.read(str(suite.run / "watchd/stats"))[age] >= 200_000_000, "200 ms without one")
