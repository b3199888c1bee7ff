"""The ledger: everything received and sent, one JSON object a line. It is the judge in all tests.

Every line has `n` (1, 2, …), `ns` (CLOCK_MONOTONIC) and `what`:

    in       a client's message. `ns`: right after the recv() that brought its last byte. `type` and the fields of
             OUCH 5.0, `result`: accepted, accepted_dead, rejected, replaced, cancelled, pending, cancel_rejected,
             modified, answered, duplicate, ignored, dropped (by a fault), malformed (with `hex`)
    out      a message of the sequenced stream. `ns`: when it got its number `sequence`. `copy`: doubled by a fault
    session  connected, login, login_rejected, logout, disconnected, ended, … with `connection`
    control  a request of `paperd ctl` or of the script, as it was obeyed
"""

import time
from pathlib import Path
from typing import Any, BinaryIO

import msgspec


class Ledger:
    """Appends lines; without a file it only counts them."""

    def __init__(self, path: Path | None) -> None:
        self._file: BinaryIO | None = None if path is None else path.open("wb")
        self._encode = msgspec.json.Encoder().encode
        self.lines = 0

    def write(self, what: str, fields: dict[str, Any], ns: int | None = None) -> None:
        self.lines += 1
        if self._file is not None:
            line = {"n": self.lines, "ns": time.monotonic_ns() if ns is None else ns, "what": what} | fields
            self._file.write(self._encode(line) + b"\n")

    def flush(self) -> None:
        """To the file: what is written here survives the end of the process."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
