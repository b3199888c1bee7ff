"""Fixtures of the replay's tests: a recorder beside braind and the scripted feedd."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from braind import assembly
from braind.counts import Histogram
from braind.replay import session
from hft.stats import StatsBuilder

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "hft" / "journal"))

from live_run import record_a_run
from record_process import Recording


@pytest.fixture
def record(shm_directory: Path, tmp_path: Path) -> Iterator[Callable[..., Recording]]:
    """Begins a recording of this test's run into `tmp_path/journal`."""
    made = []

    def begin(*extra: str) -> Recording:
        made.append(Recording(shm_directory, tmp_path / "journal", *extra))
        return made[-1].ready()

    yield begin
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def recorded(package_directory, tmp_path_factory, one_brain_for_all):
    """(journal, intents)"""
    shared, out = Path(tempfile.mkdtemp(prefix="hft-test.", dir="/dev/shm")), tmp_path_factory.mktemp("run")
    intents = record_a_run(shared, package_directory, out / "journal")
    yield out / "journal", intents
    shutil.rmtree(shared)


@pytest.fixture(scope="session")
def one_brain_for_all():
    """Compiling takes seconds, so a configuration is assembled once for all tests here."""
    folder = tempfile.mkdtemp(prefix="hft-test.", dir="/dev/shm")
    builder = StatsBuilder()
    indices = [builder.histogram(one.name.lower(), "ns") for one in Histogram]
    stats = builder.create(f"{folder}/stats")
    addresses = np.array([stats.value_address(index) for index in indices], np.uint64)

    @cache
    def assembled(braind, instruments_max):
        return assembly.assemble(braind, instruments_max, addresses)

    patch = pytest.MonkeyPatch()
    patch.setattr(session, "assemble", lambda braind, most, _histograms: assembled(braind, most))
    yield
    patch.undo()
    shutil.rmtree(folder)
