"""What every reader of the configuration raises."""

from __future__ import annotations


class ConfigError(ValueError):
    """One refused key. `key` is its full path ("" = the file as a whole), `problem` says why."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.key = key
        self.problem = problem
