"""Mutants that nobody can tell from the original, each with the reason; and what is not mutated at all."""

from __future__ import annotations

from typing import Final

# Blanked out before mutation (regular expressions).
UNTOUCHED: Final = (
    r"static std::size_t index_of.*?\n  \}",  # the hash: any is right, a bad one only fills its sets sooner
)

# (file, the line, the change): why.
EXCUSES: Final[dict[tuple[str, str, str], str]] = {}
