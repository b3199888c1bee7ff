"""`hft journal info | verify | cut` and `hft decode` on a journal, as a person runs them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from journal_bench import MARKET, recorder_of

from hft.cli import main
from hft.journal.reader import Journal
from hft.layout.dtypes import JournalStream


@pytest.fixture
def journal(run, tmp_path):
    """Two feeds, named instruments, a loss of 30,000 records in the first one."""
    out = tmp_path / "journal"
    recorder = recorder_of(run, out)
    run.name(5, "MADEUP", 1)
    run.publish(1000, instrument_id=5)
    run.tell_inputs(3)
    run.push(2)
    recorder.do_pass()
    run.publish(38_192)
    recorder.do_pass()
    run.market.retire()
    run.begin_feed()
    run.publish(500)
    while recorder.do_pass():
        pass
    recorder.close()
    return out


def generations(journal) -> list[int]:
    return Journal(journal).generations(MARKET)


def test_info_says_what_is_there_as_text_and_as_a_document(journal, tmp_path, capsys):
    assert main(["journal", "info", str(journal), "--json", str(tmp_path / "info.json")]) == 0
    text = capsys.readouterr().out
    assert "market" in text
    assert "lost: market 1,001 …" in text
    document = json.loads((tmp_path / "info.json").read_text())
    first, second = (one for one in document["streams"] if one["stream"] == "market")
    assert (first["first_sequence"], first["last_sequence"], first["believed_to"]) == (1, 39_192, 39_192)
    assert second["records"] == 500
    assert document["lost"][0]["count"] == 39_192 - first["records"]
    assert document["torn_bytes"] == 0


def test_verify_calls_a_journal_with_a_told_loss_sound_and_a_flipped_bit_damage(journal, capsys):
    assert main(["journal", "verify", str(journal)]) == 0
    assert "sound" in capsys.readouterr().out
    file = journal / "000001.journal"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert main(["journal", "verify", str(journal)]) == 1
    said = capsys.readouterr()
    assert "is damaged (checksum)" in said.err
    assert "DAMAGED" in said.out


def test_verify_tells_a_gap_that_nobody_told(journal, tmp_path, capsys):
    from hft.journal.blocks import Block
    from hft.journal.writer import JournalWriter, Limits

    out = tmp_path / "other"
    writer = JournalWriter(out, Limits(1 << 24, 1 << 30, "stop", 1), list, lambda *_: None, threaded=False)
    for block in Journal(journal).all_blocks():
        stream = int(block.header["stream"])
        if stream not in (JournalStream.LOST, JournalStream.SEGMENT):
            payload = bytes(block.payload())
            writer.append(
                Block(stream, payload, block.generation, block.first_sequence, int(block.header["count"]))
            )
    writer.close()
    assert main(["journal", "verify", str(out)]) == 1
    assert "the one before ended at 1000, and nothing tells a loss" in capsys.readouterr().err


def test_a_cut_holds_the_range_and_its_losses_and_is_sound(journal, tmp_path, capsys):
    out = tmp_path / "cut"
    first, _ = generations(journal)
    arguments = ["--out", str(out), "--from", "900", "--to", "35000", "--generation", str(first)]
    assert main(["journal", "cut", str(journal), *arguments]) == 0
    assert main(["journal", "verify", str(out)]) == 0
    cut = Journal(out)
    there = np.concatenate(list(cut.records(MARKET, first)))["sequence"]
    (loss,) = cut.losses()
    assert (there[0], there[-1]) == (900, 35_000)
    assert len(there) + loss.count == 35_000 - 899
    assert cut.ends()[MARKET, first] == 35_000
    copied = cut.headers["wall_ns"][cut.headers["stream"] != JournalStream.SEGMENT]
    assert copied.max() <= Journal(journal).headers["wall_ns"].max(), "blocks keep their times"


def test_a_cut_by_time_takes_every_feed_that_ran_then(journal, tmp_path):
    out = tmp_path / "cut"
    arguments = ["--out", str(out), "--from", "2020-01-01", "--to", "2099-01-01T00:00:00"]
    assert main(["journal", "cut", str(journal), *arguments]) == 0
    assert Journal(out).generations(MARKET) == generations(journal)


def test_a_sequence_needs_its_generation_where_there_are_several(journal, tmp_path, capsys):
    assert main(["journal", "cut", str(journal), "--out", str(tmp_path / "cut"), "--from", "900"]) == 2
    assert "say which with --generation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--from", "2099-01-01"], "nothing was recorded from 2099-01-01"),
        (["--from", "900", "--generation", "7"], "no market generation 7"),
    ],
)
def test_a_cut_of_nothing_is_refused(journal, tmp_path, capsys, extra, says):
    assert main(["journal", "cut", str(journal), "--out", str(tmp_path / "cut"), *extra]) == 2
    assert says in capsys.readouterr().err
    assert main(["journal", "cut", str(journal), "--out", str(journal)]) == 2
    assert "there is a journal already" in capsys.readouterr().err


def test_decode_reads_a_journal_and_says_what_is_missing(journal, tmp_path, capsys):
    out = tmp_path / "events.csv"
    assert main(["decode", str(journal), "--events", str(out)]) == 1
    assert "the recorder lost market 1,001 …" in capsys.readouterr().err
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(
        len(records) for one in generations(journal) for records in Journal(journal).records(MARKET, one)
    )
    assert {row["symbol"] for row in rows if row["instrument_id"] == "5"} == {"MADEUP"}


def test_what_is_no_journal_is_refused(tmp_path, capsys):
    for command in ("info", "verify"):
        assert main(["journal", command, str(tmp_path)]) == 2
    assert "no journal there" in capsys.readouterr().err
