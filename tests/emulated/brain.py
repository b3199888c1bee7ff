"""What braind needs on the machine's disk, made outside the emulation, where it takes minutes and not hours.

A day and a model as hft-paper-day.service makes them, and braind's functions compiled for any x86-64 CPU: Numba keeps
them by CPU, and that of the emulation is another one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# In the guest, too: the CPU that the kept functions are found under.
ENVIRONMENT = {"NUMBA_CPU_NAME": "generic", "HFT_CACHE_DIR": "/var/cache/hft/braind"}
COMPILE = """
import tempfile
from braind.assembly import assemble
from braind.metrics import Metrics
from braind.rehearsal import rehearse
from hft.config import load

config = load("/etc/hft/hft.toml")
with tempfile.TemporaryDirectory() as folder:
    metrics = Metrics(folder + "/stats", require_huge_pages=False, traded={})
    rehearse(assemble(config.braind, config.feedd.capacity.instruments, metrics.histogram_addresses).brain)
"""
# In a mount namespace of its own: nothing stays mounted, however it ends.
INSIDE = """
tree=$1; shift
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs tmpfs "$tree/tmp"
exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
"""


def lay_out_brain(tree: Path) -> None:
    """Raises subprocess.CalledProcessError with what was said."""
    for directory in ("var/lib/hft/paper", "var/cache/hft/braind"):  # systemd makes them for the units
        (tree / directory).mkdir(parents=True, exist_ok=True)
    _inside(tree, "HFT_CACHE_DIR=/tmp/cache", "/usr/lib/hft/paper-day", "/var/lib/hft/paper")
    variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    _inside(tree, *variables, "/usr/lib/hft/venv/bin/python3", "-c", COMPILE)
    _inside(tree, "chown", "-R", "hft-braind:hft", "/var/cache/hft/braind")
    _inside(tree, "chmod", "-R", "a+rX", "/var/lib/hft/paper")


def _inside(tree: Path, *words: str) -> None:
    subprocess.run(
        ["unshare", "--mount", "sh", "-euc", INSIDE, "sh", tree, *words],
        check=True,
        capture_output=True,
        text=True,
    )
