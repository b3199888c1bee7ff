"""gate_driver.cpp from Python, and sequences for bucket and duplicate window with what the twins say of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from gate_cases import Words, generate
from gate_twin import Bucket, Duplicates, gate_refusal
from numpy.typing import NDArray

Answers = NDArray[np.uint8]


def ask(driver: Path, mode: str, words: bytes) -> bytes:
    done = subprocess.run([driver, mode], input=words, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, f"{mode}: exit {done.returncode}: {done.stderr[-400:]!r}"
    return done.stdout


def expected_refusals(words: Words) -> Answers:
    return np.fromiter((gate_refusal(case) for case in words.tolist()), np.uint8, len(words))


def gate_refusals(driver: Path, words: Words) -> Answers:
    return np.frombuffer(ask(driver, "gate", words.tobytes()), np.uint8)


def gate_chunks(seed: int, count: int, chunk: int = 50_000) -> Iterator[Words]:
    rng = np.random.default_rng(seed)
    for _ in range(count // chunk):
        yield generate(rng, chunk)


def bucket_sequences(seed: int, sequences: int, steps: int) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """(rate, burst, reserve, start) and its steps (kind, now): bursts, pauses of a token or many."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(sequences):
        rate = int(rng.choice([0, 1, 3, 7, 10, 999, 1_000, 1_000_000, 10**9, 3 * 10**9]))
        burst = int(rng.choice([0, 1, 2, 5, 10, 1_000_000, 10**9, 3 * 10**9]))
        reserve = min(int(rng.choice([0, 0, 1, 2, 5, 10**9 + 1])), burst)
        now = start = int(rng.choice([0, 10**9, 2**62]))
        token_ns = max(10**9 // max(rate, 1), 1)
        pauses = [
            0,
            0,
            0,
            1,
            token_ns - 1,
            token_ns,
            token_ns + 1,
            burst * token_ns,
            burst * token_ns + 1,
            10**12,
            2**60,
        ]
        taken = []
        for _ in range(steps):
            now = min(now + pauses[int(rng.integers(0, len(pauses)))], 2**64 - 1)
            early = now - int(
                rng.choice([0, 0, 0, 0, 0, 0, 0, 1, 10**6])
            )  # a clock that went back changes nothing
            taken.append((int(rng.integers(0, 4)), max(early, 0)))
        made.append(([rate, burst, reserve, start], taken))
    return made


def bucket_differences(driver: Path, seed: int, sequences: int = 300, steps: int = 100) -> int:
    made = bucket_sequences(seed, sequences, steps)
    words: list[int] = []
    expected: list[int] = []
    for head, taken in made:
        words += [*head, len(taken)] + [word for step in taken for word in step]
        most = 10**9  # where the C++ caps rate and burst
        twin = Bucket(min(head[0], most), min(head[1], most), min(head[2], most), head[3])
        for kind, now in taken:
            allowed, tokens = twin.ask(kind, now)
            expected.append(2 * tokens + allowed)
    got = np.frombuffer(ask(driver, "bucket", np.array(words, np.uint64).tobytes()), np.uint64)
    return int(np.count_nonzero(got != np.array(expected, np.uint64)))


def few_orders(rng: np.random.Generator, window_ns: int, steps: int) -> list[list[int]]:
    """At most eight different orders, so that none is ever given up: the answer must be exact."""
    keys = [
        [int(rng.integers(1, 3)), int(rng.integers(1, 3)), int(rng.integers(1, 3)), int(rng.integers(1, 3))]
        for _ in range(8)
    ]
    now, made = 0, []
    pauses = [0, 1, window_ns // 8, max(window_ns - 1, 0), window_ns, window_ns + 1]
    for _ in range(steps):
        now += pauses[int(rng.integers(0, len(pauses)))]
        made.append([int(rng.integers(0, 2)), *keys[int(rng.integers(0, len(keys)))], now])
    return made


def flood(rng: np.random.Generator, window_ns: int, orders: int) -> list[list[int]]:
    """Many more orders within a window than the table holds, then each asked for again, also after the window."""
    prices = rng.permutation(orders * 4)[:orders] + 1
    sent = [
        [1, 1, 1, int(price), 100, 10**9 + i * window_ns // (2 * orders)] for i, price in enumerate(prices)
    ]
    asked = []
    for later in (
        sent[-1][5],
        sent[0][5] + window_ns - 1,
        sent[orders // 2][5] + window_ns - 1,
        sent[-1][5] + window_ns,
    ):
        asked += [[0, *order[1:5], later] for order in sent[:: max(orders // 2000, 1)]]
    return sent + asked


def duplicate_answers(driver: Path, window_ns: int, steps: list[list[int]]) -> tuple[Answers, Answers]:
    """What the C++ says, what is true."""
    words = [window_ns, len(steps), *(word for step in steps for word in step)]
    got = np.frombuffer(ask(driver, "duplicates", np.array(words, np.uint64).tobytes()), np.uint8)
    twin = Duplicates(window_ns)
    true = np.array([twin.ask(step[0], tuple(step[1:5]), step[5]) for step in steps], np.uint8)
    return got, true
