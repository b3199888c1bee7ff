"""What can be seen of a machine: files below a root, and what its tools print.

`Tree()` is this machine. `Tree(DIR)` is one that was laid down as files: DIR/proc/…, DIR/sys/…, and the output of a
command in DIR/commands/NAME ARGUMENTS (a slash becomes _); nothing is run then. What is absent or not permitted raises
Hidden, so that a caller that can not see never concludes anything.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

BYTES_MAX = 1 << 20
COMMAND_TIMEOUT_S = 5.0


class Hidden(Exception):
    """Not visible here: `what`, and why."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why


class Tree:
    """Reads only. Paths are absolute ones of the machine that is looked at."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.real = root == Path("/")

    def path(self, path: str) -> Path:
        """Where `path` of the machine is to be found from here."""
        return self._root / path.lstrip("/")

    def raw(self, path: str) -> bytes:
        """The file's first MiB. Raises Hidden."""
        try:
            with self.path(path).open("rb") as file:
                return file.read(BYTES_MAX)
        except OSError as error:
            raise Hidden(path, (error.strerror or str(error)).lower()) from error

    def text(self, path: str) -> str:
        """The file without blanks around it. Raises Hidden."""
        return self.raw(path).decode("utf-8", "replace").strip()

    def text_or(self, path: str, otherwise: str) -> str:
        """For what a kernel without the feature does not have: `otherwise` instead of Hidden."""
        try:
            return self.text(path)
        except Hidden:
            return otherwise

    def number(self, path: str) -> int:
        """Raises Hidden, also for a file that holds no number."""
        text = self.text(path)
        try:
            return int(text)
        except ValueError:
            raise Hidden(path, f"{text[:40]!r} is not a number") from None

    def names(self, path: str) -> list[str]:
        """The entries of a directory, sorted. Raises Hidden."""
        try:
            return sorted(entry.name for entry in self.path(path).iterdir())
        except OSError as error:
            raise Hidden(path, (error.strerror or str(error)).lower()) from error

    def names_or_none(self, path: str) -> list[str]:
        """For what may not be there: no entries instead of Hidden."""
        try:
            return self.names(path)
        except Hidden:
            return []

    def exists(self, path: str) -> bool:
        return self.path(path).exists()

    def stat(self, path: str) -> os.stat_result:
        """Of the entry itself, not of what it may point to. Raises Hidden."""
        try:
            return self.path(path).lstat()
        except OSError as error:
            raise Hidden(path, (error.strerror or str(error)).lower()) from error

    def command(self, *words: str) -> str:
        """What the command prints. Raises Hidden when it is not installed, fails or takes longer than 5 s."""
        line = " ".join(words)
        if not self.real:
            return self.text("/commands/" + line.replace("/", "_"))
        surroundings = {**os.environ, "LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        try:
            ran = subprocess.run(
                words, capture_output=True, text=True, env=surroundings, check=False,
                timeout=COMMAND_TIMEOUT_S, stdin=subprocess.DEVNULL, errors="replace",
            )  # fmt: skip
        except FileNotFoundError:
            raise Hidden(line, "not installed") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Hidden(line, str(error)) from error
        if ran.returncode:
            said = (ran.stderr or ran.stdout).strip().splitlines()
            raise Hidden(line, said[-1] if said else f"exit code {ran.returncode}")
        return ran.stdout
