"""A small disk of a test's own under watchd's state directory: it can be filled, emptied, and made read-only.

In a mount namespace that lives as long as a holder process: watchd is started into it, the test looks into it through
/proc, and whatever ends the test leaves no mount behind.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from suite import Suite

SIZE_KIB = 256


class Disk:
    """Mounted on `suite.state`, which it replaces for the test's eyes. Made before watchd is started."""

    def __init__(self, suite: Suite) -> None:
        """Skips, loudly, where mounts are not permitted."""
        if os.geteuid() != 0:
            pytest.skip("NOT TESTED: only root can mount a disk to fill")
        self._path = suite.state
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "setpriv", "--pdeathsig=KILL", "--", "sh", "-c",
             'mount -t tmpfs -o size="$2"k,mode=750 tmpfs "$1" && echo mounted && exec sleep 600', "-", suite.state,
             str(SIZE_KIB)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.holder.stdout is not None
        if self.holder.stdout.readline() != "mounted\n":
            pytest.skip(f"NOT TESTED: no mount is permitted here ({self.holder.communicate()[1].strip()})")
        self._namespace = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]
        suite.before["watchd"] = self._namespace
        suite.state = Path(f"/proc/{self.holder.pid}/root{suite.state}")
        self._seen = suite.state

    def _in_it(self, *command: str | Path) -> None:
        subprocess.run([*self._namespace, *command], check=True, capture_output=True)

    def fill(self) -> None:
        """To the last byte; what exists can still be read."""
        with (self._seen / "filler").open("wb", buffering=0) as file:
            chunk = 65536
            while chunk:
                try:
                    file.write(b"x" * chunk)
                except OSError:
                    chunk //= 2

    def empty(self) -> None:
        (self._seen / "filler").unlink()

    def make_read_only(self) -> None:
        """As a file system does after an error: what is open stays open, nothing new can be written."""
        self._in_it("mount", "--bind", self._path, self._path)
        self._in_it("mount", "-o", "remount,bind,ro", self._path)

    def make_writable(self) -> None:
        self._in_it("umount", self._path)

    def end(self) -> None:
        self.holder.kill()
        self.holder.communicate()
