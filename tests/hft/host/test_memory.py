"""`hft memory prepare` on a made-up /sys: what it asks the kernel for, and what it says when it does not get it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from hft.config import parse
from hft.host import memory
from hft.host.memory import MemoryRefusedError, Pool, require_huge_pages, reserve

MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/vda rw
30 22 0:25 / /dev rw - devtmpfs dev rw
31 30 0:26 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=1024M
32 31 0:27 / /dev/hugepages/hft rw - hugetlbfs hugetlbfs rw,gid=994,mode=751,pagesize=2M
"""


class Kernel(Pool):
    """Files as the kernel has them; `gives` says how many pages there are after each of its answers."""

    def __init__(self, root: Path, gives: list[int], node: int = -1) -> None:
        super().__init__(root, node)
        object.__setattr__(self, "gives", gives)
        object.__setattr__(self, "compactions", [])
        self.directory.mkdir(parents=True)
        (root / "proc").mkdir(exist_ok=True)
        (root / "proc/meminfo").write_text("MemTotal: 1000000 kB\nMemFree: 204800 kB\n")
        self._set(0)

    def _set(self, pages: int) -> None:
        for name in ("nr_hugepages", "free_hugepages"):
            (self.directory / name).write_text(f"{pages}\n")

    def ask_for(self, pages: int) -> None:
        self._set(min(pages, self.gives.pop(0)))

    def compact(self) -> None:
        self.compactions.append(True)


def test_pages_are_reserved_and_counted(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, gives=[66])
    assert reserve(kernel, 66) == "66 huge pages, 66 free (66 wanted, 0 were there)"
    assert kernel.compactions == []


def test_what_is_there_already_is_not_asked_for_and_never_taken_back(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, gives=[])
    kernel._set(100)
    assert "100 huge pages" in reserve(kernel, 66)
    assert kernel.reserved() == 100


def test_fragmented_memory_is_compacted_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hft.host.memory.PAUSE_S", 0.0)
    kernel = Kernel(tmp_path, gives=[40, 50, 66])
    assert reserve(kernel, 66).startswith("66 huge pages")
    assert len(kernel.compactions) == 2


def test_too_few_pages_are_refused_with_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hft.host.memory.PAUSE_S", 0.0)
    kernel = Kernel(tmp_path, gives=[40] * 9, node=1)
    with pytest.raises(MemoryRefusedError) as refused:
        reserve(kernel, 66)
    text = str(refused.value)
    assert (
        "asked for 66 huge pages of 2 MB on NUMA node 1 (132 MB), the kernel gave 40 (40 free) in 5 tries"
        in text
    )
    assert "200 MB of memory are free" in text


def test_without_enough_pages_the_directories_are_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(memory, "make_directories", made.append)
    monkeypatch.setattr(memory, "PAUSE_S", 0)
    config = parse(
        '[run]\ndirectory = "/dev/hugepages/hft"\nhuge_pages = "require"\n[feedd.feed]\nline_a = "127.0.0.1:9"\n'
    )
    Kernel(tmp_path, [])
    monkeypatch.setattr(Pool, "ask_for", lambda _pool, _pages: None)
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTS.replace(" /dev", f" {tmp_path}/dev"))
    with pytest.raises(MemoryRefusedError, match="the kernel gave 0"):
        memory.prepare(config, tmp_path)
    assert made == [tmp_path / "dev/hugepages/hft"]
    (tmp_path / "proc/self/mountinfo").write_text("")
    with pytest.raises(MemoryRefusedError, match="is dev-hugepages-hft"):
        memory.prepare(config, tmp_path)
    assert len(made) == 1, "not on whatever lies there without the mount"


def test_pages_of_a_node_are_that_node_s(tmp_path: Path) -> None:
    assert "node/node1/hugepages/hugepages-2048kB" in str(Pool(tmp_path, 1).directory)


def test_a_kernel_without_such_pages_is_named(tmp_path: Path) -> None:
    with pytest.raises(MemoryRefusedError, match="no 2 MB huge pages"):
        reserve(Pool(tmp_path), 1)


def test_the_directory_must_be_on_pages_of_2_mb() -> None:
    require_huge_pages(Path("/dev/hugepages/hft"), MOUNTS, "/dev/hugepages/hft")
    require_huge_pages(Path("/dev/hugepages/hft/below"), MOUNTS, "/dev/hugepages/hft/below")
    with pytest.raises(MemoryRefusedError, match=r"is on hugetlbfs \(/dev/hugepages\)"):
        require_huge_pages(Path("/dev/hugepages/other"), MOUNTS, "/dev/hugepages/other")
    with pytest.raises(MemoryRefusedError, match=r"is on devtmpfs \(/dev\).*allow_small"):
        require_huge_pages(Path("/dev/shm/hft"), MOUNTS, "/dev/shm/hft")


def test_directories_are_made_with_owners_and_modes_and_never_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, mine = os.getuid(), os.getgid()
    monkeypatch.setattr(memory.pwd, "getpwnam", lambda _name: SimpleNamespace(pw_uid=me))
    monkeypatch.setattr(memory.grp, "getgrnam", lambda _name: SimpleNamespace(gr_gid=mine))
    monkeypatch.setattr(memory, "ROOT_UID", me)
    made = tmp_path / "hft"
    for _ in range(2):  # the second time nothing changes
        memory.make_directories(made)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (made, *made.iterdir())}
        assert modes == {"hft": 0o751, "operator": 0o2750} | dict.fromkeys(
            ("feedd", "braind", "watchd", "recorder"), 0o750
        )
    somebody_s = tmp_path / "elsewhere"
    somebody_s.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(somebody_s)
    with pytest.raises(OSError, match="link"):
        memory.make_directories(link)
    assert (stat.S_IMODE(somebody_s.stat().st_mode), list(somebody_s.iterdir())) == (0o700, [])
