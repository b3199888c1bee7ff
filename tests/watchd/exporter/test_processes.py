"""Who lives, told by locks and by pids."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from watchd.exporter.processes import lock_holder, process_alive


def test_a_process_lives_until_it_is_dead_even_if_nobody_reaps_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert process_alive(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{child.pid}/stat").exists()
        assert not process_alive(child.pid)


def test_pids_that_nobody_has_are_not_alive() -> None:
    assert [process_alive(pid) for pid in (0, -1, 2**22 + 1, 2**31, 2**32 - 1)] == [False] * 5
    assert process_alive(os.getpid())


def test_a_lock_names_its_holder_and_asking_takes_nothing_away(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert lock_holder(lock) is None
    lock.touch(mode=0o440)
    assert lock_holder(lock) is None
    hold = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert [lock_holder(lock) for _ in range(3)] == [holder.pid] * 3
        holder.kill()
    assert lock_holder(lock) is None
    with lock.open("r+") as free:
        fcntl.lockf(free, fcntl.LOCK_EX | fcntl.LOCK_NB)
