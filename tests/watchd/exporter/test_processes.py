"""Who lives, told by locks and by pids."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from watchd.exporter.processes import process_alive


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
