"""hft jitter: gaps are counted where they are, on the cores that were asked for, and told in three forms."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from hft._native import histogram_bucket_floor, measure_gaps
from hft.host.jitter.command import run
from hft.host.jitter.draw import bars, document, octaves
from hft.host.jitter.measure import CoreJitter, CoreUnusable, interrupts, measure
from hft.host.jitter.peers import PeerResult, parse_oslat, parse_osnoise
from hft.host.tree import Tree
from hft.stats import Histogram

HFT = Path(sys.executable).with_name("hft")
CORES = sorted(os.sched_getaffinity(0))


def jitter(gaps: dict[int, int], threshold_ns: int = 1000) -> CoreJitter:
    """Of made-up gaps: how many, by their length in ns."""
    buckets = np.zeros(61 * 16, np.uint64)
    floors = [histogram_bucket_floor(index) for index in range(len(buckets))]
    for gap, count in gaps.items():
        buckets[int(np.searchsorted(floors, gap, side="right")) - 1] += count
    total = sum(gap * count for gap, count in gaps.items())
    long = {gap: count for gap, count in gaps.items() if gap >= threshold_ns}
    interrupted = sum(gap * count for gap, count in long.items())
    histogram = Histogram(sum(gaps.values()), total, max(gaps), "ns", buckets)
    return CoreJitter(
        3, total, histogram, sum(long.values()), interrupted, 7, {"LOC": 250, "41 eth0-rx-0": 2}
    )


def test_a_measurement_adds_up_and_ends_in_time() -> None:
    begin = time.monotonic()
    (gaps,) = measure_gaps(CORES[:1], 200_000_000, 1000)
    assert time.monotonic() - begin < 20
    assert gaps.error == 0
    assert sum(gaps.buckets) == gaps.gaps > 1000
    assert gaps.duration_ns >= 200_000_000
    assert gaps.interrupted_ns <= gaps.duration_ns
    assert gaps.longest_at_ns + gaps.longest_ns <= gaps.duration_ns
    floors = [histogram_bucket_floor(index) for index, count in enumerate(gaps.buckets) if count]
    assert floors[-1] <= gaps.longest_ns < histogram_bucket_floor(len(gaps.buckets) - 1)


def test_every_core_is_measured_at_once_and_on_itself() -> None:
    seen: set[int] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            for task in Path("/proc/self/task").iterdir():
                with contextlib.suppress(OSError):  # it has ended since
                    lines = (task / "status").read_text().splitlines()
                    (text,) = [line.split()[-1] for line in lines if "Cpus_allowed_list" in line]
                    seen.update({int(text)} if text.isdecimal() else set())
            time.sleep(0.01)

    watcher = threading.Thread(target=look)
    watcher.start()
    results = measure(CORES, 3.0, 1000, Tree())  # the watcher has to get its turn beside them
    stop.set()
    watcher.join()
    assert [result.core for result in results] == CORES
    assert seen >= set(CORES)


def test_a_thread_that_takes_the_core_is_seen_as_interruptions() -> None:
    """A spinning competitor on the same core takes half of it, a time slice at once."""
    core = CORES[-1]
    competitor = subprocess.Popen(
        [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"]
    )
    try:
        (result,) = measure([core], 1.0, 1000, Tree())
    finally:
        competitor.kill()
        competitor.wait()
    assert result.gaps.max > 500_000
    assert result.stolen_ppm > 100_000


def test_a_core_that_can_not_be_had_is_named() -> None:
    with pytest.raises(CoreUnusable, match="core 1000: invalid argument"):
        measure([CORES[0], 1000], 5.0, 1000, Tree())


@pytest.mark.parametrize("core", [-1, 1024])
def test_a_number_that_no_core_has_is_refused(core: int) -> None:
    with pytest.raises(ValueError, match="no such core"):
        measure_gaps([core], 1, 1)


def test_ctrl_c_ends_it() -> None:
    process = subprocess.Popen([HFT, "jitter", "--seconds", "600", "--alone"], stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"cores ")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stderr.close()


def test_bars_are_by_powers_of_two_from_the_threshold_on() -> None:
    result = jitter({25: 1_000_000, 900: 5, 1500: 100, 3000: 1, 70_000: 10})
    assert octaves(result, 1000) == {1024: 100, 2048: 1, 65536: 10}
    lengths = [line.count("█") for line in bars(result, 1000)]
    assert lengths[0] == 40 > lengths[2] > lengths[1] > 0
    assert bars(jitter({25: 10}), 1000) == ["  none"]


def test_json_has_the_exact_figures() -> None:
    result = jitter({25: 1_000_000, 1500: 100, 70_000: 10})
    others = [PeerResult("oslat", {3: 71.0}), PeerResult("osnoise", {}, "no tracer")]
    told = json.loads(json.dumps(document([result], {3: "brain"}, 1000, others)))
    core = told["cores"][0]
    assert (core["role"], core["interruptions"], core["interrupted_ns"], core["longest_ns"]) == (
        "brain",
        110,
        850_000,
        70_000,
    )
    assert sum(core["histogram_ns"].values()) == core["gaps"] == 1_000_110
    assert core["interrupts"] == {"LOC": 250, "41 eth0-rx-0": 2}
    assert told["peers"][1]["problem"] == "no tracer"


def test_interrupts_are_counted_by_core(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/interrupts").write_text(
        "            CPU0       CPU2\n  0:         22          0   IO-APIC    2-edge      timer\n"
        " 41:          7          9   PCI-MSI 524288-edge      eth0-rx-0\n"
        "LOC:       1000         12   Local timer interrupts\n"
        "ERR:          0\nMIS:          0\n"
    )
    assert interrupts(Tree(tmp_path)) == {
        0: {"0 timer": 22, "41 eth0-rx-0": 7, "LOC": 1000},
        2: {"0 timer": 0, "41 eth0-rx-0": 9, "LOC": 12},
    }
    assert interrupts(Tree(tmp_path / "absent")) == {}


def test_the_peers_words_are_understood() -> None:
    oslat = {"thread": {"0": {"cpu": 2, "min": 1, "max": 15212}, "1": {"cpu": 3, "min": 1, "max": 8}}}
    assert parse_oslat(json.dumps(oslat)) == {2: 15212.0, 3: 8.0}
    osnoise = (
        "                       Operating System Noise\nduration:   0 00:00:10 | time is in us\n"
        "CPU Period  Runtime   Noise  % CPU Aval  Max Noise  Max Single     HW   NMI    IRQ  Softirq  Thread\n"
        "  2 #9      9000000     153    99.99830         31          12      9     0   1021        0       3\n"
    )
    assert parse_osnoise(osnoise) == {2: 12.0}
    assert parse_osnoise("osnoise: no such tracer\n") == {}


def arguments(**changes: object) -> argparse.Namespace:
    given: dict[str, object] = {"config": None, "cores": str(CORES[0]), "seconds": 0.1, "threshold_us": 1.0}
    given |= {"max_us": None, "alone": True, "json": False}
    return argparse.Namespace(**given | changes)


def test_the_table_names_the_plans_threads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "hft.toml"
    config.write_text(f'[cores]\ngateway = {CORES[0]}\n[feedd.feed]\nline_a = "127.0.0.1:26477"\n')
    assert run(arguments(config=config, cores=None)) == 0
    header, row = capsys.readouterr().out.splitlines()[:2]
    assert header.split()[:2] == ["core", "for"]
    assert row.split()[:2] == [str(CORES[0]), "gateway"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cores": ""}, "names none"),
        ({"cores": "x"}, "invalid literal"),
        ({"cores": "1000"}, "core 1000"),
        ({"seconds": 0.0}, "--seconds"),
        ({"seconds": float("nan")}, "--seconds"),
        ({"threshold_us": 0.0}, "--threshold-us"),
        ({"max_us": 0.0}, f"core {CORES[0]}: "),
    ],
)
def test_what_can_not_be_measured_or_was_too_long_ends_with_one(
    changes: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(**changes)) == 1
    assert said in capsys.readouterr().err
