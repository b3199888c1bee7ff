"""Who holds a daemon's lock."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from hft.locks import lock_holder


def test_a_lock_names_its_holder_and_asking_takes_nothing_away(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with pytest.raises(FileNotFoundError):
        lock_holder(lock)
    lock.touch(mode=0o440)
    assert lock_holder(lock) == 0
    hold = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert [lock_holder(lock) for _ in range(3)] == [holder.pid] * 3
        holder.kill()
    assert lock_holder(lock) == 0
    with lock.open("r+") as free:
        fcntl.lockf(free, fcntl.LOCK_EX | fcntl.LOCK_NB)
