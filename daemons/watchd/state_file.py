"""What must survive everything: disarmed, armed or killed, since when, and who said so.

One small file of JSON that a person can read with `cat`, one field a line, the last one a SHA-256 over the lines
before it. `save` replaces it whole (watchd/durable.py). So after any failure, a full disk or a SIGKILL at any
moment, `load` finds the old record, the new one, or refuses; never a mixture.

* `load` accepts exactly the bytes that `save` writes for what it read. One changed byte, also in white space,
  is a refusal, and so is a file that someone else than watchd or root could have written.
* `save` returns only when the record is durable. When it raises, the new record may still be there (the fsync of
  the directory failed after the rename): "not known to be durable", which is what the caller must assume.
* One writer: the caller holds watchd's lock. `create` alone may run without it, and never replaces anything.
* Version 2 has pauses by symbol, and is written only when there are any: without them it is version 1, byte for byte.

Errors: StateUnreadable (`missing`: there is no file); `save` and `create` raise OSError, `create` FileExistsError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from watchd import durable
from watchd.states import SuiteState

VERSION: Final = 2
FILE_NAME: Final = "state.json"
FILE_BYTES_MAX: Final = 2 << 20  # all 65536 instruments paused, by their longest names and by id, fit
MODE: Final = 0o640


class StateUnreadable(Exception):
    """The state is unknown, which counts as killed. The message names the file and says how."""

    def __init__(self, path: Path, problem: str, *, missing: bool = False) -> None:
        super().__init__(f"{path}: {problem}")
        self.problem = problem
        self.missing = missing


@dataclass(frozen=True)
class Paused:
    """What may not send new orders, armed or not.

    `symbols`: with the instrument ids that the feed gave them last, 0 = the feed does not have it. `instruments`: ids
    whose symbols nobody knew.
    """

    all: bool = False
    instruments: tuple[int, ...] = ()
    strategies: tuple[int, ...] = ()
    symbols: Mapping[str, int] = field(default_factory=dict)

    @property
    def on_page(self) -> tuple[int, ...]:
        """Instrument ids that are paused on the fence page."""
        return tuple(sorted({*self.instruments, *(at for at in self.symbols.values() if at)}))


@dataclass(frozen=True)
class StateRecord:
    """The suite's state. `reason` is a lower-case CloseReason, `at` UTC in ISO 8601, `uid` the peer's (or watchd's)."""

    state: SuiteState
    reason: str
    detail: str
    by: str
    uid: int
    at: str
    epoch: int
    open_orders: int | None = None
    paused: Paused = Paused()


def encode(record: StateRecord) -> bytes:
    """The file's bytes, ASCII: text that is not (a name from a broken terminal) is escaped, never an error."""
    fields: dict[str, Any] = {"version": VERSION, **asdict(record)}
    if not record.paused.symbols:
        fields["version"] = 1
        del fields["paused"]["symbols"]
    body = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in fields.items()
    )
    digest = sha256(body.encode()).hexdigest()
    return f'{{\n{body},\n  "sha256": "{digest}"\n}}\n'.encode()


def decode(data: bytes) -> StateRecord:
    """The record behind exactly these bytes. Raises ValueError with what is wrong with them."""
    try:
        tree = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"damaged: not JSON ({error})") from None
    if not isinstance(tree, dict):
        raise ValueError("damaged: not an object")  # noqa: TRY004 (the content is wrong, not a type of ours)
    tree.pop("sha256", None)
    version = tree.pop("version", None)
    try:
        record = msgspec.convert(tree, StateRecord, strict=True)
        intact = encode(record) == data
    except (msgspec.ValidationError, ValueError):
        intact = False
    if intact:
        return record
    if isinstance(version, int) and version > VERSION:
        raise ValueError(f"written by a newer watchd (version {version}, this one knows {VERSION})")
    raise ValueError("damaged, or edited by hand: its content does not match its checksum")


class StateFile:
    """`<state_directory>/state.json`."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.path = self.directory / FILE_NAME

    def load(self) -> StateRecord:
        """The record. Raises StateUnreadable for everything else."""
        try:
            return decode(durable.read_trusted(self.path, FILE_BYTES_MAX))
        except FileNotFoundError:
            raise StateUnreadable(self.path, "does not exist", missing=True) from None
        except OSError as error:
            raise StateUnreadable(self.path, f"can not be read: {error.strerror or error}") from error
        except ValueError as error:
            raise StateUnreadable(self.path, str(error)) from None

    def save(self, record: StateRecord) -> None:
        """Replaces the record; durable on return. Raises OSError; leaves no temporary behind."""
        durable.replace(self.path, encode(record), MODE)

    def create(self, record: StateRecord) -> None:
        """Writes the first record; durable on return. Raises FileExistsError when there is a file, OSError."""
        durable.create(self.path, encode(record), MODE)
