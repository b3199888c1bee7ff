"""What people tightened, over restarts: `<state_directory>/limits.json`, replaced whole, with a checksum.

As the state file (state_file.py): `load` accepts exactly the bytes that `save` writes, of a file that nobody but watchd
or root could have written. Everything else is LimitsUnreadable; then the page of this boot is all that is known.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from watchd import durable
from watchd.ctl_words import LIMITS, LIMITS_OF_A_SYMBOL
from watchd.limits import Tightened

VERSION: Final = 1
FILE_NAME: Final = "limits.json"
FILE_BYTES_MAX: Final = 1 << 18
MODE: Final = 0o640


class LimitsUnreadable(Exception):
    """The message names the file and says how. `missing`: there is none."""

    def __init__(self, path: Path, problem: str, *, missing: bool = False) -> None:
        super().__init__(f"{path}: {problem}")
        self.missing = missing


def encode(tightened: Tightened) -> bytes:
    """The file's bytes: one line a field, the last one a SHA-256 over the lines before it."""
    fields = {"version": VERSION, **asdict(tightened)}
    body = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in fields.items()
    )
    return f'{{\n{body},\n  "sha256": "{sha256(body.encode()).hexdigest()}"\n}}\n'.encode()


def decode(data: bytes) -> Tightened:
    """What is behind exactly these bytes. Raises ValueError."""
    try:
        tree = json.loads(data.decode("ascii"))
        assert isinstance(tree, dict)
        fields = {name: value for name, value in tree.items() if name not in ("version", "sha256")}
        found = msgspec.convert(fields, Tightened, strict=True)
    except (ValueError, RecursionError, AssertionError, msgspec.ValidationError):
        raise ValueError("damaged") from None
    known = set(found.account) <= set(LIMITS)
    known = known and all(set(own) <= set(LIMITS_OF_A_SYMBOL) for own in found.symbols.values())
    if not known or encode(found) != data:
        raise ValueError("damaged, edited by hand, or written by another version")
    return found


def load(directory: Path) -> Tightened:
    """Raises LimitsUnreadable."""
    path = directory / FILE_NAME
    try:
        return decode(durable.read_trusted(path, FILE_BYTES_MAX))
    except FileNotFoundError:
        raise LimitsUnreadable(path, "does not exist", missing=True) from None
    except (OSError, ValueError) as error:
        raise LimitsUnreadable(path, str(error)) from error


def save(directory: Path, tightened: Tightened) -> None:
    """Durable on return. Raises OSError."""
    durable.replace(directory / FILE_NAME, encode(tightened), MODE)
