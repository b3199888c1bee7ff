"""Mutants of gate, bucket, window and view of the limits: each is one small fault, and a test must see it.

    .venv/bin/python tests/feedd/gate/gate_mutants.py [--markdown]      all of them, a few minutes (`make mutants`)

A mutant is one token or one statement changed: a comparison moved by one or turned round, `and` for `or`, a sign, a
constant, one field or limit taken for another, a check removed, two checks exchanged. It is compiled into the driver
and judged as test_gate.py judges the sources, with fewer cases; who survives that is judged by the unit tests as well.
The view of the limits has unit tests alone.

Exit code 0: every mutant is killed, or excused in gate_excuses.py with the reason why nobody can tell it from the
original; 1: one survived.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import gate_pipe as pipe
import numpy as np
from gate_excuses import EXCUSES, UNTOUCHED

ROOT: Final = Path(__file__).resolve().parents[3]
SOURCES: Final = ROOT / "daemons" / "feedd" / "src"
RISK: Final = Path("gateway/risk")
GATE: Final = Path("daemons/feedd/src/gateway/risk/gate.cpp")
DRIVER: Final = Path(__file__).parent / "gate_driver.cpp"
UNIT: Final = ROOT / "tests" / "feedd" / "unit"
FILES: Final = ("gate.cpp", "message_bucket.hpp", "duplicate_window.hpp", "limits_view.cpp")
FLAGS: Final = ("-std=c++20", "-O0", "-w", "-D_GLIBCXX_ASSERTIONS")  # out of bounds is a crash

Change = tuple[int, int, str, str]  # from, to, what to put there, in words

# Spaces around an operator tell it from a template's brackets: clang-format sees to that.
OPERATORS: Final = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",), "*": ("+",), "/": ("*",), "%": ("/",),
    "+=": ("-=",), "-=": ("+=",),
}  # fmt: skip
PAIRS: Final = (
    ("Side::BUY", "Side::SELL"), ("bid_price", "ask_price"), ("own_best_bid", "own_best_ask"), ("std::min", "std::max"),
    ("instrument.open_buy_quantity", "instrument.open_sell_quantity"),
    ("instrument.order_quantity_max", "instrument.order_notional_max"),
    ("instrument.position_max", "instrument.order_quantity_max"), ("account.open_orders", "account.unacknowledged"),
    ("limits.order_quantity_max", "limits.order_notional_max"), ("limits.position_max", "limits.gross_notional_max"),
    ("limits.open_orders_max", "limits.unacknowledged_max"), ("limits.price_tick", "limits.lot"),
    ("limits.book_age_ns_max", "limits.intent_age_ns_max"), ("limits.loss_max", "limits.gross_notional_max"),
    ("order.price", "order.quantity"), ("worst.this_side", "worst.other_side"), ("worst.before", "worst.this_side"),
    ("MarketPhase::REGULAR", "MarketPhase::EXTENDED"),
    ("message_burst", "cancel_reserve"), ("messages_per_s", "message_burst"),
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """`text` is the whole source with the fault in it."""

    file: str
    line: int
    original: str  # the line
    change: str
    text: str = field(repr=False)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.original, self.change

    @property
    def equivalent(self) -> str:
        """Why nobody can tell it from the original; "" = somebody must."""
        return EXCUSES.get(self.key, "")


def all_mutants() -> list[Mutant]:
    return [mutant for file in FILES for mutant in _mutants_of(file)]


def unused_excuses(made: list[Mutant]) -> list[tuple[str, str, str]]:
    return sorted(set(EXCUSES) - {mutant.key for mutant in made})


def _mutants_of(file: str) -> Iterator[Mutant]:
    text = (SOURCES / RISK / file).read_text(encoding="utf-8")
    code = _code_only(text)
    seen: set[str] = set()
    for start, end, new, change in [*_token_changes(code), *_name_changes(code), *_statement_changes(code)]:
        mutated = text[:start] + new + text[end:]
        line = text.count("\n", 0, start)
        if mutated not in seen:
            seen.add(mutated)
            yield Mutant(file, line + 1, text.splitlines()[line].strip(), change, mutated)


def _code_only(text: str) -> str:
    """The same text with everything that is not to be mutated blanked out, place for place."""
    blank = lambda match: re.sub(r"[^\n]", " ", match[0])  # noqa: E731
    for pattern in (r"//[^\n]*", r"^#[^\n]*", r"static_assert[^\n]*", *UNTOUCHED):
        text = re.sub(pattern, blank, text, flags=re.MULTILINE | re.DOTALL)
    return text


# What is found, and what is put in its place.
REPLACED: Final = (
    (r"(?<=[(\s])!(?=[\w(])", "", "! removed"),
    (r"(?<=[= (])-(?=[\w])", "", "sign removed"),
    (r"INT64_MAX\b(?<!U\w{9})", "(INT64_MAX - 1)", "INT64_MAX - 1"),
    (r"UINT64_MAX\b", "(UINT64_MAX - 1)", "UINT64_MAX - 1"),
)


def _token_changes(code: str) -> Iterator[Change]:
    for match in re.finditer(r"(?<= )(<=|>=|==|!=|&&|\|\||\+=|-=|<|>|\+|-|\*|/|%)(?=\s)", code):
        for new in OPERATORS[match[0]]:
            yield match.start(), match.end(), new, f"{match[0]} → {new}"
    for pattern, new, change in REPLACED:
        for match in re.finditer(pattern, code):
            yield match.start(), match.end(), new, change
    for match in re.finditer(r"(?<![\w.'])\d[\d']*\b(?!')", code):
        value = int(match[0].replace("'", ""))
        for number in sorted({value + 1, max(value - 1, 0)} - {value}):
            yield match.start(), match.end(), str(number), f"{match[0]} → {number}"


def _name_changes(code: str) -> Iterator[Change]:
    for old, new in (pair for one, other in PAIRS for pair in ((one, other), (other, one))):
        for match in re.finditer(rf"(?<![\w.:]){re.escape(old)}\b|(?<=instrument\.){re.escape(old)}\b", code):
            yield match.start(), match.end(), new, f"{old} → {new}"
    for match in re.finditer(r"\? ([^?:;]+?) : ([^?:;]+?)(?=[;)])", code):
        if all(part.count("(") == part.count(")") for part in match.groups()):
            yield match.start(), match.end(), f"? {match[2]} : {match[1]}", "branches of ?: exchanged"


def _statement_changes(code: str) -> Iterator[Change]:
    checks = list(
        re.finditer(r"^ +if \([^\n{]*\) return [^\n;]*;|^ +if \([^;{]*\{\n[^\n]*\n +\}", code, re.MULTILINE)
    )
    for match in checks:
        yield match.start(), match.end(), "", "check removed"
    for one, other in pairwise(checks):
        between = code[one.end() : other.start()]
        if between.strip() == "":
            yield one.start(), other.end(), other[0] + between + one[0], "exchanged with the next check"
    for match in re.finditer(
        r"^ +(?!return|using|const|if|for|bool|explicit|static)[\w.:*>\-\[\]]+ [-+]?= [^;{}]+;",
        code,
        re.MULTILINE,
    ):
        yield match.start(), match.end(), "", "statement removed"
    for match in re.finditer(r"^ +(?:refill|set)\([^;]*\);|\bbreak;", code, re.MULTILINE):
        yield match.start(), match.end(), ";", "statement removed"
    for match in re.finditer(r"return RefusalReason::(?!NONE)\w+", code):
        yield match.start(), match.end(), "return RefusalReason::NONE", "passes instead"


def includes(gate_build: Path) -> list[str]:
    """Where the headers are: the schema's are made by the build."""
    flatbuffers = Path(sys.executable).parent.parent / "include"
    system = [gate_build / "schema" / "include", flatbuffers]
    return [
        *(word for path in system for word in ("-isystem", str(path))),
        *(f"-I{path}" for path in (ROOT / "daemons" / "feedd" / "include", SOURCES)),
    ]


class Run:
    """Compiles and judges; `directory` is for what it makes."""

    def __init__(
        self, gate_build: Path, directory: Path, files: tuple[str, ...] = FILES, cases: int = 100_000
    ) -> None:
        self._files = files
        self._includes = includes(gate_build)
        self._directory = directory
        # Most die of the first few thousand.
        chunks = [*pipe.gate_chunks(2, 4000, 4000), *pipe.gate_chunks(3, cases)]
        self._cases = [(words, pipe.expected_refusals(words)) for words in chunks]
        rng = np.random.default_rng(4)
        self._few = [
            (window, pipe.few_orders(rng, window, 200)) for window in (0, 1, 1000, 10**9) for _ in range(10)
        ]
        self._flood = pipe.flood(rng, 10**9, 10_000)
        heads = [
            "hft/schema/hft_generated.h",
            "runtime/config.hpp",
            "feedd/clock.hpp",
            "cstdio",
            "vector",
            "memory",
        ]
        (directory / "heads.hpp").write_text("".join(f"#include <{head}>\n" for head in heads))
        self._compile("-x", "c++-header", "heads.hpp", "-o", "heads.hpp.gch")
        self._compile("-include", "heads.hpp", "-c", str(DRIVER), "-o", "driver.o")
        self._compile("-include", "heads.hpp", "-c", str(SOURCES / RISK / "gate.cpp"), "-o", "gate.o")
        self._compile("-c", str(SOURCES / "shm" / "region.cpp"), "-o", "region.o")
        for file in files:
            if file.endswith(".cpp"):
                test = Path(file).stem + "_test"
                self._compile("-c", str(UNIT / f"{test}.cpp"), "-o", f"{test}.o")

    def _compile(self, *arguments: str, first: tuple[str, ...] = ()) -> str:
        command = ["g++", *FLAGS, *first, *self._includes, *arguments]
        done = subprocess.run(command, cwd=self._directory, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    def verdict(self, mutant: Mutant) -> str:
        """What killed it, "" = nothing did."""
        tree = self._directory / "mutated" / RISK
        tree.mkdir(parents=True, exist_ok=True)
        for old in tree.iterdir():
            old.unlink()
        (tree / mutant.file).write_text(mutant.text, encoding="utf-8")
        first = (f"-I{self._directory / 'mutated'}",)
        if mutant.file == "gate.cpp":
            problem = self._compile(
                "-include", "heads.hpp", str(tree / mutant.file), "driver.o", "-o", "driver"
            )
        elif mutant.file.endswith(".hpp"):
            problem = self._compile(
                "-include", "heads.hpp", str(DRIVER), "gate.o", "-o", "driver", first=first
            )
        else:
            return self._unit_tests(mutant.file, first)
        if problem:
            return "compiler"
        try:
            found = self._differences(mutant.file)
        except (AssertionError, subprocess.TimeoutExpired, ValueError):
            return "crash"
        return found or self._unit_tests(mutant.file, first)

    def unchanged(self) -> list[str]:
        """Which of the files fail without a fault in them: none, or all verdicts are worth nothing."""
        texts = {file: (SOURCES / RISK / file).read_text(encoding="utf-8") for file in self._files}
        return [file for file, text in texts.items() if self.verdict(Mutant(file, 0, "", "nothing", text))]

    def _differences(self, file: str) -> str:
        driver = self._directory / "driver"
        if file == "gate.cpp":
            for words, expected in self._cases:
                if not np.array_equal(pipe.gate_refusals(driver, words), expected):
                    return "twin"
        if file == "message_bucket.hpp" and pipe.bucket_differences(driver, 9, 300, 60):
            return "twin"
        if file == "duplicate_window.hpp":
            for window, steps in self._few:
                got, true = pipe.duplicate_answers(driver, window, steps)
                if not np.array_equal(got, true):
                    return "twin"
            got, true = pipe.duplicate_answers(driver, 10**9, self._flood)
            late = np.array([step[5] == self._flood[-1][5] and step[0] == 0 for step in self._flood])
            if (true & ~got).any() or (got & ~true & late).any():
                return "flood"
        return ""

    def _unit_tests(self, file: str, first: tuple[str, ...]) -> str:
        test = Path(file).stem + "_test"
        if file.endswith(".cpp"):
            sources = [str(self._directory / "mutated" / RISK / file), f"{test}.o", "region.o"]
        else:
            sources = [str(UNIT / f"{test}.cpp")]
        if self._compile(*sources, "-lgtest_main", "-lgtest", "-lpthread", "-o", "unit", first=first):
            return "compiler"
        try:
            command = [self._directory / "unit", "--gtest_filter=-*busy*"]
            done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        except subprocess.TimeoutExpired:
            return "crash"
        return "unit test" if done.returncode else ""


def main() -> int:
    """All mutants; the table of docs/GATE.md with --markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/GATE.md")
    parser.add_argument("--only", choices=FILES, help="of this file alone")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "tests")
    options = parser.parse_args()
    files = (options.only,) if options.only else FILES
    made = [mutant for mutant in all_mutants() if mutant.file in files]
    counts: Counter[tuple[str, str]] = Counter()
    survived: list[Mutant] = []
    with tempfile.TemporaryDirectory() as directory:
        run = Run(options.build, Path(directory), files)
        if failing := run.unchanged():
            sys.exit(f"without a fault in them these fail: {failing}")
        for number, mutant in enumerate(made, 1):
            verdict = run.verdict(mutant)
            if not verdict:
                verdict = "equivalent" if mutant.equivalent else "SURVIVED"
            elif mutant.equivalent:
                verdict = "excused, but killed"
            counts[mutant.file, verdict] += 1
            if verdict in ("SURVIVED", "excused, but killed"):
                survived.append(mutant)
                print(
                    f"{verdict}: {mutant.file}:{mutant.line}: {mutant.change}: {mutant.original}", flush=True
                )
            elif number % 50 == 0:
                print(f"{number} of {len(made)}", file=sys.stderr, flush=True)
    _report(counts, options.markdown)
    return 1 if survived else 0


def _report(counts: Counter[tuple[str, str]], markdown: bool) -> None:
    killers = ("twin", "flood", "unit test", "crash")
    bar = "| " if markdown else ""
    print(f"{bar}file | mutants | {' | '.join(killers)} | equivalent | survived{' |' if markdown else ''}")
    if markdown:
        print("|---" * (len(killers) + 4) + "|")
    for file in FILES:
        total = sum(count for (of, verdict), count in counts.items() if of == file and verdict != "compiler")
        cells = [str(counts[file, killer]) for killer in killers]
        bad = counts[file, "SURVIVED"] + counts[file, "excused, but killed"]
        row = [file, str(total), *cells, str(counts[file, "equivalent"]), str(bad)]
        print(f"{bar}{' | '.join(row)}{' |' if markdown else ''}")


if __name__ == "__main__":
    os.nice(10)
    sys.exit(main())
