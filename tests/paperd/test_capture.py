"""Reading length-prefixed files: the real one whole, damaged ones refused by file and offset."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from paperd.capture import CaptureError, index_messages, load_capture
from paperd.itch50 import encode, frame

SYSTEM_EVENT = frame(encode("S", stock_locate=0, tracking_number=7, timestamp_ns=123_456, event_code="O"))
DELETE = frame(encode("D", stock_locate=3, tracking_number=8, timestamp_ns=234_567, order_reference=99))


def written(tmp_path: Path, content: bytes, name: str = "x.itch50") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_the_real_capture_has_its_known_message_counts(real_capture_path: Path) -> None:
    known = json.loads((real_capture_path.parent / "counts.json").read_text())
    assert load_capture(real_capture_path).counts() == known["by_type"]


def test_the_index_names_offset_length_type_and_time(tmp_path: Path) -> None:
    capture = load_capture(written(tmp_path, SYSTEM_EVENT + DELETE))
    assert capture.offset.tolist() == [2, 16]
    assert capture.length.tolist() == [12, 19]
    assert capture.type.tobytes() == b"SD"
    assert capture.timestamp_ns.tolist() == [123_456, 234_567]


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    capture = load_capture(written(tmp_path, gzip.compress(SYSTEM_EVENT + DELETE)))
    assert capture.message(1) == DELETE[2:]


def test_gzip_members_in_a_row_are_one_capture(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(SYSTEM_EVENT) + gzip.compress(DELETE))
    assert len(load_capture(path)) == 2


def test_a_truncated_tail_is_an_error_with_file_and_offset(tmp_path: Path) -> None:
    path = written(tmp_path, SYSTEM_EVENT + DELETE[:-1])
    with pytest.raises(CaptureError, match=r"x\.itch50: at offset 14: truncated: 20 bytes after 1 whole"):
        load_capture(path)


def test_a_truncated_tail_can_be_left_out_and_is_told(tmp_path: Path) -> None:
    capture = load_capture(written(tmp_path, SYSTEM_EVENT + DELETE[:1]), allow_truncated=True)
    assert (len(capture), capture.truncated_at) == (1, 14)


def test_a_cut_gzip_stream_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(SYSTEM_EVENT + DELETE)[:-9])
    with pytest.raises(CaptureError, match="gzip stream is cut off"):
        load_capture(path)


def test_a_damaged_gzip_stream_is_an_error_even_when_truncation_is_allowed(tmp_path: Path) -> None:
    zipped = bytearray(gzip.compress(SYSTEM_EVENT * 50))
    zipped[14] ^= 0xFF
    with pytest.raises(CaptureError, match="damaged"):
        load_capture(written(tmp_path, bytes(zipped)), allow_truncated=True)


def test_a_record_shorter_than_the_itch_prefix_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, SYSTEM_EVENT + b"\x00\x03ABC" + DELETE)
    with pytest.raises(CaptureError, match="at offset 14: record of 3 bytes"):
        load_capture(path)


def test_a_zero_length_ends_the_file(tmp_path: Path) -> None:
    assert len(load_capture(written(tmp_path, SYSTEM_EVENT + b"\x00\x00"))) == 1


def test_a_zero_length_before_the_end_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="record of 0 bytes"):
        load_capture(written(tmp_path, SYSTEM_EVENT + b"\x00\x00" + DELETE))


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no messages"):
        load_capture(written(tmp_path, b""))


def test_only_the_first_messages_are_read_when_asked(real_capture_path: Path) -> None:
    assert len(load_capture(real_capture_path, max_messages=1_000)) == 1_000


def test_an_unknown_type_is_kept(tmp_path: Path) -> None:
    assert load_capture(written(tmp_path, frame(b"z" + bytes(20)))).counts() == {"z": 1}


def test_any_bytes_either_index_or_raise_a_capture_error() -> None:
    random = np.random.default_rng(3)
    for _ in range(2_000):
        noise = random.integers(0, 256, random.integers(0, 80), dtype=np.uint8)
        noise[: len(noise) // 2 * 2 : 2] *= random.integers(0, 2, dtype=np.uint8)
        try:
            capture = index_messages(noise)
        except CaptureError:
            continue
        assert int(capture.offset[-1]) + int(capture.length[-1]) <= len(noise)
