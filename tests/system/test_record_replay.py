"""A day as it is lived, recorded, and repeated: real processes, real sockets."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "braind"))

from recorded_suite import Suite, busiest, hft, wait_until
from tiny_model import tiny_network, write_package

from hft.journal.reader import Journal
from hft.journal.verify import verify
from hft.layout.dtypes import JournalStream

pytestmark = pytest.mark.slow
SMALL_DAY = "2026-01-05"
REAL_DAY = "2019-12-30"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_package(tmp_path_factory.mktemp("model") / "package", tiny_network())


@pytest.fixture
def make_suite(tmp_path, model):
    made = []
    shared = Path(tempfile.mkdtemp(prefix="hft-test.", dir="/dev/shm"))

    def make(day: Path, date: str) -> Suite:
        made.append(Suite(tmp_path, shared, day, date, busiest(day, date, 12), model))
        return made[-1]

    yield make
    for one in made:
        one.close()
    shutil.rmtree(shared)


def whole_day(suite: Suite, speed: float, *extra: str) -> None:
    for name in ("recorder", "feedd", "braind"):
        suite.start(name)
    assert suite.play(speed, *extra).wait(240) == 0
    suite.settled()
    for name in ("braind", "feedd", "recorder"):
        suite.end(name)


def test_a_generated_day_is_recorded_and_repeats_identically(make_suite, small_day, tmp_path):
    suite = make_suite(small_day, SMALL_DAY)
    whole_day(suite, 2.0)
    assert verify(Journal(suite.journal, use_index=False)).problems == []
    code, document, text = suite.replay()
    assert code == 0, text
    (one,) = document["maps"][0]["replays"]
    assert one["intents"] == suite.value("braind", "braind_intents_total") > 20
    assert one["answers"] == one["intents"]
    assert one["records"] == suite.value("braind", "braind_events_consumed_total") > 80_000
    assert one["checkpoints_equal"] >= 3

    middle = one["records"] // 2
    code, document, text = suite.replay("--from", str(middle))
    assert code == 0, text
    assert document["maps"][0]["replays"][0]["from"] >= middle - 1

    done = hft(
        "journal", "cut", suite.journal, "--out", tmp_path / "cut", "--from", middle // 2, "--to", middle
    )
    assert done.returncode == 0, done.stderr
    assert hft("journal", "verify", tmp_path / "cut").returncode == 0
    code, document, text = suite.replay(journal=tmp_path / "cut")
    assert code == 0, text
    assert 0 < document["intents"] < one["intents"]

    for name, source in (("capture", small_day), ("journal", suite.journal)):
        dated = ["--date", SMALL_DAY] if name == "capture" else []
        done = hft(
            "decode",
            source,
            *dated,
            "--tops",
            tmp_path / f"{name}.csv",
            "--counts",
            tmp_path / f"{name}.json",
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "journal.csv").read_bytes() == (tmp_path / "capture.csv").read_bytes()

    done = hft("model", "train", "--journal", suite.journal, "--out", tmp_path / "trained", "--seconds", "2")
    assert done.returncode == 0, done.stderr
    assert "out of sample" in done.stdout


@pytest.mark.capture
def test_the_real_capture_under_loss_and_reordering_repeats_identically(make_suite, real_capture):
    suite = make_suite(real_capture, REAL_DAY)
    whole_day(
        suite,
        400.0,
        "--loss",
        "0.02",
        "--duplicate",
        "0.02",
        "--reorder",
        "0.02",
        "--start-at",
        "first-order",
    )
    code, document, text = suite.replay()
    assert code == 0, text
    (one,) = document["maps"][0]["replays"]
    assert one["records"] == suite.value("braind", "braind_events_consumed_total")
    assert one["records"] + suite.value("braind", "braind_ring_lost_total") > 250_000
    assert one["intents"] == suite.value("braind", "braind_intents_total") > 10


def test_killed_daemons_come_back_in_the_same_journal(make_suite, small_day):
    """braind and the recorder are killed and feedd is restarted while the day goes on; all of it is repeated."""
    suite = make_suite(small_day, SMALL_DAY)
    for name in ("recorder", "feedd", "braind"):
        suite.start(name)
    venue = suite.play(0.5)
    wait_until(lambda: suite.value("braind", "braind_intents_total") > 5, "intents")
    suite.kill("braind")
    suite.start("braind")
    wait_until(lambda: suite.value("braind", "braind_intents_total") > 5, "intents of the second braind")
    suite.kill("recorder")
    time.sleep(0.1)
    suite.start("recorder")
    suite.end("feedd")
    suite.start("feedd")
    maps = suite.value("braind", "braind_ring_maps_total")
    wait_until(lambda: suite.value("braind", "braind_ring_maps_total") >= max(2, maps), "the new feed")
    before = suite.value("braind", "braind_intents_total")
    wait_until(
        lambda: venue.poll() is not None or suite.value("braind", "braind_intents_total") > before + 5,
        "intents",
    )
    venue.terminate()
    venue.wait()
    for name in ("braind", "feedd", "recorder"):
        suite.end(name)
    journal = Journal(suite.journal, use_index=False)
    assert verify(journal).problems == []
    assert len(journal.generations(JournalStream.MARKET)) == 2
    assert len(journal.generations(JournalStream.INPUTS)) == 2
    code, document, text = suite.replay()
    assert code == 0, text
    assert len(document["maps"]) == 3
    assert document["intents"] > 10
