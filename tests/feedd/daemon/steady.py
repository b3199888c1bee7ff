"""What a thread of feedd asked of the system: allocations, page faults, system calls."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from feedd_harness import Feedd


def counter_library(directory: Path) -> Path:
    """A library to be preloaded that counts each thread's allocations into the file COUNT_ALLOCATIONS."""
    source = Path(__file__).parent / "native" / "count_allocations.c"
    library = directory / "count_allocations.so"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def allocations(table: Path, thread_id: int) -> int:
    return dict(struct.iter_unpack("<QQ", table.read_bytes())).get(thread_id, 0)


def page_faults(feedd: Feedd, thread_id: int) -> tuple[int, int]:
    """Minor and major faults of a thread so far."""
    line = Path(f"/proc/{feedd.pid}/task/{thread_id}/stat").read_text()
    fields = line.rsplit(")", 1)[1].split()
    return int(fields[7]), int(fields[9])


def strace(directory: Path) -> list[str]:
    """What goes before a command so that each thread's calls are written to `directory`/calls.THREAD_ID."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed")
    return [found, "-ff", "-o", str(directory / "calls")]


def system_calls(trace: Path, offset: int) -> Counter[str]:
    """Calls in a trace from byte `offset` on, by name."""
    lines = trace.read_bytes()[offset:].decode(errors="replace").splitlines()
    return Counter(match[1] for line in lines if (match := re.match(r"(\w+)\(", line)))
