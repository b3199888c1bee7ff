"""What watchd's hands do to a process beside killing it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from watchd.hands import hasten_death

THREADS = """
import threading, time
for _ in range(3):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print(flush=True)
time.sleep(600)
"""


def test_every_thread_of_a_process_gets_real_time_priority_to_die_with_and_a_corpse_is_no_error() -> None:
    child = subprocess.Popen([sys.executable, "-c", THREADS], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        hasten_death(child.pid)
        policies = {
            os.sched_getscheduler(int(thread.name)) for thread in Path(f"/proc/{child.pid}/task").iterdir()
        }
        if policies == {os.SCHED_OTHER}:
            pytest.skip("NOT TESTED: real-time priority is not permitted here")
        assert policies == {os.SCHED_FIFO}
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped
        hasten_death(child.pid)
    finally:
        child.kill()
        child.communicate()


def test_a_process_that_is_gone_is_no_error() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    hasten_death(child.pid)
