"""The machine that boot tests share: made once a session, skipped loudly where it can not be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # its helpers, as tests/system/faults does
import machine
from house import House

# Whole cores stand still for a second on a machine that runs other tests, too. The last key is not in the file.
PATIENCE = "; ".join(
    f"s/^{key} = .*/{key} = {value}/"
    for key, value in (
        ("deadline_ms", 3000), ("stall_deadline_ms", 9000), ("heartbeat_deadline_ms", 9000),
        ("lease_ms", "6000\\ndrain_deadline_ms = 6000"),
    )
)  # fmt: skip
# watchd's deadlines count what it observes and can take longer: systemd's own must not be over before.
UNIT_PATIENCE = "[Service]\nWatchdogSec=30\n"
DEB = machine.ROOT / "build" / "deb"


def why_not() -> str:
    """Why no boot test can run here; empty = they can."""
    if os.geteuid() != 0:
        return "only root can boot a container"
    for tool in ("systemd-nspawn", "mmdebstrap", "nsenter", "dpkg-deb"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed (deploy/debian/test-packages.txt)"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "the kernel has no overlayfs"
    if not os.access("/sys/fs/cgroup", os.W_OK):
        return "/sys/fs/cgroup is read-only: a container that can start no container"
    return ""


@pytest.fixture(scope="session")
def deb() -> Path:
    """The package of this checkout: `make test-boot` builds it; without it, it is built now."""
    if problem := why_not():
        pytest.skip(f"NOT TESTED: {problem}")
    built = list(DEB.glob("hft_*.deb"))
    if not built:
        subprocess.run([sys.executable, machine.ROOT / "deploy/debian/build.py"], check=True)
        built = list(DEB.glob("hft_*.deb"))
    return min(built)


@pytest.fixture(scope="session")
def house(deb: Path) -> Iterator[House]:
    """A booted machine with the suite installed and nothing started."""
    layers = machine.installed(deb)
    upper = machine.WORK / "run"
    shutil.rmtree(upper, ignore_errors=True)
    with machine.mounted(layers, upper) as root:
        booted = House(root, machine.WORK / "console.log")
        try:
            booted.must("sed", "-i", PATIENCE, "/etc/hft/hft.toml")
            for name in ("feedd", "braind"):
                booted.write(f"/run/systemd/system/hft-{name}.service.d/50-patience.conf", UNIT_PATIENCE)
            booted.must("systemctl", "daemon-reload")
            yield booted
        finally:
            booted.off()
