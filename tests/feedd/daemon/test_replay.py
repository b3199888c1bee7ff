"""A day over UDP: the ring's events equal the decoder's, whatever happens to packets on the way."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from feedd_harness import BIN, Feedd, decoded, feed_events, free_ports, own_events

from hft.layout.dtypes import BookValidity, EventKind

Make = Callable[..., Feedd]
BROKEN_LINES = ("--loss", "0.05", "--duplicate", "0.05", "--reorder", "0.05", "--fault-seed", "3")


@dataclass
class Replay:
    """paperd on two lines, and what it says about them."""

    capture: Path
    arguments: tuple[str, ...] = ()
    line_a: str = "127.0.0.1"
    line_b: str = "127.0.0.1"
    rate: int = 20_000
    ports: list[int] = field(default_factory=lambda: free_ports(3))

    def feed(self, *, requests: bool) -> dict[str, object]:
        a, b, request = self.ports
        server = f"127.0.0.1:{request}" if requests else ""
        return {"line_a": f"{self.line_a}:{a}", "line_b": f"{self.line_b}:{b}", "request_server": server}

    def run(self, directory: Path) -> dict[str, int]:
        a, b, request = self.ports
        report = directory / "paperd.json"
        addresses = ["--line-a", f"{self.line_a}:{a}", "--line-b", f"{self.line_b}:{b}"]
        addresses += ["--interface-a", "127.0.0.1", "--interface-b", "127.0.0.1"]
        pace = [
            "--speed",
            "max",
            "--max-messages-per-second",
            str(self.rate),
            "--delay",
            "0.3",
            "--linger",
            "1",
        ]
        command = [BIN / "paperd", "replay", "--capture", self.capture, "--json", report]
        command += [*addresses, "--request", f"127.0.0.1:{request}", *pace, *self.arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        made: dict[str, int] = json.loads(report.read_text())
        return made


@pytest.fixture
def day_path(small_day: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "day.itch50"
    path.write_bytes(small_day)
    return path


def replayed(feedd: Feedd, replay: Replay, directory: Path) -> dict[str, int]:
    report = replay.run(directory)
    feedd.wait_for_stat("feedd_end_of_session", 1)
    assert feedd.stop() == 0
    return report


def test_a_lossless_day_becomes_the_decoders_events(
    make_feedd: Make, day_path: Path, small_day: bytes, tmp_path: Path
) -> None:
    replay = Replay(day_path)
    feedd = make_feedd(replay.feed(requests=True)).start()
    report = replayed(feedd, replay, tmp_path)
    events = feedd.ring()
    np.testing.assert_array_equal(feed_events(events), decoded(small_day))
    assert feedd.stat("feedd_messages_decoded_total") == report["messages"]
    assert feedd.stat("feedd_published_total") == len(events)
    assert feedd.stat("feedd_ticks_total") == len(own_events(events, EventKind.TICK))


def test_times_of_an_event_are_ordered_and_sequences_have_no_hole(
    make_feedd: Make, day_path: Path, tmp_path: Path
) -> None:
    replay = Replay(day_path)
    feedd = make_feedd(replay.feed(requests=True)).start()
    replayed(feedd, replay, tmp_path)
    events = feedd.ring()
    assert (events["receive_ts_ns"] <= events["publish_ts_ns"]).all()
    assert (np.diff(events["publish_ts_ns"].astype(np.int64)) >= 0).all()
    np.testing.assert_array_equal(events["sequence"], np.arange(1, len(events) + 1))


def test_loss_duplicates_and_reordering_on_both_lines_leave_no_trace_with_retransmission(
    make_feedd: Make, day_path: Path, small_day: bytes, tmp_path: Path
) -> None:
    replay = Replay(day_path, BROKEN_LINES)
    feedd = make_feedd(replay.feed(requests=True) | {"gap_timeout_ms": 20_000}).start()
    report = replayed(feedd, replay, tmp_path)
    np.testing.assert_array_equal(feed_events(feedd.ring()), decoded(small_day))
    assert min(report["dropped_a"], report["dropped_b"], report["reordered_a"]) > 0
    assert feedd.stat('feedd_messages_delivered_total{line="retransmission"}') > 0
    assert feedd.stat("feedd_gap_messages_total") == 0


def test_without_retransmission_every_missing_message_is_in_a_gap_and_the_books_are_invalid(
    make_feedd: Make, day_path: Path, tmp_path: Path
) -> None:
    replay = Replay(day_path, BROKEN_LINES)
    feedd = make_feedd(replay.feed(requests=False) | {"gap_timeout_ms": 50}).start()
    report = replayed(feedd, replay, tmp_path)
    events = feedd.ring()
    delivered = set(events["feed_sequence"][events["message_type"] != 0].tolist())
    gaps = own_events(events, EventKind.GAP)
    missing = [
        sequence
        for first, count in zip(gaps["order_reference"].tolist(), gaps["quantity"].tolist(), strict=True)
        for sequence in range(first, first + count)
    ]
    assert missing
    assert len(missing) == feedd.stat("feedd_gap_messages_total")
    assert sorted([*delivered, *missing]) == list(range(1, report["messages"] + 1))
    after = events[int(gaps["sequence"][0]) :]
    of_instruments = after[after["instrument_id"] != 0]
    assert set(of_instruments["validity"].tolist()) == {int(BookValidity.INVALID_GAP)}


def test_the_lines_may_be_multicast_groups(
    make_feedd: Make, day_path: Path, small_day: bytes, tmp_path: Path
) -> None:
    replay = Replay(day_path, line_a="239.255.78.1", line_b="239.255.78.2")
    feedd = make_feedd(replay.feed(requests=True)).start()
    replayed(feedd, replay, tmp_path)
    np.testing.assert_array_equal(feed_events(feedd.ring()), decoded(small_day))
    assert feedd.stat('feedd_packets_total{line="a"}') > 0
    assert feedd.stat('feedd_packets_total{line="b"}') > 0


@pytest.mark.capture
@pytest.mark.slow
def test_a_real_capture_over_broken_lines_becomes_the_decoders_events(
    make_feedd: Make, real_capture: Path, tmp_path: Path
) -> None:
    replay = Replay(real_capture, BROKEN_LINES, rate=25_000)
    feedd = make_feedd(
        replay.feed(requests=True) | {"gap_timeout_ms": 20_000}, {"market_ring_records": 1 << 19}
    ).start()
    report = replayed(feedd, replay, tmp_path)
    np.testing.assert_array_equal(
        feed_events(feedd.ring()), decoded(gzip.decompress(real_capture.read_bytes()))
    )
    assert feedd.stat("feedd_messages_decoded_total") == report["messages"] == 251_837
