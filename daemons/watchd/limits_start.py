"""What a starting watchd finds of the limits: page and file become one, on the page before anybody trades."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hft.limits import Limits, read_limits, write_limits
from hft.regions import LimitsWriter, Region
from watchd import limits_file
from watchd.limits import Tightened, page_of, restored
from watchd.limits_file import LimitsUnreadable
from watchd.scribe import Scribe


@dataclass(frozen=True)
class RestoredLimits:
    """`tightened` is on the page; `durable`: and on the disk."""

    writer: LimitsWriter
    tightened: Tightened
    durable: bool


def restore_limits(page: Region, state_directory: Path, scribe: Scribe) -> RestoredLimits:
    """Never looser than either said."""
    writer, seen = LimitsWriter(page), read_limits(page)
    file, missing = None, False
    try:
        file = limits_file.load(state_directory)
    except LimitsUnreadable as error:
        missing = error.missing
        if not missing:
            scribe.event("limits_unreadable", {"problem": str(error)}, durable=True)
    tightened = restored(seen, file, file_is_missing=missing)
    if seen is None or not _says(seen, tightened):
        tightened = replace(tightened, sequence=max(tightened.sequence, writer.sequence) + 1)
        write_limits(writer, page_of(tightened))
        scribe.event("limits_restored", {"sequence": tightened.sequence}, durable=True)
    never_set = tightened == Tightened()
    return RestoredLimits(writer, tightened, durable=never_set or tightened == file)


def _says(seen: Limits, tightened: Tightened) -> bool:
    """The page is what it should be already."""
    if seen.sequence == 0:
        return tightened == Tightened()
    wanted = replace(page_of(tightened), sequence=seen.sequence, changed_ts_ns=seen.changed_ts_ns)
    return seen.sequence == tightened.sequence and wanted == seen
