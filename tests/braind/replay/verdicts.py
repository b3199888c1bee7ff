"""Replays in this process, for the tests that ask many questions of one recorded run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from braind.replay import report, session
from braind.replay.session import Options, replay
from hft.config import Capacity, Config, Feed, Feedd
from hft.journal.reader import Journal
from hft.layout.dtypes import JournalStream

MARKET, INTENTS, INPUTS = JournalStream.MARKET, JournalStream.INTENTS, JournalStream.INPUTS


def outcome_of(journal: Path, **options):
    return replay(Journal(journal), Options(**options), lambda _text: None)


def text_of(outcome) -> str:
    return "\n".join(report.lines(outcome, 1.0))


def config_of(journal: Path, **changes) -> Config:
    """The configuration that was recorded, with other values."""
    (block, *_) = Journal(journal).blocks(JournalStream.IDENTITY)
    recorded = session.Life(Journal(journal), block.generation).identity
    return Config(
        feedd=Feedd(feed=Feed(line_a="127.0.0.1:1"), capacity=Capacity(instruments=64)),
        braind=msgspec.structs.replace(recorded.braind, **changes),
    )
