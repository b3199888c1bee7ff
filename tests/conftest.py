"""Fixtures that several packages' tests share: C++ builds, made once a session, and directories on tmpfs."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# Compiled kernels, generated days and models of all tests: one cache of the checkout's own, kept between runs.
os.environ.setdefault("HFT_CACHE_DIR", str(ROOT / "build" / "test-cache"))


# How long an example takes is the machine's business: a core that stands still is no fault of the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Two at a time they run in workers that ignore ctrl-C, and so would whatever the tests start there.
if "PYTEST_XDIST_WORKER" in os.environ:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Harnesses whose assertions judge: what was compared belongs into the report.
pytest.register_assert_rewrite("moments", "order_world")

# What measures, starves the machine on purpose, or holds real processes to deadlines that a stalled core would break
# has the cores to itself. `make test` runs the rest first, two at a time (Makefile).
ALONE = (
    "system", "feedd/test_bench_fence.py", "feedd/test_throughput.py",
    "braind/test_process.py", "braind/test_shadow_process.py", "braind/test_controls.py", "braind/test_idle.py",
    "braind/test_bench_tick.py", "hft/test_bench_ring.py", "paperd/test_pacing.py", "paperd/test_replay.py",
)  # fmt: skip


BUILD_S = 1500


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = ROOT / "tests"
    boots = {tests / "deploy" / name for name in ("test_boot.py", "test_packages.py")}
    for item in items:
        if any(item.path.is_relative_to(tests / part) for part in ALONE):
            item.add_marker(pytest.mark.alone)
        if item.path in boots or item.path.is_relative_to(tests / "emulated"):
            item.add_marker(pytest.mark.boot)
        if _waits_for_a_build(item) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(BUILD_S))


def _waits_for_a_build(item: pytest.Item) -> bool:
    """Its time counts what a compiler needs, beside another one: the second worker waits for the first one's build."""
    return isinstance(item, pytest.Function) and any(name.endswith("_build") for name in item.fixturenames)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """`figure(text)`: a line for the report's end, whether the test passes or not."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, [])]
    lines = [str(text) for r in reports for name, text in r.user_properties if name == "figure"]
    if lines:
        terminalreporter.section("figures")
    for line in lines:
        terminalreporter.write_line(line)


def _build(preset: str, *targets: str) -> Path:
    """Configures and builds a CMake preset; the build directory. Fails with the compiler's own words."""
    directory = ROOT / "build" / preset
    directory.mkdir(parents=True, exist_ok=True)
    commands = [
        ["cmake", "--preset", preset, f"-DPython_EXECUTABLE={sys.executable}"],
        ["cmake", "--build", str(directory), "-j2", *(["--target", *targets] if targets else [])],
    ]
    with (directory / ".pytest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in commands:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.fail(
                    f"{' '.join(command)} failed:\n{done.stdout[-8000:]}{done.stderr[-4000:]}", pytrace=False
                )
    return directory


@pytest.fixture(scope="session")
def bench_build() -> Path:
    """build/tests with the benchmarks alone, optimized as feedd is."""
    return _build("tests", "itch_throughput", "fence")


@pytest.fixture(scope="session")
def contract_build() -> Path:
    """build/tests with the programs of tests/contract alone: they need the shared-memory contract only."""
    return _build("tests", "contract_torn_reads", "contract_killed_writer", "contract_control_races")


@pytest.fixture(scope="session")
def gate_build() -> Path:
    """build/tests with the program of tests/feedd/gate alone."""
    return _build("tests", "gate_driver")


@pytest.fixture(scope="session")
def tsan_build() -> Path:
    """build/tsan: the contract programs under clang's ThreadSanitizer."""
    return _build("tsan", "contract_races", "contract_control_races")


@pytest.fixture(scope="session")
def asan_build() -> Path:
    """build/asan: the unit tests and what reads captures, under ASan and UBSan."""
    return _build("asan", "feedd_tests", "ouch50_fields")


@pytest.fixture(scope="session")
def fuzz_build() -> Path:
    """build/fuzz: the libFuzzer targets with ASan and UBSan."""
    return _build("fuzz", "fuzz_targets")


@pytest.fixture
def shm_directory() -> Iterator[Path]:
    """An empty directory on tmpfs, removed afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="hft-test.", dir="/dev/shm"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
