"""Regions of other processes, followed over their generations without ever being written.

`MappedRegion` holds one region mapped. Who is behind the name is asked of the file system at every look, not of the
header alone: a writer killed between retiring the old generation and renaming the new one leaves RETIRED with no
successor, and an old map shows the last values of a dead daemon for as long as nobody took its place.

`read_header` reads the header of any region without mapping it: rings of gigabytes are none of our business.

Limit: a file that its owner truncates between the look and the load would end us by SIGBUS. Owners never do that
(feedd/region.hpp: born whole), and the window is microseconds.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from hft._native import LAYOUT_HASH
from hft.layout.dtypes import dtype, schema
from hft.regions import Region, RegionError, RegionMissing

MAGIC: Final = b"HFTREGN1"
_HEADER: Final = dtype("RegionHeader")
_PAGE_BYTES: Final = (4096, 2 << 20, 1 << 30)
_RETIRED: Final = dict(schema().enums["RegionState"].values)["RETIRED"]
_Identity = tuple[int, int, int]


def _identity(path: Path) -> _Identity:
    """Device, inode, size. Raises RegionMissing, OSError."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RegionMissing(f"{path}: does not exist") from error
    return found.st_dev, found.st_ino, found.st_size


class MappedRegion:
    """One region under one name."""

    def __init__(self, path: Path, kind: int) -> None:
        self._path = path
        self._kind = kind
        self._region: Region | None = None
        self._identity: _Identity | None = None

    def look(self) -> Region:
        """The region that has the name now. Raises RegionMissing, RegionError, OSError; then nothing stays mapped."""
        try:
            identity = _identity(self._path)
            if self._region is None or identity != self._identity:
                self._region = Region.open(str(self._path), self._kind)
                # Replaced while it was being opened: mapped again at the next look.
                self._identity = identity if identity == _identity(self._path) else None
        except (RegionError, OSError):
            self._region = self._identity = None
            raise
        return self._region


@dataclass(frozen=True, slots=True)
class Header:
    """What a region's header says of its life."""

    generation: int
    retired: bool
    page_bytes: int
    size_bytes: int
    writer_pid: int


def read_header(path: Path) -> Header | None:
    """None: not a region. Raises RegionError for one that this build can not judge, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        raw = os.pread(descriptor, _HEADER.itemsize, 0)
    finally:
        os.close(descriptor)
    if len(raw) < _HEADER.itemsize or not raw.startswith(MAGIC):
        return None
    # A kernel's copy of words that may change under it: state alone does, and any of its values will do here.
    header = np.frombuffer(raw, _HEADER)[0]
    if int(header["layout_hash"]) != LAYOUT_HASH:
        raise RegionError(f"{path}: layout 0x{int(header['layout_hash']):016x} was written by another build")
    if int(header["page_bytes"]) not in _PAGE_BYTES:
        raise RegionError(f"{path}: pages of {int(header['page_bytes'])} bytes")
    return Header(
        int(header["generation"]),
        int(header["state"]) == _RETIRED,
        int(header["page_bytes"]),
        int(header["size_bytes"]),
        int(header["writer_pid"]),
    )
