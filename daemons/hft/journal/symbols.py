"""Names of instruments at any place of a recorded run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hft.journal.reader import Journal
from hft.layout.dtypes import SYMBOL_FACT, JournalStream

INSTRUMENTS = 65536


class InstrumentNames:
    """Names by instrument id in one generation, as the recorder found them on the board."""

    def __init__(self, journal: Journal, generation: int) -> None:
        parts = [block.records() for block in journal.blocks(JournalStream.SYMBOLS, generation)]
        facts = np.concatenate(parts) if parts else np.zeros(0, SYMBOL_FACT)
        self._facts = np.unique(facts[np.argsort(facts["sequence"], kind="stable")])
        self._facts = self._facts[np.argsort(self._facts["sequence"], kind="stable")]
        self._names: NDArray[np.str_] = np.zeros(INSTRUMENTS, "U16")
        self._used = 0
        # An id has its first name from the start: records may come before the board's entry.
        self._take(self._facts[np.unique(self._facts["instrument_id"], return_index=True)[1]])

    def at(self, sequence: int) -> NDArray[np.str_]:
        """U16[instruments] after that record."""
        due = int(np.searchsorted(self._facts["sequence"], sequence, side="right"))
        if due > self._used:
            self._names = self._names.copy()  # the one given out before stays as it was
            self._take(self._facts[self._used : due])
            self._used = due
        return self._names

    def _take(self, facts: NDArray[np.void]) -> None:
        text = np.char.decode(np.ascontiguousarray(facts["symbol"]).view("S16")[:, 0], "latin-1")
        self._names[facts["instrument_id"]] = np.char.rstrip(text)
