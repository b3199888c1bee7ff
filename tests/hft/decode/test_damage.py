"""Captures that are cut, corrupt or not captures: everything readable is written, the damage is named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from paperd.itch50 import encode, frame

EVENT = frame(encode("S", stock_locate=0, tracking_number=0, timestamp_ns=1, event_code="O"))


@pytest.fixture
def decoded_counts(
    command: Callable[..., int], tmp_path: Path
) -> Callable[[bytes], tuple[int, dict[str, object]]]:
    """Exit code and counts of `hft decode` on these bytes."""

    def call(bytes_: bytes) -> tuple[int, dict[str, object]]:
        capture, counts = tmp_path / "day.20191230", tmp_path / "counts.json"
        capture.write_bytes(bytes_)
        code = command(capture, "--counts", counts)
        return code, json.loads(counts.read_text())

    return call


def test_a_cut_tail_is_reported_with_its_offset(
    decoded_counts: Callable[[bytes], tuple[int, dict[str, object]]], capsys: pytest.CaptureFixture[str]
) -> None:
    for cut in range(1, len(EVENT)):
        code, counts = decoded_counts(EVENT * 3 + EVENT[:cut])
        assert (code, counts["messages"]) == (1, 3)
        assert f"cut off inside a message at offset {3 * len(EVENT)}" in capsys.readouterr().err


def test_a_cut_gzip_stream_gives_what_it_holds(
    decoded_counts: Callable[[bytes], tuple[int, dict[str, object]]], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.compress(EVENT * 5000)
    code, counts = decoded_counts(whole[:-12])
    assert code == 1
    assert isinstance(counts["messages"], int)
    assert counts["messages"] > 0
    assert "gzip stream is cut off" in capsys.readouterr().err


def test_a_corrupt_gzip_stream_is_reported(
    decoded_counts: Callable[[bytes], tuple[int, dict[str, object]]], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = bytearray(gzip.compress(EVENT * 5000))
    whole[-6] ^= 0xFF
    assert decoded_counts(bytes(whole))[0] == 1
    assert "gzip stream is corrupt" in capsys.readouterr().err


def test_several_gzip_members_are_one_capture(
    decoded_counts: Callable[[bytes], tuple[int, dict[str, object]]],
) -> None:
    code, counts = decoded_counts(gzip.compress(EVENT) + gzip.compress(EVENT * 2) + b"\0" * 512)
    assert (code, counts["messages"]) == (0, 3)


def test_malformed_messages_are_counted_by_reason_and_skipped(
    decoded_counts: Callable[[bytes], tuple[int, dict[str, object]]], capsys: pytest.CaptureFixture[str]
) -> None:
    too_short, too_long, unknown, empty = frame(b"S" * 11), frame(b"S" * 13), frame(b"!"), frame(b"")
    code, counts = decoded_counts(EVENT + too_short + too_long + unknown + empty + EVENT)
    assert code == 1
    assert counts["messages"] == 6
    assert counts["by_type"] == {"S": 2}
    assert counts["malformed"] == {"empty": 1, "unknown_type": 1, "too_short": 1, "too_long": 1}
    assert f"the first at offset {len(EVENT)}: too_short" in capsys.readouterr().err


def test_a_zero_length_at_the_very_end_is_the_end_mark(
    decoded_counts: Callable[[bytes], tuple[int, dict[str, object]]],
) -> None:
    code, counts = decoded_counts(EVENT + frame(b""))
    assert (code, counts["messages"]) == (0, 1)


def test_an_empty_file_has_no_messages(
    decoded_counts: Callable[[bytes], tuple[int, dict[str, object]]],
) -> None:
    code, counts = decoded_counts(b"")
    assert (code, counts["messages"]) == (0, 0)


def test_a_missing_file_is_named(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path / "absent.20191230") == 2
    assert "absent.20191230" in capsys.readouterr().err


def test_without_a_date_nothing_is_decoded(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "day.itch50"
    capture.write_bytes(EVENT)
    assert command(capture, "--counts", tmp_path / "counts.json") == 2
    assert "--date" in capsys.readouterr().err
    assert command(capture, "--date", "2019-13-45") == 2
    assert not (tmp_path / "counts.json").exists()
    assert command(capture, "--date", "2019-12-30") == 0


def test_an_output_that_can_not_be_made_is_named_and_leaves_nothing_behind(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "day.20191230"
    capture.write_bytes(EVENT)
    assert command(capture, "--tops", tmp_path / "tops.csv", "--events", tmp_path / "no" / "events.csv") == 2
    assert "events.csv" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["day.20191230"]


def test_symbols_with_structure_characters_are_quoted_and_foreign_bytes_survive(
    command: Callable[..., int], tmp_path: Path
) -> None:
    capture = tmp_path / "day.20191230"
    values = {"stock_locate": 3, "tracking_number": 0, "timestamp_ns": 1, "order_reference": 1, "side": "B",
              "shares": 5, "price_e4": 10_000}  # fmt: skip
    add = bytearray(frame(encode("A", stock='A,"B', **values)))
    add[2 + 24 + 4] = 0xE9
    capture.write_bytes(bytes(add))
    assert command(capture, "--tops", tmp_path / "tops.csv") == 0
    assert '"A,""B\u00e9"' in (tmp_path / "tops.csv").read_text(encoding="utf-8")
