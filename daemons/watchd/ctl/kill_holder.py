"""Killing the daemon that holds a lock, and nobody else.

A pid alone may have been given to a stranger by the time a signal is sent to it. So: who holds the lock → a pidfd
of that pid → who holds the lock now? A daemon holds its lock for life, so when the answer is still the same, the pidfd
is the daemon's (or of a successor that holds the lock, which is the daemon too), and stays so.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Final

from hft.locks import lock_holder

ATTEMPTS: Final = 5


class Killed:
    """What became of it. `dead` None: there was nobody."""

    def __init__(self, text: str, *, dead: bool | None, not_permitted: bool = False) -> None:
        self.text = text
        self.dead = dead
        self.not_permitted = not_permitted


def kill_holder(path: str, wait_s: float) -> Killed:
    """SIGKILL, and waits for the death. Never raises for what the system refuses: the text says what was done."""
    try:
        for _ in range(ATTEMPTS):
            pid = lock_holder(path)
            if not pid:
                return Killed(f"is not running: nobody holds {path}", dead=None)
            try:
                pidfd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue  # it died, and the lock with it: look again
            try:
                if lock_holder(path) == pid:
                    return _kill(pid, pidfd, wait_s)
            finally:
                os.close(pidfd)
    except FileNotFoundError:
        return Killed(f"is not running: there is no {path}", dead=None)
    except PermissionError as error:
        return Killed(f"{path}: may not see who holds it: {error.strerror}", dead=False, not_permitted=True)
    except OSError as error:
        return Killed(f"{path}: {error.strerror}", dead=False)
    return Killed(f"{path}: changes hands all the time", dead=False)


def _kill(pid: int, pidfd: int, wait_s: float) -> Killed:
    start = time.monotonic()
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return Killed(f"pid {pid} has ended by itself", dead=True)
    except PermissionError:
        return Killed(f"pid {pid} may not be killed by uid {os.geteuid()}", dead=False, not_permitted=True)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(wait_s * 1e3):
        return Killed(f"pid {pid}: SIGKILL sent, not dead after {wait_s:.0f} s", dead=False)
    return Killed(f"pid {pid} killed, dead after {(time.monotonic() - start) * 1e3:.1f} ms", dead=True)
