"""Runs every libFuzzer target: at least RUNS executions each, or HFT_FUZZ_SECONDS of it.

Seeds are made here: messages of a generated day for the decoders, the documented file for the configuration.
What a long run finds stays in build/fuzz/corpus and is where the next run starts. A crash is kept beside it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paperd.capture import Capture, index_messages
from paperd.day import DayConfig, generate_day
from paperd.itch50 import LAYOUTS

ROOT = Path(__file__).resolve().parents[2]
RUNS = 50_000
SECONDS_MAX = 240  # of a machine that is very busy; then the test says how far it came
SECONDS = int(os.environ.get("HFT_FUZZ_SECONDS", "0"))
SESSION = b"A" * 10


def generated_day() -> Capture:
    return index_messages(generate_day(DayConfig(seed=2, instruments=5, messages=4_000)))


def itch50_seeds() -> Iterator[bytes]:
    """Operations of itch50_fuzz.cpp: 0, length, message, last in packet."""
    day = generated_day()
    operations = [b"\0" + bytes([len(m)]) + m + b"\1" for m in map(day.message, range(len(day)))]
    types = [chr(kind) for kind in day.type]
    for kind in LAYOUTS:
        yield operations[types.index(kind)]
    orders = [op for op, kind in zip(operations, types, strict=True) if kind in "AFECXDU"]
    for start in range(0, 300, 6):
        yield b"".join(orders[start : start + 6])


def moldudp64_seeds() -> Iterator[bytes]:
    """Options and operations of moldudp64_fuzz.cpp: line, kind, arguments."""
    day = generated_day()
    for join in (0, 1):
        for requests in (0, 1):
            options = bytes([join, 50, 20, 5, 10, requests, 1])
            in_order = b"".join(bytes([line, 7, 2, 0, 5]) for line in (0, 1, 0, 1, 0))
            gap = bytes([0, 7, 2, 0, 5, 0, 7, 2, 40, 3, 1, 7, 2, 40, 3, 0, 2, 6, 2, 4, 3, 0, 2, 63])
            end = bytes([0, 1, 0, 2, 0, 0, 3, 1])
            yield options + in_order + gap + end + in_order
    for first in range(0, 40, 4):
        blocks = [len(m).to_bytes(2, "big") + m for m in map(day.message, range(first, first + 4))]
        packet = SESSION + (first + 1).to_bytes(8, "big") + (4).to_bytes(2, "big") + b"".join(blocks)
        yield bytes([0, 50, 20, 5, 10, 0, 1]) + bytes([0, 0, len(packet)]) + packet


def config_seeds() -> Iterator[bytes]:
    text = (ROOT / "deploy" / "hft.toml").read_bytes()
    yield text
    yield from re.split(rb"\n(?=\[)", text)


def soup_packet(kind: bytes, payload: bytes = b"") -> bytes:
    return (len(payload) + 1).to_bytes(2, "big") + kind + payload


def soupbintcp_seeds() -> Iterator[bytes]:
    """Buffer size, then reads of soupbintcp_fuzz.cpp: length - 1, bytes."""
    accepted = soup_packet(b"A", b"DAY1".rjust(10) + b"17".rjust(20))
    stream = soup_packet(b"+", b"hello") + accepted + soup_packet(b"S", b"x" * 40) + soup_packet(b"H")
    ends = (b"\0\0", b"\xff\xffS", soup_packet(b"J", b"A"), soup_packet(b"Z"))
    for cut in (1, 3, 7, 90):
        for end in ends:
            whole = stream + end
            parts = [whole[at : at + cut] for at in range(0, len(whole), cut)]
            yield bytes([79]) + b"".join(bytes([len(part) - 1]) + part for part in parts)
    yield bytes([10]) + bytes([len(stream) - 1]) + stream


def ouch50_seeds() -> Iterator[bytes]:
    """With a firm or without, then operations of ouch50_fuzz.cpp."""
    kinds = "SAUCDEBJPITMRQ"
    fields = bytes(range(1, 64))
    orders = bytes([1]) + fields[:40] + bytes([2]) + fields[:40] + bytes([3]) + fields[:8]
    for firm in (b"\0", b"\1"):
        yield firm + orders
    for index in range(len(kinds)):
        for tail in (b"", b"\x05\x02LIME\x02\x120", b"\0", b"\x09\x02"):
            yield b"\0" + bytes([4, index]) + fields + bytes([len(tail)]) + tail + bytes([1, 1])
        message = kinds[index].encode() + fields
        yield b"\0" + bytes([0, len(message)]) + message


TARGETS: dict[str, tuple[Callable[[], Iterator[bytes]], int]] = {
    "moldudp64": (moldudp64_seeds, 320),
    "itch50": (itch50_seeds, 320),
    "config": (config_seeds, 12_000),
    "soupbintcp": (soupbintcp_seeds, 512),
    "ouch50": (ouch50_seeds, 512),
}
"""Target: its seeds, the longest input in bytes."""


def value_of(name: str, output: str) -> int:
    found = re.search(rf"{name}\D*?(\d+)", output)
    return int(found.group(1)) if found else 0


@pytest.mark.slow
@pytest.mark.timeout(0 if SECONDS else SECONDS_MAX + 180)
@pytest.mark.parametrize("target", TARGETS)
def test_no_input_breaks(target: str, fuzz_build: Path, figure: Callable[[str], None]) -> None:
    make_seeds, bytes_max = TARGETS[target]
    corpus, seeds = (fuzz_build / folder / target for folder in ("corpus", "seeds"))
    for folder in (corpus, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(make_seeds()):
        (seeds / f"{number:03d}").write_bytes(seed)
    limits = (
        [f"-max_total_time={SECONDS}"] if SECONDS else [f"-runs={RUNS}", f"-max_total_time={SECONDS_MAX}"]
    )
    program = fuzz_build / "fuzz" / f"{target}_fuzz"
    done = subprocess.run(
        # timeout's fork stands between: the peak that libFuzzer reads would begin with this process's own size
        ["timeout", "0", program, *limits, f"-max_len={bytes_max}", "-timeout=10", "-rss_limit_mb=2048",
         "-print_final_stats=1", f"-artifact_prefix={corpus.parent}/{target}-", corpus, seeds],
        capture_output=True, text=True, check=False, timeout=(SECONDS or SECONDS_MAX) + 60,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-6000:]
    executed = value_of("stat::number_of_executed_units", output)
    covered = max((int(edges) for edges in re.findall(r"cov: (\d+)", output)), default=0)
    edges = value_of(r"Loaded \d+ modules\s+\(", output)
    figure(f"fuzz, {target}: {executed} executions, {covered} of {edges} edges")
    assert covered > 0
    assert SECONDS or executed >= RUNS
