"""The loop around the compiled step: map the feed, resolve instruments, read answers, publish figures.

no feed ──map──► running ──feed retired and read to its end──► no feed

Whatever it does between two rounds that changes what follows is told in inputs.ring, before it can matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from braind.answers import Answers
from braind.brain import Brain
from braind.checkpoint import Checkpoints, Place
from braind.controls import Controls
from braind.counts import Count, StoppedFor
from braind.feed import Feed, FeedMapper
from braind.idle import Idle
from braind.inputs import Inputs
from braind.instruments import Instruments
from braind.metrics import Metrics, State
from braind.pin import Pin
from braind.shadow.keeper import Keeper
from braind.shadow.layout import ANSWERED, HELD, NOT_REBUILT, NOT_RECONCILED, UNREAD, Divergence
from hft.layout.dtypes import LoopState, VetoReason
from hft.regions import monotonic_ns

RECORDS_A_ROUND = 65_536
PUBLISH_INTERVAL_NS = 50_000_000
# Well below watchd's deadline: each wait is a round of the loop's progress.
MAP_INTERVAL_S = 0.005
# Answers to the last intents are awaited this long at a clean end.
DRAIN_NS_MAX = 200_000_000

# (event name, fields) -> None: only what happens once in a while is told.
Report = Callable[[str, dict[str, object]], None]


@dataclass(frozen=True)
class Outlets:
    """Where the loop tells what it does, beside the intents queue."""

    metrics: Metrics
    controls: Controls
    inputs: Inputs
    checkpoints: Checkpoints
    report: Report


class Loop:
    """`run(keep_on)` until `keep_on()` is false, then `finish()`. One thread."""

    def __init__(
        self,
        brain: Brain,
        instruments: Instruments,
        mapper: FeedMapper,
        outlets: Outlets,
        pin: Pin,
        idle: Literal["spin", "backoff"],
    ) -> None:
        self._brain = brain
        self._instruments = instruments
        self._mapper = mapper
        self._metrics, self._controls = outlets.metrics, outlets.controls
        self._inputs, self._checkpoints = outlets.inputs, outlets.checkpoints
        self._report = outlets.report
        self._pin = pin
        self._idle = Idle(idle)
        self._feed: Feed | None = None
        self._answers: Answers | None = None
        self._keeper: Keeper | None = None
        self._lost_before = 0
        self._next_publish_ns = 0
        self._vetoed = False
        self._intents_marked = 0
        self._cursor_marked = 0

    def run(self, keep_on: Callable[[], bool]) -> None:
        """Works until told otherwise; `finish` is then due."""
        self._metrics.set_state(State.WAITING_FOR_FEED)
        self._controls.enter(LoopState.READY)
        while keep_on():
            work = self.do_work()
            self._idle.after(work)
        self._controls.enter(LoopState.DRAINING)

    def do_work(self) -> int:
        """One round; returns how many records it consumed."""
        if self._feed is None:
            self._round_without_feed()
            return 0
        retired = self._feed.retired  # before the last look at its records: they were there first
        work = self._consume(self._feed)
        now_ns = monotonic_ns()
        if now_ns >= self._next_publish_ns:
            self._next_publish_ns = now_ns + PUBLISH_INTERVAL_NS
            self._look_around(self._feed)
        if work == 0 and retired:
            self._leave(self._feed)
        return work

    def _round_without_feed(self) -> None:
        counts = self._brain.counts
        self._controls.round(int(counts[Count.EVENTS]), int(counts[Count.DECISIONS]), 0)
        self._map()
        if self._feed is None:
            self._look_outside()
            time.sleep(MAP_INTERVAL_S)

    def _map(self) -> None:
        feed = self._mapper.poll()
        if feed is None:
            return
        self._feed = feed
        self._answers = Answers(feed.updates, feed.updates_reader)
        self._keeper = Keeper(self._brain, feed, self._answers, self._inputs, self._report)
        self._brain.start_anew(feed.head_at_start, feed.intents.generation, NOT_REBUILT | NOT_RECONCILED)
        self._instruments.forget()
        self._inputs.mapped(feed)
        self._look_outside()
        self._metrics.add_map(feed.ring.generation)
        self._metrics.set_state(State.RUNNING)
        self._report(
            "feed mapped",
            {
                "generation": feed.ring.generation,
                "records": feed.ring.capacity_records,
                "head": feed.head_at_start,
            },
        )

    def _leave(self, feed: Feed) -> None:
        """The feed ended and everything of it is read. Its last answers may still be there."""
        self._publish()
        self._inputs.unmapped(feed.reader.cursor)
        self._lost_before += feed.reader.lost_records
        self._feed = self._answers = self._keeper = None
        self._metrics.set_state(State.WAITING_FOR_FEED)
        self._report("feed ended", {"generation": feed.ring.generation})

    def _consume(self, feed: Feed) -> int:
        brain, counts = self._brain, self._brain.counts
        assert self._keeper is not None
        work = self._take_answers(feed)
        words = brain.book.words
        if words[HELD] or words[UNREAD]:
            self._keeper.round()
        work += brain.step(feed.market, self._idle.polls_max, RECORDS_A_ROUND)
        work += self._settle(feed)
        if counts[Count.INTENTS] != self._intents_marked:
            self._mark(feed)
        if self._checkpoints.due() and counts[Count.STOPPED_FOR] != StoppedFor.UNRESOLVED:
            self._checkpoint(feed)
        return work

    def _take_answers(self, feed: Feed) -> int:
        """Updates into the shadow book, told before they count; returns how many."""
        assert self._answers is not None
        taken = self._answers.consume()
        if not len(taken.updates) and not taken.lost:
            return 0
        if taken.lost:
            self._metrics.add_updates_lost(taken.lost)
            self._report("updates lost: the shadow book is rebuilt", {"updates": taken.lost})
        self._inputs.answers(feed.reader.cursor, taken)
        self._brain.take_updates(taken.updates, taken.lost)
        return len(taken.updates)

    def _settle(self, feed: Feed) -> int:
        """Tells what the round met that the records do not say, and looks an instrument up; 1 = that was work."""
        counts, stopped_for = self._brain.counts, int(self._brain.counts[Count.STOPPED_FOR])
        lost_now = int(counts[Count.LOST_NOW]) if stopped_for == StoppedFor.LOST else 0
        cursor = feed.reader.cursor
        self._tell_drops(cursor - lost_now)
        if counts[Count.VETOED] and not self._vetoed:
            self._veto()
        if stopped_for == StoppedFor.LOST:
            self._inputs.lost(cursor - lost_now, lost_now)
        elif stopped_for == StoppedFor.DISCARDED:
            self._inputs.discarded(cursor)
        elif stopped_for == StoppedFor.UNRESOLVED:
            return self._resolve(feed)
        return 0

    def _tell_drops(self, cursor: int) -> None:
        counts = self._brain.counts
        for run in self._brain.drops[: counts[Count.DROP_RUNS]]:
            self._inputs.dropped(cursor, run)
            self._brain.forget_dropped(run)
        counts[Count.DROP_RUNS] = 0

    def _veto(self) -> None:
        self._vetoed = True
        reason = VetoReason(int(self._brain.counts[Count.VETOED]))
        self._mapper.veto(int(reason))
        fields: dict[str, object] = {"reason": reason.name.lower()}
        if reason == VetoReason.SHADOW_DIVERGED:
            diverged = self._brain.book.diverged
            fields |= {how.name.lower(): int(diverged[how]) for how in Divergence if diverged[how]}
        self._report("vetoed: no more intents until restart", fields)

    def _resolve(self, feed: Feed) -> int:
        counts = self._brain.counts
        instrument_id, asked_by = int(counts[Count.UNRESOLVED_ID]), int(counts[Count.UNRESOLVED_SEQ])
        settled = self._instruments.resolve(feed.board, instrument_id, asked_by)
        if settled is None:
            return 0
        self._inputs.settled(feed.reader.cursor, settled)
        if not settled.symbol:
            self._metrics.add_unnamed()
        return 1

    def _mark(self, feed: Feed) -> None:
        self._intents_marked = int(self._brain.counts[Count.INTENTS])
        self._cursor_marked = feed.reader.cursor
        self._inputs.mark(self._cursor_marked)

    def _checkpoint(self, feed: Feed) -> None:
        assert self._answers is not None
        if feed.reader.lag_records and not self._checkpoints.overdue():
            return
        self._checkpoints.write(
            Place(
                self._inputs.generation, self._inputs.sequence,
                feed.ring.generation, feed.reader.cursor,
                feed.updates.generation, self._answers.sequence,
                feed.intents.generation, feed.producer.sequence,
                self._brain.gate.decide_after_seq,
            )
        )  # fmt: skip

    def _look_around(self, feed: Feed) -> None:
        """What is due every PUBLISH_INTERVAL_NS."""
        if feed.reader.cursor != self._cursor_marked:
            self._mark(feed)
        self._look_outside()
        self._publish()

    def _look_outside(self) -> None:
        was_in_place = self._pin.in_place
        strayed = self._pin.look(monotonic_ns())
        self._metrics.set_pinned(self._pin.in_place, found_elsewhere=bool(strayed))
        if strayed and was_in_place:
            self._report("thread found off its core", {"cores": sorted(strayed), "back": self._pin.in_place})
        for event, reason in self._controls.look_outside():
            self._report(event, {"reason": reason})
        if news := self._controls.fence_news():
            self._report("fence", {"status": news})

    def _publish(self) -> None:
        feed = self._feed
        if feed is None:
            return
        self._metrics.set_instruments(len(self._instruments.found))
        self._metrics.publish_book(self._brain.book)
        self._metrics.publish(
            self._brain.counts, self._lost_before, feed.reader.cursor, feed.reader.lag_records
        )

    def finish(self) -> None:
        """Reads the last answers and leaves final figures."""
        deadline_ns = monotonic_ns() + DRAIN_NS_MAX
        counts, answered = self._brain.counts, self._brain.book.counted
        self._inputs.stopped(self._feed.reader.cursor if self._feed else 0)
        pushed = int(counts[Count.INTENTS])
        while self._answers is not None and answered[ANSWERED] < pushed and monotonic_ns() < deadline_ns:
            self._brain.take_updates(*self._answers.consume()[1:])
            self._controls.round(int(counts[Count.EVENTS]), int(counts[Count.DECISIONS]), 0)
        self._publish()
        self._metrics.set_state(State.STOPPED)
        if self._feed is not None:
            self._feed.intents.retire()
        self._controls.enter(LoopState.STOPPED)
