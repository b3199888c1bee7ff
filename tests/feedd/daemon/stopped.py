"""Whether a process stands still: its threads obey SIGSTOP one by one, some time after it was sent."""

from __future__ import annotations

from pathlib import Path


def stands_still(pid: int) -> bool:
    """Every thread of it has come to its stop."""
    stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)
