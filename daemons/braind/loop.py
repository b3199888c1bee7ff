"""The loop around the compiled step: map the feed, resolve instruments, read answers, publish figures.

no feed ──map──► running ──feed retired and read to its end──► no feed
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from braind.answers import Answers
from braind.brain import Brain
from braind.counts import Count
from braind.feed import Feed, FeedMapper
from braind.idle import Idle
from braind.instruments import Instruments
from braind.metrics import Metrics, State
from hft.regions import monotonic_ns

RECORDS_A_ROUND = 65_536
PUBLISH_INTERVAL_NS = 50_000_000
MAP_INTERVAL_S = 0.02
# Answers to the last intents are awaited this long at a clean end.
DRAIN_NS_MAX = 200_000_000

# (event name, fields) -> None: only what happens once in a while is told.
Report = Callable[[str, dict[str, object]], None]


class Loop:
    """`run(keep_on)` until `keep_on()` is false. One thread."""

    def __init__(
        self,
        brain: Brain,
        instruments: Instruments,
        mapper: FeedMapper,
        metrics: Metrics,
        idle: Literal["spin", "backoff"],
        report: Report,
    ) -> None:
        self._brain = brain
        self._instruments = instruments
        self._mapper = mapper
        self._metrics = metrics
        self._idle = Idle(idle)
        self._report = report
        self._feed: Feed | None = None
        self._answers: Answers | None = None
        self._lost_before = 0
        self._next_publish_ns = 0
        self._vetoed = False

    def run(self, keep_on: Callable[[], bool]) -> None:
        """Works until told otherwise, then reads the last answers and leaves final figures."""
        self._metrics.set_state(State.WAITING_FOR_FEED)
        while keep_on():
            work = self.do_work()
            self._idle.after(work)
        self._finish()

    def do_work(self) -> int:
        """One round; returns how many records it consumed."""
        if self._feed is None:
            self._map()
            if self._feed is None:
                time.sleep(MAP_INTERVAL_S)
                return 0
        work = self._consume(self._feed)
        now_ns = monotonic_ns()
        if now_ns >= self._next_publish_ns:
            self._next_publish_ns = now_ns + PUBLISH_INTERVAL_NS
            self._publish()
        if work == 0 and self._feed.retired:
            self._leave(self._feed)
        return work

    def _map(self) -> None:
        feed = self._mapper.map()
        if feed is None:
            return
        self._feed = feed
        self._answers = Answers(
            feed.updates, feed.updates_reader, self._mapper.intents_generations, self._metrics
        )
        self._brain.start_anew(decide_after_seq=feed.head_at_start)
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
        self._lost_before += feed.reader.lost_records
        self._feed = self._answers = None
        self._metrics.set_state(State.WAITING_FOR_FEED)
        self._report("feed ended", {"generation": feed.ring.generation})

    def _consume(self, feed: Feed) -> int:
        brain, counts = self._brain, self._brain.counts
        assert self._answers is not None
        work = self._answers.consume()
        counts[Count.UPDATES_SEQ] = self._answers.sequence
        work += brain.step(feed.market, self._idle.polls_max, RECORDS_A_ROUND)
        if counts[Count.UNRESOLVED_SEQ]:
            instrument_id, asked_by = int(counts[Count.UNRESOLVED_ID]), int(counts[Count.UNRESOLVED_SEQ])
            settled = self._instruments.resolve(feed.board, instrument_id, asked_by)
            if settled is False:
                self._metrics.add_unnamed()
            work += settled is True
        if counts[Count.VETOED] and not self._vetoed:
            self._vetoed = True
            self._report("vetoed: no more intents until restart", {"reason": "numbers that are not finite"})
        return work

    def _publish(self) -> None:
        feed = self._feed
        if feed is None:
            return
        self._metrics.set_instruments(len(self._instruments.found))
        self._metrics.publish(
            self._brain.counts, self._lost_before, feed.reader.cursor, feed.reader.lag_records
        )

    def _finish(self) -> None:
        deadline_ns = monotonic_ns() + DRAIN_NS_MAX
        pushed = int(self._brain.counts[Count.INTENTS])
        while self._answers is not None and self._metrics.answered < pushed and monotonic_ns() < deadline_ns:
            self._answers.consume()
        self._publish()
        self._metrics.set_state(State.STOPPED)
        if self._feed is not None:
            self._feed.intents.retire()
