"""What tests of the whole suite share: a small day, the real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))  # test modules import the harness by its name

import material as material_module
from material import Material

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def material() -> Material:
    """The day and the model that suites feed on."""
    return material_module.prepare()


@pytest.fixture(scope="session")
def small_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of 20 generated instruments: 85,000 messages or so."""
    path = tmp_path_factory.mktemp("day") / "20260105.itch50"
    subprocess.run(
        [
            str(Path(sys.executable).with_name("paperd")), "generate", str(path),
            "--seed", "7", "--instruments", "20", "--duration", "10",
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def real_capture() -> Path:
    path = ROOT.parent / "shared/data/itch50/20191230_premarket.itch50.gz"
    if not path.exists():
        pytest.skip(f"no real capture at {path}: the demo was NOT tried on real data")
    return path
