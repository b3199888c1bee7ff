"""`watchd ctl kill` starts quickly: what it imports is a short list, and the veto stands soon after typing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TOO_HEAVY = (
    "argparse", "asyncio", "concurrent", "ctypes", "dataclasses", "hft.config", "hft.layout", "hft.regions", "http",
    "inspect", "logging", "msgspec", "multiprocessing", "numba", "numpy", "pathlib", "prometheus_client", "rich", "ssl",
    "structlog", "subprocess", "tempfile", "torch", "unittest", "urllib", "zmq",
)  # fmt: skip
# The design's target, and ten times what it takes on two shared cores.
TARGET_MS, BOUND_MS = 100, 450

_KILL_AND_TELL = """
import sys
from watchd.main import main
sys.argv[0] = "watchd"
code = main(sys.argv[1:])
print(code, *sys.modules, file=sys.stderr)
"""


def test_a_whole_kill_imports_nothing_heavy(site: Any) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _KILL_AND_TELL, *site.arguments("kill")],
        capture_output=True,
        text=True,
        check=False,
    )
    code, *modules = ran.stderr.split()
    assert code == "69", ran.stderr
    assert site.veto.veto != 0
    heavy = {name for name in modules if any(name == h or name.startswith(h + ".") for h in TOO_HEAVY)}
    assert heavy == set()
    assert {"watchd.ctl.kill", "hft._native"} <= set(modules)


def test_from_typing_to_the_veto_is_within_the_target(site: Any) -> None:
    for attempt in range(3):
        took_ms = sorted(_typing_to_veto_ms(site) for _ in range(7))
        print(f"typing → veto: {', '.join(f'{ms:.0f}' for ms in took_ms)} ms (target {TARGET_MS})")
        if took_ms[3] < BOUND_MS:
            return
        print(f"attempt {attempt}: the machine was busy, once more")
    raise AssertionError(took_ms)


def _typing_to_veto_ms(site: Any) -> float:
    site.veto.set_veto(0)
    start = time.perf_counter()
    command = [str(Path(sys.executable).with_name("watchd")), *site.arguments("kill", "--timeout", "0")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        while site.veto.veto == 0:
            time.sleep(0.0002)
            assert time.perf_counter() - start < 30
        took_ms = (time.perf_counter() - start) * 1e3
        child.wait(20)
    return took_ms
