"""The booted machine that these tests share; skipped, with the reason, where there can be none.

`make test-machine` runs everything here. Otherwise HFT_MACHINE says: "short" boots and looks once (CI), unset skips.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from qemu import Machine
from root import ROOT, WORK, NotToBeHadError, disk

PLAN = Path(__file__).parent / "plan.toml"
BUILD = ROOT / "deploy" / "debian" / "build.py"


def why_not() -> str:
    """Why no machine can be booted here; empty = one can."""
    if os.environ.get("HFT_MACHINE", "") not in ("short", "full"):
        return "run `make test-machine` (a few minutes, about 4 GB below build/)"
    if os.geteuid() != 0:
        return "only root can make a root file system"
    for tool in ("qemu-system-x86_64", "mmdebstrap", "mke2fs", "dpkg-deb", "systemctl"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed (deploy/debian/machine-packages.txt)"
    if not BUILD.exists():
        return f"{BUILD.relative_to(ROOT)} is not there: no package to install"
    return ""


@pytest.fixture(scope="session")
def packages() -> list[Path]:
    """Those of this checkout, built now unless `make deb` has."""
    if problem := why_not():
        pytest.skip(f"NOT TESTED: {problem}")
    made = ROOT / "build" / "deb"
    if not list(made.glob("hft_*.deb")):
        subprocess.run([sys.executable, BUILD], check=True)
    return [*sorted(made.glob("hft_*.deb")), *sorted(made.glob("hft-host-tuning_*.deb"))]


@pytest.fixture(scope="session")
def machine(packages: list[Path]) -> Iterator[Machine]:
    """Booted with the rendered command line; nothing of the suite runs yet."""
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        laid_out = disk(packages, PLAN, brain=os.environ["HFT_MACHINE"] == "full")
    except NotToBeHadError as error:
        pytest.skip(f"NOT TESTED: {error}")
    booted = Machine(laid_out, WORK)
    yield booted
    booted.off()
