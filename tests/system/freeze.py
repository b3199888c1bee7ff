"""Stops one thread of another process and lets the rest of it run: freeze.py TID

By ptrace: SEIZE, INTERRUPT, and then nothing. Prints "frozen" when the thread stands. Stays until the thread is dead,
and reaps it: a traced thread that nobody waits for would keep its process from being over. Killing this program lets
the thread go on.
"""

from __future__ import annotations

import ctypes
import os
import sys

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000


def main(thread_id: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, thread_id, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace: {os.strerror(ctypes.get_errno())}")
    os.waitpid(thread_id, WALL)
    print("frozen", flush=True)
    while True:
        _, status = os.waitpid(thread_id, WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return


if __name__ == "__main__":
    main(int(sys.argv[1]))
