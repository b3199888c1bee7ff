"""`braind --replay` as a process, and what it said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BRAIND = Path(sys.executable).with_name("braind")


class Replayed:
    """What one `braind --replay` said."""

    def __init__(self, code: int, text: str, document: dict) -> None:
        self.code, self.text, self.document = code, text, document

    @property
    def replays(self) -> list[dict]:
        return [replay for one in self.document["maps"] for replay in one["replays"]]


def replay(journal: Path, *extra: str, **environment: str) -> Replayed:
    """Runs it; the outcome as text and document."""
    out = journal.parent / "outcome.json"
    out.unlink(missing_ok=True)
    done = subprocess.run(
        [BRAIND, "--replay", journal, "--json", out, *extra],
        capture_output=True, text=True, check=False, timeout=240, env={**os.environ, **environment},
    )  # fmt: skip
    document = json.loads(out.read_text()) if out.exists() else {"maps": [], "intents": 0}
    return Replayed(done.returncode, done.stdout + done.stderr, document)
