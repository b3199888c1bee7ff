"""What can go wrong with a journal.

JournalError            the directory or a file of it can not be used; the message names it
├── JournalFull         --max-bytes is reached and the policy says stop
└── JournalBroken       the disk refused: nothing more is written, what was accepted before stays good
"""

from __future__ import annotations


class JournalError(Exception):
    """The message names the directory or file and what is wrong."""


class JournalFull(JournalError):
    """The limit is reached, as announced."""


class JournalBroken(JournalError):
    """A write or fsync failed for good."""
