"""Collapsing private memory into huge pages."""

from __future__ import annotations

import re
import subprocess
import sys

from braind.memory import HUGE_PAGE_BYTES, _aligned_ranges

MAPS = """\
00400000-00600000 rw-p 00000000 00:00 0
7f0000100000-7f0000900000 rw-p 00000000 00:00 0                          [heap]
7f0001000000-7f0001400000 r--p 00000000 00:00 0
7f0002000000-7f0002400000 rw-s 00000000 00:00 0
7f0003000000-7f0003400000 rw-p 00000000 08:01 7                          /usr/lib/x.so
7f0004000000-7f0004400000 rw-p 00000000 00:00 0                          [stack]
"""


def test_only_whole_aligned_pieces_of_private_nameless_memory_and_the_heap_are_taken() -> None:
    assert list(_aligned_ranges(MAPS)) == [
        0x400000,
        *range(0x7F0000200000, 0x7F0000800000, HUGE_PAGE_BYTES),
    ]


PROGRAM = """
import numpy as np
from pathlib import Path
from braind.memory import collapse_private_memory
blocks = [np.full(300, i % 256, np.uint8) for i in range(200_000)]
def huge():
    return [l for l in Path("/proc/self/smaps_rollup").read_text().splitlines() if l.startswith("AnonHuge")][0]
before = huge()
print(collapse_private_memory(), before, huge(), all(int(b[0]) == i % 256 for i, b in enumerate(blocks)))
"""


def test_memory_keeps_its_content_and_becomes_huge_where_the_kernel_can() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    collapsed, before, after = (int(number) for number in re.findall(r"(\d+)(?: kB)?", printed))
    assert printed.strip().endswith("True")
    assert after >= before
    assert (after > 0) == (collapsed > 0)
