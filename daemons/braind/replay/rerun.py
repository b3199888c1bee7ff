"""One map from one anchor on: feed, apply each input at its place, compare what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from braind.brain import Brain
from braind.checkpoint import restore
from braind.counts import Count, StoppedFor, note_discarded, note_lost
from braind.features.state import NOT_FOLLOWED
from braind.replay.compare import Difference, differing_intent, differing_state
from braind.replay.errors import CanNot, Hole
from braind.replay.recording import INTENTS, MARKET, UPDATES, Anchor, Life, Map, why_missing
from braind.replay.stage import CHUNK_RECORDS, Stage
from braind.shadow.layout import HELD, NOT_REBUILT, NOT_RECONCILED
from braind.shadow.names import begin_rebuild, take_orders, take_position
from hft.journal.reader import Journal, RecordCursor
from hft.layout.dtypes import LOOP_ORDER, ORDER_INTENT, ORDER_UPDATE, InputKind
from hft.regions import FULL

_DROPPED = int(InputKind.DROPPED)


@dataclass
class Result:
    """What was repeated. `hole` says why it ended before the recording did, `difference` why it is not the same."""

    anchor: Anchor
    market_seq: int = 0
    records: int = 0
    inputs: int = 0
    intents: int = 0
    dropped: int = 0
    checkpoints: int = 0
    answers: int = 0
    not_compared: int = 0
    difference: Difference | None = None
    hole: Hole | None = None
    replayed: list[NDArray[np.void]] = field(default_factory=list)


class Different(Exception):
    """Carries the first difference out of the replay."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.what)
        self.difference = difference


class Rerun:
    """`run()` once. The brain is of the life's identity."""

    def __init__(
        self, journal: Journal, life: Life, one: Map, anchor: Anchor, brain: Brain, keep: bool
    ) -> None:
        """`keep`: the replayed intents are wanted."""
        self._journal, self._life, self._map = journal, life, one
        self._brain, self._anchor, self._keep = brain, anchor, keep
        ends = journal.ends()
        self._intents_end = ends.get((INTENTS, one.intents_generation), 0)
        self._losses = journal.losses()
        self._checkpoints = [
            each
            for each in life.anchors(one)
            if each.state is not None and each.inputs_seq > anchor.inputs_seq
        ]
        self._pending: list[NDArray[np.void]] = []
        market, updates, queue = one.market_generation, one.updates_generation, one.intents_generation
        self._market = RecordCursor(journal, MARKET, market, anchor.market_seq, ends.get((MARKET, market), 0))
        self._updates = RecordCursor(
            journal, UPDATES, updates, anchor.updates_seq, ends.get((UPDATES, updates), 0)
        )
        self._live = RecordCursor(journal, INTENTS, queue, anchor.intents_seq, self._intents_end)
        self.result = Result(anchor, anchor.market_seq)

    def run(self) -> Result:
        """Until the recording ends, something is missing, or something differs. Raises RegionError, JournalError."""
        with Stage(self._map, self._anchor) as stage:
            self._stage = stage
            self._begin()
            try:
                self._repeat()
                self._end()
            except Hole as hole:
                self.result.hole = hole
            except Different as different:
                self.result.difference = different.difference
            self.result.market_seq = stage.cursor
            self.result.answers = int(self._brain.book.updates_by_kind.sum())
        return self.result

    def _begin(self) -> None:
        brain, anchor, counts = self._brain, self._anchor, self._brain.counts
        brain.start_anew(anchor.decide_after_seq, self._map.intents_generation, NOT_REBUILT | NOT_RECONCILED)
        brain.book.forget_counts()
        if anchor.state is not None:
            restore(anchor.state, brain)
            counts[int(Count.STOPPED_FOR) :] = 0
            return
        assert self._map.mapped is not None
        counts[:] = 0
        for count, name in (
            (Count.EVENTS, "events"), (Count.LAST_INTENT_ID, "last_intent_id"), (Count.BAD_RUN, "bad_run"),
            (Count.VETOED, "vetoed"),
        ):  # fmt: skip
            counts[count] = self._map.mapped[name]

    def _repeat(self) -> None:
        for told in self._life.inputs(self._anchor.inputs_seq + 1, self._map.last_input):
            self._check_checkpoints(int(told["sequence"]) - 1)
            self._advance(int(told["market_seq"]))
            if told["kind"] == _DROPPED:
                self._drop(told)
            else:
                self._settle()
                self._check_place(told)
                self._apply(told)
            self.result.inputs += 1
        self._check_checkpoints(self._map.last_input)

    def _check_place(self, told: np.void) -> None:
        """Every input says how far the live loop was: ids given, records consumed, bad decisions in a row."""
        counts = self._brain.counts
        for name, count in (
            ("last_intent_id", Count.LAST_INTENT_ID), ("events", Count.EVENTS), ("bad_run", Count.BAD_RUN),
            ("vetoed", Count.VETOED),
        ):  # fmt: skip
            if int(told[name]) != counts[count]:
                kind = InputKind(int(told["kind"])).name
                what = f"when the live loop told {kind} (input {int(told['sequence']):,})"
                fields = ((name, int(told[name]), int(counts[count])),)
                raise Different(Difference(self._stage.cursor, what, fields))

    def _apply(self, told: np.void) -> None:
        brain, kind = self._brain, told["kind"]
        if kind == InputKind.ANSWERS:
            self._answer(told)
        elif kind == InputKind.NAMED:
            brain.name(int(told["instrument_id"]), int(told["slot"]), int(told["price_decimals"]))
        elif kind == InputKind.GIVEN_UP:
            brain.name(int(told["instrument_id"]), NOT_FOLLOWED, 0)
        elif kind == InputKind.LOST:
            note_lost(brain.state, brain.counts, int(told["count"]))
            self._stage.skip(int(told["count"]))
            self._market.position = self._stage.cursor
        elif kind == InputKind.DISCARDED:
            note_discarded(brain.state, brain.counts)
        else:
            self._apply_to_book(told)

    def _apply_to_book(self, told: np.void) -> None:
        """What was read from the gateway's tables."""
        book, kind = self._brain.book, told["kind"]
        if kind == InputKind.REBUILT:
            begin_rebuild(book, int(told["first"]), int(told["lost"]), int(told["push_result"]))
        elif kind == InputKind.ORDER:
            take_orders(book, np.frombuffer(told.tobytes(), LOOP_ORDER).copy())
        elif kind == InputKind.POSITION:
            take_position(book, int(told["slot"]), int(told["count"].astype(np.int64)), int(told["first"]))
        elif kind == InputKind.RECONCILED:
            book.words[HELD] &= ~NOT_RECONCILED

    def _answer(self, told: np.void) -> None:
        first, count = int(told["first"]), int(told["count"])
        self._updates.position = first - 1
        parts = list(self._updates.upto(first + count - 1))
        if self._updates.position < first + count - 1:
            raise self._hole(UPDATES, self._map.updates_generation, self._updates.position + 1)
        updates = np.concatenate(parts) if parts else np.zeros(0, ORDER_UPDATE)
        self._brain.take_updates(updates.copy(), int(told["lost"]))

    def _advance(self, market_seq: int) -> None:
        """Consumes up to that record. Raises Hole where one is missing."""
        for records in self._market.upto(market_seq):
            for start in range(0, len(records), CHUNK_RECORDS):
                self._consume(records[start : start + CHUNK_RECORDS])
        if self._market.position < market_seq:
            raise self._hole(MARKET, self._map.market_generation, self._market.position + 1)

    def _hole(self, stream: int, generation: int, sequence: int) -> Hole:
        return Hole(self._stage.cursor, why_missing(self._losses, stream, generation, sequence))

    def _consume(self, records: NDArray[np.void]) -> None:
        stage, brain = self._stage, self._brain
        stage.publish(records)
        last = int(records["sequence"][-1])
        while stage.cursor < last:
            consumed = brain.step(stage.market, 1, CHUNK_RECORDS)
            stopped_for = int(brain.counts[Count.STOPPED_FOR])
            if stopped_for == StoppedFor.UNRESOLVED:
                asks = int(brain.counts[Count.UNRESOLVED_ID])
                what = f"the replay has to look up instrument {asks}, the live loop went on"
                raise Different(Difference(stage.cursor, what))
            if stopped_for not in (StoppedFor.NOTHING, StoppedFor.VETOED) or consumed == 0:
                raise CanNot(f"the replay's own rings failed it at market record {stage.cursor:,}")
        self.result.records += len(records)
        if len(emitted := stage.emitted()):
            self._pending.append(emitted)

    def _drop(self, told: np.void) -> None:
        """The live queue refused these: they count, but not as intents."""
        first, count, counts = int(told["first"]), int(told["count"]), self._brain.counts
        pending = self._taken()
        refused = (pending["intent_id"] >= first) & (pending["intent_id"] < first + count)
        if refused.sum() != count:
            what = f"the live queue refused intents {first:,} … {first + count - 1:,}"
            raise Different(Difference(self._stage.cursor, what, (("intents", count, int(refused.sum())),)))
        self._pending = [pending[~refused]]
        self.result.dropped += count
        which = Count.DROPPED_FULL if told["push_result"] == FULL else Count.DROPPED_WRONG_GENERATION
        counts[which] += count
        counts[Count.INTENTS] -= count
        self._brain.forget_dropped(np.array([first, count, int(told["push_result"])], np.int64))

    def _taken(self) -> NDArray[np.void]:
        taken, self._pending = self._pending, []
        return np.concatenate(taken) if taken else np.zeros(0, ORDER_INTENT)

    def _settle(self) -> None:
        """Compares what has come out so far: whatever the queue refused of it has been told."""
        replayed = self._taken()
        if not len(replayed):
            return
        replayed["sequence"] = self._live.position + 1 + np.arange(len(replayed))
        live = self._take_live(len(replayed))
        if len(live) < len(replayed):
            extra = replayed[len(live)]
            what = f"the replay emits intent {int(extra['intent_id'])}, the live loop did not"
            difference = differing_intent(live, replayed[: len(live)])
            raise Different(difference or Difference(int(extra["market_seq"]), what))
        if (difference := differing_intent(live, replayed)) is not None:
            raise Different(difference)
        self.result.intents += len(replayed)
        if self._keep:
            self.result.replayed.append(replayed)

    def _take_live(self, count: int) -> NDArray[np.void]:
        """The next recorded intents, fewer at the end of the recording. Raises Hole where some were lost."""
        last = self._live.position + count
        parts = list(self._live.upto(last))
        if self._live.position < min(last, self._intents_end):
            raise self._hole(INTENTS, self._map.intents_generation, self._live.position + 1)
        return np.concatenate(parts) if parts else np.zeros(0, ORDER_INTENT)

    def _check_checkpoints(self, inputs_seq: int) -> None:
        """Those taken after that input: the state must be the same."""
        while self._checkpoints and self._checkpoints[0].inputs_seq <= inputs_seq:
            checkpoint = self._checkpoints.pop(0)
            self._advance(checkpoint.market_seq)
            assert checkpoint.state is not None
            difference = differing_state(checkpoint.state, self._brain, checkpoint.market_seq)
            if difference is not None:
                raise Different(difference)
            self.result.checkpoints += 1

    def _end(self) -> None:
        """After the last input: what the live loop emitted up to there must all have come out."""
        settled_to = self._stage.cursor
        if self._pending and self._last_kind() == _DROPPED:
            # A recording that breaks off right after a refusal may lack the next one.
            pending = self._taken()
            self.result.not_compared += len(pending)
            settled_to = int(pending["market_seq"].min(initial=settled_to + 1)) - 1
        else:
            self._settle()
        for live in self._live.upto(self._intents_end):
            early = live[live["market_seq"] <= settled_to]
            if len(early):
                what = f"the live loop emitted intent {int(early[0]['intent_id'])}, the replay does not"
                raise Different(Difference(int(early[0]["market_seq"]), what))
            self.result.not_compared += len(live)

    def _last_kind(self) -> int:
        for told in self._life.inputs(self._map.last_input, self._map.last_input):
            return int(told["kind"])
        return int(InputKind.NONE)
