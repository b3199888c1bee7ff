"""Memory: nothing is swapped, moved or missing."""

from __future__ import annotations

import re

from hft.host.doctor.check import Check, Severity, Verdict
from hft.host.doctor.checks.fixes import TUNED
from hft.host.doctor.subject import Subject
from hft.host.memory import DIRECTORIES
from hft.host.pages import PAGE_BYTES, pool_pages, region_pages
from hft.host.tree import Hidden

PAGES = "hugepages/hugepages-2048kB"


def _swap(subject: Subject) -> Verdict:
    areas = [line.split()[0] for line in subject.tree.text("/proc/swaps").splitlines()[1:] if line.strip()]
    return Verdict("none", ", ".join(areas) or "none", not areas)


def _transparent(subject: Subject) -> Verdict:
    if "transparent_hugepage" not in subject.tree.names(
        "/sys/kernel/mm"
    ):  # PREEMPT_RT kernels are built without
        return Verdict("never or madvise", "not in this kernel", True)
    text = subject.tree.text("/sys/kernel/mm/transparent_hugepage/enabled")
    found = re.search(r"\[(\w+)\]", text)
    mode = found[1] if found else text
    return Verdict("never or madvise", mode, mode in ("never", "madvise"))


def _pool(subject: Subject) -> Verdict | None:
    if subject.config.run.huge_pages != "require":
        return None
    wanted, node = pool_pages(subject.config), subject.config.host.numa_node
    directory = "/sys/kernel/mm" if node == -1 else f"/sys/devices/system/node/node{node}"
    reserved = subject.tree.number(f"{directory}/{PAGES}/nr_hugepages")
    others = (
        reserved - subject.tree.number(f"{directory}/{PAGES}/free_hugepages") - _pages_of_regions(subject)
    )
    where = "" if node == -1 else f" on node {node}"
    # An old generation that somebody still maps is among them; the next one has to fit beside it.
    fits = reserved - max(others, 0) >= region_pages(subject.config)
    current = f"{reserved}" + (f", {others} of them in use by others" if others > 0 else "")
    return Verdict(f"{wanted} pages of 2 MB{where}", current, reserved >= wanted and fits)


def _pages_of_regions(subject: Subject) -> int:
    """Huge pages of the regions that have a name."""
    tree, run = subject.tree, subject.config.run.directory
    sizes = [
        tree.stat(f"{run}/{name}/{file}").st_size
        for name in DIRECTORIES
        for file in tree.names_or_none(f"{run}/{name}")
    ]
    return sum(-(-size // PAGE_BYTES) for size in sizes)


def _mount(subject: Subject) -> Verdict | None:
    if subject.config.run.huge_pages != "require":
        return None
    directory = subject.config.run.directory
    kind, options = _mounted_at(subject, directory)
    current = f"{kind}{', pagesize=' + options['pagesize'] if 'pagesize' in options else ''}"
    good = kind == "hugetlbfs" and options.get("pagesize") == "2M"
    return Verdict(f"{directory} on hugetlbfs with pagesize=2M", current, good)


def _mounted_at(subject: Subject, directory: str) -> tuple[str, dict[str, str]]:
    """Type and options of the mount that `directory` is in. Raises Hidden."""
    best: tuple[str, str, dict[str, str]] = ("", "", {})
    for line in subject.tree.text("/proc/mounts").splitlines():
        fields = line.split()
        if len(fields) < 4:
            continue
        point = fields[1].rstrip("/")
        if (directory + "/").startswith(point + "/") and len(point) >= len(best[0]):
            options = dict(option.partition("=")[::2] for option in fields[3].split(","))
            best = (point, fields[2], options)
    if not best[1]:
        raise Hidden("/proc/mounts", f"has no mount for {directory}")
    return best[1], best[2]


CHECKS = (
    Check(
        "memory_swap",
        "no swap",
        Severity.FATAL,
        "a page that comes back from a disk takes milliseconds, and the core waits",
        _swap,
        ("swapoff -a", "sed -i.hft -E '/^[^#].*[[:space:]]swap[[:space:]]/s/^/#/' /etc/fstab"),
    ),
    Check(
        "memory_transparent_huge_pages",
        "no page is collapsed behind one's back",
        Severity.WARNING,
        "khugepaged moves pages under a running thread, which faults meanwhile; braind asks for its own, once",
        _transparent,
        TUNED,
    ),
    Check(
        "memory_huge_pages",
        "huge pages for the regions, twice",
        Severity.FATAL,
        "regions are made whole or not at all, and a restarted daemon makes new ones while old maps are still there",
        _pool,
        ("systemctl start hft-hugepages.service",),
        always=True,
    ),
    Check(
        "memory_mount",
        "regions are on the suite's own mount",
        Severity.FATAL,
        'with run.huge_pages = "require" a daemon refuses any other place',
        _mount,
        ("systemctl start dev-hugepages-hft.mount",),
        always=True,
    ),
)
