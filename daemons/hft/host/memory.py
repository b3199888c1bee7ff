"""`hft memory prepare`: huge pages and the directories of the regions, as root, before any daemon starts.

    1. run.huge_pages = "require": reserves 2 MB pages ([host] huge_pages, 0 = twice the regions; of [host] numa_node),
       looks whether the kernel gave them, has memory compacted and asks again, and fails with the numbers
    2. run.directory is a hugetlbfs of 2 MB pages then; with "allow_small" it may be any directory
    3. makes a directory for each daemon, writable by its user alone, and operator/ for the veto

Never takes a page back, and changes nothing when all is there. Exit codes: 0 done, 71 the system did not give it,
78 configuration.
"""

from __future__ import annotations

import argparse
import contextlib
import grp
import os
import pwd
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hft.config import Config, ConfigError, load
from hft.host.pages import pool_pages

EXIT_CLEAN, EXIT_SYSTEM, EXIT_BAD_CONFIG = 0, 71, 78
ATTEMPTS = 5
PAUSE_S = 0.2
# name below run.directory → user, group, mode. Modes and owners are those that tests/system/people.py runs with.
DIRECTORIES = {
    "feedd": ("hft-feedd", "hft", 0o750),
    "braind": ("hft-braind", "hft", 0o750),
    "watchd": ("hft-watchd", "hft", 0o750),
    "recorder": ("hft-recorder", "hft", 0o750),
    "operator": ("hft-watchd", "hft-operators", 0o2750),
}
ROOT_UID, ROOT_MODE = 0, 0o751


class MemoryRefusedError(Exception):
    """What the system did not give, with numbers and with what to do."""


class PagesMissingError(MemoryRefusedError):
    """The mount is right, the pool is too small."""


@dataclass(frozen=True)
class Pool:
    """The kernel's files about 2 MB pages, of one NUMA node or of the machine. `root` stands for / in tests."""

    root: Path
    node: int = -1

    @property
    def directory(self) -> Path:
        below = "sys/kernel/mm" if self.node < 0 else f"sys/devices/system/node/node{self.node}"
        return self.root / below / "hugepages/hugepages-2048kB"

    def reserved(self) -> int:
        return self._read("nr_hugepages")

    def free(self) -> int:
        return self._read("free_hugepages")

    def ask_for(self, pages: int) -> None:
        (self.directory / "nr_hugepages").write_text(f"{pages}\n")

    def compact(self) -> None:
        """Has the kernel move pages together. Not every kernel can."""
        with contextlib.suppress(FileNotFoundError):
            (self.root / "proc/sys/vm/compact_memory").write_text("1\n")

    def _read(self, name: str) -> int:
        return int((self.directory / name).read_text())


def add_prepare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("/etc/hft/hft.toml"), metavar="FILE")


def run_prepare(arguments: argparse.Namespace) -> int:
    """See the module's text."""
    try:
        config = load(arguments.config)
        for line in prepare(config, Path("/")):
            print(f"hft memory: {line}")
    except ConfigError as error:
        return _refuse(EXIT_BAD_CONFIG, f"{arguments.config}: {error}")
    except MemoryRefusedError as error:
        return _refuse(EXIT_SYSTEM, str(error))
    except KeyError as error:
        return _refuse(EXIT_SYSTEM, f"{error.args[0]!s}: run systemd-sysusers")
    except OSError as error:
        return _refuse(EXIT_SYSTEM, f"{error.filename}: {error.strerror}")
    return EXIT_CLEAN


def prepare(config: Config, root: Path) -> list[str]:
    """What was done, a line each. Raises MemoryRefusedError, OSError, KeyError (a user that is not there)."""
    directory = root / config.run.directory.lstrip("/")
    done = []
    try:
        if config.run.huge_pages == "require":
            require_huge_pages(directory, (root / "proc/self/mountinfo").read_text(), config.run.directory)
            done.append(reserve(Pool(root, config.host.numa_node), pool_pages(config)))
    except PagesMissingError:
        make_directories(directory)  # watchd needs a few pages only: it is to stay up and say what is missing
        raise
    make_directories(directory)
    return [*done, f"{config.run.directory}: {', '.join(DIRECTORIES)}"]


def reserve(pool: Pool, wanted: int) -> str:
    """At least `wanted` pages in the pool, or PagesMissingError with the numbers."""
    where = "" if pool.node < 0 else f" on NUMA node {pool.node}"
    if not pool.directory.is_dir():
        raise MemoryRefusedError(f"{pool.directory}: not there: this kernel has no 2 MB huge pages{where}")
    before = pool.reserved()
    reserved = before
    for attempt in range(ATTEMPTS):
        if reserved >= wanted:
            break
        if attempt:
            pool.compact()
            time.sleep(PAUSE_S)
        pool.ask_for(wanted)
        reserved = pool.reserved()
    if reserved >= wanted:
        return f"{reserved} huge pages{where}, {pool.free()} free ({wanted} wanted, {before} were there)"
    raise PagesMissingError(
        f"asked for {wanted} huge pages of 2 MB{where} ({wanted * 2} MB), the kernel gave {reserved} "
        f"({pool.free()} free) in {ATTEMPTS} tries with compaction; {_free_megabytes(pool.root)} MB of memory "
        "are free. Reserve them at boot (hugepagesz=2M hugepages=N, `hft tune render`), lower feedd.capacity, or end "
        "what takes the memory"
    )


def _free_megabytes(root: Path) -> int:
    for line in (root / "proc/meminfo").read_text().splitlines():
        if line.startswith("MemFree:"):
            return int(line.split()[1]) // 1024
    return 0


def require_huge_pages(directory: Path, mountinfo: str, named: str) -> None:
    """Raises MemoryRefusedError unless `directory` lies on a hugetlbfs of 2 MB pages (text of /proc/self/mountinfo)."""
    found = ("", "", "")
    for line in mountinfo.splitlines():
        first, _, last = line.partition(" - ")
        point = first.split()[4]
        kind, _source, options = last.split(maxsplit=2)
        inside = str(directory) == point or str(directory).startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found[0]):
            found = (point, kind, options)
    if found[1] != "hugetlbfs" or "pagesize=2M" not in found[2].split(","):
        raise MemoryRefusedError(
            f"run.directory {named} is on {found[1] or 'nothing'} ({found[0] or 'not mounted'}), and "
            'run.huge_pages = "require" wants a hugetlbfs with pagesize=2M: is dev-hugepages-hft.mount active? '
            '(Without huge pages: run.directory = "/dev/shm/hft" and run.huge_pages = "allow_small".)'
        )


def make_directories(directory: Path) -> None:
    """`directory` and those below it, with their owners and modes. Raises OSError, KeyError."""
    _make(directory, ROOT_UID, grp.getgrnam("hft").gr_gid, ROOT_MODE)
    for name, (user, group, mode) in DIRECTORIES.items():
        _make(directory / name, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid, mode)


def _make(path: Path, uid: int, gid: int, mode: int) -> None:
    """Never through a link: /dev/shm is anybody's, and this is root."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)  # after fchown, which takes the setgid bit away
    finally:
        os.close(descriptor)


def _refuse(code: int, problem: str) -> int:
    print(f"hft memory: {problem}", file=sys.stderr)
    return code
