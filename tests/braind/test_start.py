"""What a start of braind costs, and what it must not keep from the last one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Everything before READY, with the functions that Numba compiled meanwhile.
START = """
import sys
from numba.core import event
from braind.assembly import assemble
from braind.metrics import Metrics
from braind.rehearsal import rehearse
from hft.config import parse

stats, model = sys.argv[1:]
config = parse(f'''
[feedd.feed]
line_a = "127.0.0.1:26477"
[braind]
model = "{model}"
symbols = ["MADEUP"]
strategy = "braind.strategies.maker:MakerStrategy"
''')
metrics = Metrics(stats, require_huge_pages=False, traded={})
with event.install_recorder("numba:compile") as recorder:
    assembled = assemble(config.braind, 64, metrics.histogram_addresses)
    rehearse(assembled.brain)
compiled = {e.data["dispatcher"].py_func.__name__ for _, e in recorder.buffer}
print(sorted(compiled), "torch" in sys.modules)
"""

POLICY = """
from braind.compiled import compiled
from helper import helped

@compiled
def policy(number):
    return helped(number)
"""
HELPER = """
from braind.compiled import compiled

@compiled
def helped(number):
    return number + {}
"""


def python(text: str, *arguments: object, **variables: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)], capture_output=True, text=True, check=False,
        env=os.environ | variables, timeout=240,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_a_second_start_compiles_nothing_and_none_imports_torch(
    shm_directory: Path, package_directory: Path
) -> None:
    for attempt in ("first", "second"):
        told = python(START, shm_directory / f"stats.{attempt}", package_directory)
    assert told == "[] False"


def test_a_strategy_of_somebody_else_follows_its_helpers_in_other_files(tmp_path: Path) -> None:
    (tmp_path / "strategy.py").write_text(POLICY)
    for added in (1, 2):
        (tmp_path / "helper.py").write_text(HELPER.format(added))
        answer = python("from strategy import policy; print(policy(40))", PYTHONPATH=str(tmp_path))
        assert answer == str(40 + added)
