"""A journal that is falsified in one place: the replay says where, or why it can not go on."""

from __future__ import annotations

import numpy as np
import pytest
from live_run import RECORDED_EVENTS, rewritten
from verdicts import outcome_of, text_of

from braind.replay.session import Verdict
from hft.layout.dtypes import SNAPSHOT, EventFlags, InputKind, JournalStream

MARKET, INTENTS, INPUTS = JournalStream.MARKET, JournalStream.INTENTS, JournalStream.INPUTS


def test_epoch_and_emission_time_alone_may_differ(recorded, tmp_path):
    def change(stream, records):
        if stream == INTENTS:
            records["epoch"], records["emit_ts_ns"] = 9, 1
        return records

    outcome = outcome_of(rewritten(recorded[0], tmp_path / "other", change))
    assert outcome.verdict == Verdict.IDENTICAL, text_of(outcome)


@pytest.mark.parametrize(
    "name", ["price", "updates_seq", "score_up", "market_generation", "market_receive_ts_ns"]
)
def test_any_other_field_of_an_intent_is_a_difference_that_is_shown(recorded, tmp_path, name):
    def change(stream, records):
        if stream == INTENTS and 7 in records["sequence"]:
            records[name][records["sequence"] == 7] += 1
        return records

    outcome = outcome_of(rewritten(recorded[0], tmp_path / "other", change))
    assert outcome.verdict == Verdict.DIFFERENT
    (one,) = outcome.results
    assert [field for field, _, _ in one.difference.fields] == [name]
    ((_, live, replayed),) = one.difference.fields
    assert live == pytest.approx(replayed + 1)
    assert "DIFFERENT at market record" in text_of(outcome)
    assert "live" in text_of(outcome)


def test_a_market_record_that_was_another_one_is_noticed(recorded, tmp_path):
    def change(stream, records):
        if stream == MARKET:
            records["flags"][records["sequence"] % 50 == 1] &= ~np.uint16(EventFlags.TOP_CHANGED)
        return records

    outcome = outcome_of(rewritten(recorded[0], tmp_path / "other", change))
    assert outcome.verdict == Verdict.DIFFERENT


@pytest.mark.parametrize("remove", [True, False])
def test_an_intent_too_many_or_too_few_is_noticed(recorded, tmp_path, remove):
    journal, intents = recorded

    def change(stream, records):
        if stream == INTENTS and records["sequence"][-1] == intents:
            if remove:
                return records[:-1]
            records = np.concatenate([records, records[-1:]])
            records["sequence"][-1] += 1
        if stream == JournalStream.PASS:
            end = (records["stream"] == INTENTS) & (records["last_sequence"] == intents)
            records["last_sequence"][end] += np.uint64(1 if not remove else 2**64 - 1)
        return records

    outcome = outcome_of(rewritten(journal, tmp_path / "other", change))
    assert outcome.verdict == Verdict.DIFFERENT
    says = "the live loop did not" if remove else "the replay does not"
    assert says in text_of(outcome)


def test_a_state_that_was_another_one_is_noticed_though_no_intent_shows_it(recorded, tmp_path):
    seen = []

    def change(stream, payload):
        if stream == JournalStream.CHECKPOINT:
            seen.append(1)
            if len(seen) == 3:
                payload[SNAPSHOT.itemsize + 64 * 4 + 8 * 10] ^= 1
        return payload

    outcome = outcome_of(rewritten(recorded[0], tmp_path / "other", change))
    assert outcome.verdict == Verdict.DIFFERENT
    assert "the state at the checkpoint is another one, first in values" in text_of(outcome)
    assert "values[0, 10]" in text_of(outcome)


def test_an_id_that_was_not_looked_up_when_it_is_now_is_noticed(recorded, tmp_path):
    def change(stream, records):
        if stream == INPUTS:
            records["kind"][records["kind"] == InputKind.NAMED] = InputKind.MARK
        return records

    outcome = outcome_of(rewritten(recorded[0], tmp_path / "other", change))
    assert outcome.verdict == Verdict.DIFFERENT
    assert "has to look up instrument 1" in text_of(outcome)


def test_a_range_that_was_discarded_is_an_input_that_matters(recorded, tmp_path):
    def change(stream, records):
        if stream == INPUTS:
            marks = np.flatnonzero((records["kind"] == InputKind.MARK) & (records["market_seq"] > 1000))
            if len(marks) and not seen:
                seen.append(1)
                records["kind"][marks[0]] = InputKind.DISCARDED
        return records

    seen: list[int] = []
    outcome = outcome_of(rewritten(recorded[0], tmp_path / "other", change))
    assert outcome.verdict == Verdict.DIFFERENT, "features were not reset there in the live run"
    assert outcome.results[0].difference.market_seq > 1000


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        (JournalStream.IDENTITY, "the identity of the braind"),
        (JournalStream.INPUTS, "no input of a braind was recorded"),
    ],
)
def test_what_was_not_recorded_is_named(recorded, tmp_path, missing, says):
    def change(stream, records):
        return None if stream == missing else records

    outcome = outcome_of(rewritten(recorded[0], tmp_path / "other", change))
    assert outcome.verdict == Verdict.CAN_NOT
    assert says in text_of(outcome)


def test_inputs_that_are_missing_end_it_where_they_are(recorded, tmp_path):
    def change(stream, records):
        return (
            records[(records["sequence"] < 20) | (records["sequence"] > 60)] if stream == INPUTS else records
        )

    outcome = outcome_of(rewritten(recorded[0], tmp_path / "other", change))
    assert outcome.verdict == Verdict.CAN_NOT
    assert "inputs 20 …" in text_of(outcome)
    first, *behind = outcome.results
    assert first.hole is not None
    assert behind[-1].market_seq == RECORDED_EVENTS
    assert behind[-1].difference is None
