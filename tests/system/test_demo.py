"""`hft demo` as a person runs it: real processes, real sockets, and sums that must hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HFT = str(Path(sys.executable).with_name("hft"))
SHARED_MEMORY = Path("/dev/shm")
START_SECONDS_MAX = 240.0
# Where the deadline is not what is tested: the machine may take the cores for longer than the demo's 200 ms.
PATIENT = ("--deadline-ms", "2000")


def demo_directories() -> set[str]:
    return {path.name for path in SHARED_MEMORY.glob("hft-demo.*")}


def processes_of(directory: str) -> list[str]:
    """Command lines that name a run's directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if directory in command:
                found.append(command)
    return found


def run_demo(
    *arguments: str, cwd: Path | None = None, deadline: tuple[str, ...] = PATIENT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HFT, "demo", *deadline, *arguments],
        capture_output=True, text=True, timeout=START_SECONDS_MAX, check=False, cwd=cwd,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    before = demo_directories()
    yield
    assert demo_directories() <= before


def sums_hold(report: dict[str, object]) -> bool:
    events = report["events"]
    assert isinstance(events, dict)
    return (
        events["sent"] == events["decoded"] + events["gaps"]
        and events["published"] == events["consumed"] + events["lost_ring"] + events["unread"]
        and report["intents"] == report["answered"]
        and report["intents"] == report["sent"] + report["would_send"] + report["refused"]
    )


def replays_identically(journal: Path, intents: int, *arguments: str) -> None:
    """`braind --replay` of a recorded demo, compared with what was recorded."""
    outcome = journal.with_suffix(".json")
    command = [
        str(Path(HFT).with_name("braind")),
        "--replay",
        str(journal),
        "--json",
        str(outcome),
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(outcome.read_text())
    assert (document["verdict"], document["intents"]) == ("identical", intents)


@pytest.mark.slow
def test_a_whole_day_arrives_is_traded_on_and_the_three_ledgers_agree(
    small_day: Path, tmp_path: Path
) -> None:
    report_path = tmp_path / "report.json"
    journal = tmp_path / "journal"
    arguments = ("--speed", "2", "--json", str(report_path), "--record", str(journal))
    done = run_demo("--capture", str(small_day), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(report_path.read_text())
    assert sums_hold(report)
    replays_identically(journal, report["intents"])
    assert report["events"]["gaps"] == report["events"]["lost_ring"] == 0
    assert report["events"]["sent"] > 50_000
    assert report["decisions"] > 1000
    orders = report["orders"]
    assert report["sent"] >= orders["sent"] > 100
    assert orders["acknowledged"] + orders["rejected"] == orders["sent"]
    assert orders["filled"] > 0
    assert orders["open"] == 0
    assert report["ledgers_agree"] is True
    assert report["kill"] is None
    for hop in ("receive_to_publish", "publish_to_consume", "publish_to_intent", "intent_to_answer"):
        assert 0 < report["latency_ns"][hop]["p50"] <= report["latency_ns"][hop]["max"]
    assert "every intent answered, the ledgers agree: yes" in " ".join(done.stdout.split())
    assert "out of sample" in done.stderr


@pytest.mark.slow
def test_ctrl_c_stops_in_order_and_the_sums_still_hold(small_day: Path, tmp_path: Path) -> None:
    report_path = tmp_path / "report.json"
    demo = subprocess.Popen(
        [HFT, "demo", *PATIENT, "--capture", str(small_day), "--speed", "0.5", "--json", str(report_path)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
    )  # fmt: skip
    assert demo.stdout is not None
    for line in demo.stdout:
        if "paperd=sending" in line:
            break
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, rest
    report = json.loads(report_path.read_text())
    assert sums_hold(report)
    assert report["events"]["sent"] > 0
    assert report["ledgers_agree"] is True


@pytest.mark.slow
def test_without_a_venue_intents_are_checked_and_not_sent(small_day: Path, tmp_path: Path) -> None:
    report_path = tmp_path / "report.json"
    done = run_demo(
        "--capture", str(small_day), "--speed", "4", "--no-orders", "--strategy", "imbalance",
        "--json", str(report_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(report_path.read_text())
    assert sums_hold(report)
    assert report["would_send"] == report["intents"] > 0
    assert "orders" not in report


@pytest.mark.slow
def test_a_strategy_of_one_s_own_trades_as_it_was_written_by_hft_strategy_new(
    small_day: Path, tmp_path: Path
) -> None:
    subprocess.run([HFT, "strategy", "new", "fade_it"], cwd=tmp_path, check=True, capture_output=True)
    arguments = ("--speed", "4", "--strategy", "fade_it:FadeItStrategy", "--json", "report.json")
    done = run_demo("--capture", str(small_day), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["orders"]["filled"] > 0
    assert report["ledgers_agree"] is True


@pytest.mark.slow
def test_a_day_that_starts_mid_session_without_a_directory_is_decided_on_too(
    small_day: Path, tmp_path: Path
) -> None:
    cut, report_path = tmp_path / "20260105_cut.itch50", tmp_path / "report.json"
    framed = small_day.read_bytes()
    offset = 0
    for _ in range(30_000):
        offset += 2 + int.from_bytes(framed[offset : offset + 2], "big")
    cut.write_bytes(framed[offset:])
    done = run_demo("--capture", str(cut), "--speed", "2", "--json", str(report_path))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(report_path.read_text())
    assert sums_hold(report)
    assert report["decisions"] > 100


def hurried(kill: dict[str, Any]) -> bool:
    """By other work that takes the cores for a while: a braind off its core is silent before it is frozen."""
    late = kill["last_cancel_ms"] is None or kill["last_cancel_ms"] >= 500.0
    return late or not 180.0 < kill["fence_ms"] <= kill["dead_ms"] < 2000.0


def freeze_in_a_demo(day: Path, report_path: Path) -> subprocess.CompletedProcess[str]:
    """A demo with `--kill-at 6` and the deadline that it comes with."""
    arguments = ("--capture", str(day), "--speed", "0.5", "--kill-at", "6", "--json", str(report_path))
    return run_demo(*arguments, "--strategy", "maker", deadline=())


@pytest.mark.slow
def test_a_frozen_braind_is_killed_its_quotes_are_cancelled_and_nothing_passes_after_the_fence(
    small_day: Path, tmp_path: Path
) -> None:
    report_path = tmp_path / "report.json"
    done = freeze_in_a_demo(small_day, report_path)
    said = " ".join((done.stdout + done.stderr).split())
    first = json.loads(report_path.read_text())["kill"] if report_path.exists() else None
    closed_before = first is None and "the suite is " in said
    # Once more on a machine that others keep busy.
    if closed_before or (done.returncode == 0 and hurried(first)):
        warnings.warn(f"{first or said}: tried again", stacklevel=1)
        report_path.unlink(missing_ok=True)
        done = freeze_in_a_demo(small_day, report_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(report_path.read_text())
    kill = report["kill"]
    assert (kill["sent_after_fence"], kill["drained"], report["orders"]["open"]) == (0, True, 0)
    assert kill["open_at_kill"] > 0, "quotes were resting"
    assert kill["last_cancel_ms"] < 500.0, "the target is 50: docs/TARGETS.md"
    assert report["ledgers_agree"] is True
    # The deadline is 200 ms.
    assert 180.0 < kill["fence_ms"] <= kill["dead_ms"] < 2000.0
    assert kill["intents_after_fence"] == 0
    assert "braind frozen: fence closed after" in done.stdout


@pytest.mark.slow
def test_a_kill_that_the_day_was_too_short_for_is_a_problem(small_day: Path) -> None:
    done = run_demo("--capture", str(small_day), "--speed", "4", "--kill-at", "1000")
    assert done.returncode == 1
    assert "the day was over before --kill-at 1000 s" in done.stdout


@pytest.mark.slow
@pytest.mark.capture
def test_the_real_file_under_loss_duplicates_and_reordering_is_recorded_and_replays_identically(
    real_capture: Path, tmp_path: Path
) -> None:
    report_path = tmp_path / "report.json"
    journal = tmp_path / "journal"
    faults = ("--loss", "0.05", "--duplicate", "0.05", "--reorder", "0.05", "--record", str(journal))
    done = run_demo("--capture", str(real_capture), "--speed", "4", "--json", str(report_path), *faults)
    assert done.returncode == 0, done.stdout + done.stderr
    replays_identically(journal, intents=json.loads(report_path.read_text())["intents"])
    report = json.loads(report_path.read_text())
    assert sums_hold(report)
    assert report["events"]["sent"] == 251_837
    assert report["day"]["trading_date"] == "2019-12-30"


@pytest.mark.slow
def test_a_killed_demo_leaves_no_daemon_and_its_directory_goes_with_the_next_run(
    small_day: Path,
) -> None:
    before = demo_directories()
    demo = subprocess.Popen(
        [HFT, "demo", *PATIENT, "--capture", str(small_day), "--speed", "0.5"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
    )  # fmt: skip
    assert demo.stdout is not None
    for line in demo.stdout:
        if "braind=ready" in line:
            break
    (directory,) = demo_directories() - before
    assert len(processes_of(directory)) >= 2
    demo.kill()
    demo.wait()
    demo.stdout.close()
    deadline = time.monotonic() + 20
    while processes_of(directory) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(directory) == []

    missing = run_demo("--capture", "/nonexistent")
    assert missing.returncode == 1
    assert directory not in demo_directories()


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--capture", "/nonexistent.itch50"), 1, "/nonexistent.itch50"),
        (("--json", "/nonexistent/report.json"), 2, "/nonexistent/report.json"),
        (("--speed", "0"), 2, "--speed"),
        (("--loss", "1.5"), 2, "--loss"),
        (("--seconds", "soon"), 2, "--seconds"),
        (("--strategy", "luck"), 2, "luck"),
        (("--strategy", "luck:Luck"), 1, "luck"),
    ],
)
def test_what_can_not_work_is_refused_by_name(arguments: tuple[str, ...], code: int, word: str) -> None:
    done = run_demo(*arguments)
    assert done.returncode == code
    assert word in done.stderr.replace("\n", "")


def test_a_capture_whose_date_nobody_knows_asks_for_it(small_day: Path, tmp_path: Path) -> None:
    nameless = tmp_path / "day.itch50"
    os.link(small_day, nameless)
    done = run_demo("--capture", str(nameless))
    assert done.returncode == 1
    assert "--date" in done.stderr
