"""Between two rounds: whatever the shadow book still has to read from the gateway's tables, told before it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from braind.answers import Answers
from braind.brain import Brain
from braind.feed import Feed
from braind.inputs import Inputs
from braind.shadow.layout import HELD, INSTRUMENT, KNOWN, LIVE_ORDERS, NOT_REBUILT, NOT_RECONCILED, UNREAD
from braind.shadow.names import begin_rebuild, take_orders, take_position
from braind.shadow.reconciler import Reconciler, TooManyOrders

# (event name, fields) -> None
Report: TypeAlias = Callable[[str, dict[str, object]], None]


class Keeper:
    """For one feed. `round` after updates were taken, before the next compiled round."""

    def __init__(self, brain: Brain, feed: Feed, answers: Answers, inputs: Inputs, report: Report) -> None:
        self._brain, self._book, self._feed = brain, brain.book, feed
        self._answers, self._inputs, self._report = answers, inputs, report
        self._reconciler = Reconciler(
            feed.gateway_state, feed.gateway_orders, feed.gateway_positions, len(brain.book.orders)
        )
        self._said = ""

    def round(self) -> None:
        """Does what can be done now; the rest in a later round."""
        words = self._book.words
        held = int(words[HELD])
        if held & NOT_REBUILT:
            self._rebuild()
        if words[UNREAD]:
            self._read_positions()
        if held & NOT_RECONCILED and self._reconciler.is_reconciled():
            self._inputs.reconciled(self._feed.reader.cursor)
            words[HELD] &= ~NOT_RECONCILED
            self._report("reconciled", {"orders": int(self._book.words[LIVE_ORDERS])})

    def _rebuild(self) -> None:
        feed = self._feed
        try:
            rebuilt = self._reconciler.rebuild(feed.intents, feed.producer.sequence, self._answers)
        except TooManyOrders as error:
            if self._said != str(error):
                self._said = str(error)
                self._report("the shadow book can not be rebuilt: no more intents", {"reason": self._said})
            return
        if rebuilt is None:
            return
        self._inputs.rebuilt(feed.reader.cursor, rebuilt)
        begin_rebuild(self._book, rebuilt.watermark, rebuilt.horizon, rebuilt.session)
        take_orders(self._book, rebuilt.orders)
        self._report("shadow book rebuilt", {"orders": len(rebuilt.orders), "updates_seq": rebuilt.watermark})

    def _read_positions(self) -> None:
        rows = self._book.rows[:-1]
        for slot in np.flatnonzero((rows[:, INSTRUMENT] != 0) & (rows[:, KNOWN] == 0)):
            instrument_id = int(rows[slot, INSTRUMENT])
            read = self._reconciler.position(instrument_id, self._answers.sequence)
            if read is None:
                return
            self._inputs.position(self._feed.reader.cursor, instrument_id, int(slot), *read)
            take_position(self._book, int(slot), *read)
