"""The verdict: identical, different (and where), or why it can not be said. One recorded run, many questions."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow.parquet
import pytest
from live_run import RECORDED_EVENTS
from replay_process import replay as replay_process
from verdicts import config_of, outcome_of, text_of

from braind.replay import report
from braind.replay.session import Verdict
from hft.journal.cut import Range, cut
from hft.journal.places import Place, place
from hft.journal.reader import Journal
from hft.journal.writer import Limits
from hft.layout.dtypes import SNAPSHOT, InputKind, JournalStream

MARKET, INTENTS, INPUTS = JournalStream.MARKET, JournalStream.INTENTS, JournalStream.INPUTS


def test_a_recorded_run_is_identical_and_the_exit_code_says_so(recorded):
    journal, intents = recorded
    again = replay_process(journal)
    assert again.code == 0, again.text
    (one,) = again.replays
    assert one["intents"] == intents > 20
    assert (one["to"], one["records"]) == (RECORDED_EVENTS, RECORDED_EVENTS)
    assert one["answers"] == intents
    assert one["checkpoints_equal"] > 3
    assert not one["from_checkpoint"]
    assert one["not_compared"] == 0
    assert "IDENTICAL" in again.text


def test_interpreted_it_gives_the_same_bytes_as_the_compiled_run(recorded, tmp_path):
    journal, _ = recorded
    (generation,) = Journal(journal).generations(MARKET)
    short = tmp_path / "short"
    cut(Journal(journal), [Range(generation, 1, 700)], short, Limits(1 << 28, 1 << 40, "stop", 10**9))
    again = replay_process(short, NUMBA_DISABLE_JIT="1")
    assert again.code == 0, again.text
    assert again.document["intents"] > 2
    assert again.replays[0]["checkpoints_equal"] > 0


def test_from_the_middle_it_begins_at_the_next_checkpoint(recorded):
    journal, intents = recorded
    outcome = outcome_of(journal, place=Place(sequence=2000))
    assert outcome.verdict == Verdict.IDENTICAL, text_of(outcome)
    (one,) = outcome.results
    assert one.anchor.state is not None
    assert 1999 <= one.anchor.market_seq < RECORDED_EVENTS
    assert one.records == RECORDED_EVENTS - one.anchor.market_seq
    assert 0 < one.intents < intents


def test_a_place_behind_the_last_checkpoint_can_not_be_replayed(recorded):
    outcome = outcome_of(recorded[0], place=Place(sequence=RECORDED_EVENTS))
    assert outcome.verdict == Verdict.CAN_NOT
    assert "no checkpoint at or after market record 4,000" in text_of(outcome)


def test_a_place_may_be_a_time(recorded):
    journal = Journal(recorded[0])
    checkpoint = next(iter(journal.blocks(JournalStream.CHECKPOINT)))
    header = np.frombuffer(checkpoint.payload()[: SNAPSHOT.itemsize], SNAPSHOT)[0]
    monotonic_ns, then_ns = checkpoint.written_ns
    wall_ns = int(header["written_ts_ns"]) - monotonic_ns + then_ns
    outcome = outcome_of(recorded[0], place=Place(wall_ns=wall_ns))
    assert outcome.verdict == Verdict.IDENTICAL, text_of(outcome)
    assert outcome.results[0].anchor.market_seq >= header["market_seq"]
    assert place("2026-01-05T09:30:00.000001").wall_ns == 1_767_605_400_000_001_000
    assert place("2026-01-05T10:30:00+01:00").wall_ns == 1_767_605_400_000_000_000


def test_a_part_that_was_cut_out_is_identical_on_its_own(recorded, tmp_path):
    journal = Journal(recorded[0])
    (generation,) = journal.generations(MARKET)
    records = cut(
        journal, [Range(generation, 900, 3000)], tmp_path / "cut", Limits(1 << 28, 1 << 40, "stop", 10**9)
    )
    assert records == 2101
    outcome = outcome_of(tmp_path / "cut")
    assert outcome.verdict == Verdict.IDENTICAL, text_of(outcome)
    (one,) = outcome.results
    assert 899 <= one.anchor.market_seq < 1600
    assert one.market_seq <= 3000
    assert one.intents > 5


def test_another_threshold_is_tried_and_named(recorded):
    outcome = outcome_of(recorded[0], config=config_of(recorded[0], score_threshold=0.5))
    assert outcome.verdict == Verdict.DIFFERENT
    assert "note: braind.score_threshold was 0.36, is 0.5" in text_of(outcome)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"symbols": ("MADEUP", "THIRD")}, "other symbols"),
        ({"model": "/nowhere"}, "/nowhere/manifest.json"),
        ({"strategy": "braind.strategies.imbalance:Nothing"}, "has no attribute 'Nothing'"),
    ],
)
def test_another_braind_can_not_repeat_it_and_says_why(recorded, changes, says):
    outcome = outcome_of(recorded[0], config=config_of(recorded[0], **changes))
    assert outcome.verdict == Verdict.CAN_NOT
    assert says in text_of(outcome)


def test_another_model_can_not_repeat_it_and_the_same_one_may_be_elsewhere(
    recorded, broken_package_directory, package_directory, tmp_path
):
    outcome = outcome_of(recorded[0], model=broken_package_directory)
    assert outcome.verdict == Verdict.CAN_NOT
    assert "other model" in text_of(outcome)
    shutil.copytree(package_directory, tmp_path / "moved")
    assert outcome_of(recorded[0], model=tmp_path / "moved").verdict == Verdict.IDENTICAL


def test_an_unreadable_journal_and_a_wrong_option_have_codes_of_their_own(recorded, tmp_path):
    assert replay_process(tmp_path / "absent").code == 3
    assert replay_process(recorded[0], "--from", "soon").code == 2


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_replayed_intents_are_written_when_asked_for(recorded, tmp_path, suffix):
    outcome, out = outcome_of(recorded[0], keep=True), tmp_path / f"intents.{suffix}"
    report.write_intents(out, outcome)
    if suffix == "csv":
        rows = out.read_text().splitlines()
        assert len(rows) == 1 + recorded[1]
        assert '"NEW"' in rows[1]
    else:
        table = pyarrow.parquet.read_table(out).to_pydict()
        assert table["intent_id"] == list(range(1, recorded[1] + 1))
        assert set(table["epoch"]) == {0}


def test_the_document_says_what_the_text_says(recorded, tmp_path):
    outcome = outcome_of(recorded[0])
    report.write_document(tmp_path / "outcome.json", outcome, 2.0)
    document = json.loads((tmp_path / "outcome.json").read_text())
    assert (document["verdict"], document["exit_code"], document["intents"]) == ("identical", 0, recorded[1])
    assert document["masked"] == ["epoch", "emit_ts_ns"]
    assert document["maps"][0]["replays"][0]["difference"] is None


def test_inputs_name_records_that_were_recorded_in_order(recorded):
    journal = Journal(recorded[0])
    (life,) = journal.generations(INPUTS)
    inputs = np.concatenate(list(journal.records(INPUTS, life)))
    assert inputs["kind"][0] == InputKind.MAPPED
    assert (np.diff(inputs["market_seq"].astype(np.int64)) >= 0).all()
    assert inputs["market_seq"][-1] == RECORDED_EVENTS
