"""What can be wrong with a capture.

CaptureError          the file can not be used at all: nothing is written
    UnknownDateError  nothing tells the trading date
"""

from __future__ import annotations

from pathlib import Path


class CaptureError(ValueError):
    """`path` is the file, `problem` what is wrong with it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class UnknownDateError(CaptureError):
    """ITCH counts from New York midnight, so without a date there are no times."""
