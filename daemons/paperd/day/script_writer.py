"""Collects the items of a day's script and puts them in order for the kernel."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from paperd.day.kernel import READY, SCRIPT_ITEM
from paperd.itch50 import frame, framed_table

Column = npt.NDArray[np.generic] | bytes | int


class Span(NamedTuple):
    """A stretch of the day, addressed by shares of its length."""

    start_ns: int
    length_ns: int

    def at(self, share: float) -> int:
        return self.start_ns + int(share * self.length_ns)

    def later(self, share: float) -> "Span":
        """As long, but starting a share later."""
        return Span(self.at(share), self.length_ns)


class Script(NamedTuple):
    """What happens at fixed times: SCRIPT_ITEM[m] sorted by time, and the bytes they point into.

    The last `closing_items` wait for the end of the order flow.
    """

    items: "np.recarray[tuple[int], np.dtype[np.record]]"
    raw: npt.NDArray[np.uint8]
    closing_items: int


class ScriptWriter:
    """Collects items in any order; `script()` sorts them by time, ties in the order they were added."""

    def __init__(self) -> None:
        self._columns: list[list[npt.NDArray[np.int64]]] = [[], [], [], [], [], []]
        self._raw: list[bytes] = []
        self._raw_bytes = 0

    def act(
        self, time_ns: npt.ArrayLike, action: int, instrument: npt.ArrayLike, argument: npt.ArrayLike = 0
    ) -> None:
        """Items whose bytes the kernel writes itself; array arguments broadcast together."""
        self._append(time_ns, action, instrument, argument, 0, 0)

    def message(self, time_ns: int, raw: bytes, action: int = READY, instrument: int = 0) -> None:
        """One message given without its length; the kernel sets its time."""
        framed = frame(raw)
        self._append(time_ns, action, instrument, 0, self._raw_bytes, len(framed))
        self._keep(framed)

    def table(self, time_ns: npt.NDArray[np.int64], kind: str, **columns: Column) -> None:
        """One message of a type for each time, given by column."""
        rows = framed_table(kind, len(time_ns))
        for name, column in columns.items():
            rows[name] = column
        size = rows.dtype.itemsize
        self._append(time_ns, READY, 0, 0, self._raw_bytes + size * np.arange(len(rows)), size)
        self._keep(rows.tobytes())

    def _keep(self, raw: bytes) -> None:
        self._raw.append(raw)
        self._raw_bytes += len(raw)

    def _append(self, *values: npt.ArrayLike) -> None:
        for column, value in zip(self._columns, np.broadcast_arrays(*np.atleast_1d(*values)), strict=True):
            column.append(np.asarray(value, np.int64))

    def script(self, close_ns: int) -> Script:
        """The finished script; items at or after `close_ns` wait for the end of the order flow."""
        columns = [np.concatenate(column) for column in self._columns]
        items = np.zeros(len(columns[0]), SCRIPT_ITEM).view(np.recarray)
        names = ("time_ns", "action", "instrument", "argument", "start", "size")
        for name, column in zip(names, columns, strict=True):
            items[name] = column
        items[:] = items[np.argsort(columns[0], kind="stable")]
        raw = np.frombuffer(b"".join(self._raw), np.uint8).copy()
        return Script(items, raw, int(np.count_nonzero(columns[0] >= close_ns)))
