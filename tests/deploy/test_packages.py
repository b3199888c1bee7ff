"""The packages: what lintian says, an upgrade while the suite trades, a purge. The last tests of the machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import machine
import pytest
from house import MEMBERS, House

pytestmark = pytest.mark.timeout(900)


def test_lintian_finds_no_error(deb: Path) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("NOT TESTED: lintian is not installed (deploy/debian/test-packages.txt)")
    packages = [deb, *deb.parent.glob("hft-host-tuning_*.deb")]
    done = subprocess.run(
        ["lintian", "--fail-on", "error", "--tag-display-limit", "0", "--allow-root", *packages],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_no_file_of_the_package_names_the_place_where_it_was_built(house: House) -> None:
    """Scripts, metadata and bytecode of the suite itself; the interpreter of its scripts is the installed one."""
    found = house.run(
        "grep", "-rlF", str(machine.ROOT), "/usr/lib/hft/venv/bin", "/usr/lib/systemd/system", "/etc/hft",
        *(f"/usr/lib/hft/venv/lib/python3.11/site-packages/{name}" for name in ("hft", "braind", "watchd", "paperd")),
    )  # fmt: skip
    assert found.out == ""
    assert house.must("head", "-n1", "/usr/bin/hft") == "#!/usr/lib/hft/venv/bin/python3\n"


def test_a_strategy_of_one_s_own_is_written_and_tested_where_it_is_to_trade(house: House) -> None:
    house.must("hft", "strategy", "new", "fade_it", "--directory", "/srv")
    words = "cd /srv && NUMBA_DISABLE_JIT=1 /usr/lib/hft/venv/bin/python3 -m pytest -q -p no:cacheprovider"
    assert "5 passed" in house.must("sh", "-c", words, timeout_s=120)


def test_an_upgrade_restarts_nobody_and_the_next_start_is_the_new_version(house: House, deb: Path) -> None:
    house.armed()
    before = {name: house.pid(name) for name in ("watchd", "feedd", "braind")}
    newer = deb.parent / "newer" / "hft_99.0.0_amd64.deb"
    subprocess.run(
        [sys.executable, machine.ROOT / "deploy/debian/build.py", "--repack", "99.0.0"], check=True
    )
    shutil.copyfile(newer, house.root / "var/tmp/newer.deb")
    said = house.must("dpkg", "--install", "/var/tmp/newer.deb", timeout_s=400)
    assert "go on with version" in said
    assert {name: house.pid(name) for name in before} == before
    assert house.state() == "armed"
    house.trades()
    assert "99.0.0" in house.must("dpkg-query", "-W", "hft")


def test_a_removal_stops_the_suite_and_a_purge_leaves_nothing_but_logs(house: House) -> None:
    house.must("dpkg", "--remove", "hft", timeout_s=200)
    assert [house.active(unit) for unit in MEMBERS] == ["inactive"] * 3
    assert house.run("test", "-e", "/var/lib/hft/watchd/state.json").code == 0, (
        "remove keeps what the suite knows"
    )
    house.must("dpkg", "--purge", "hft", timeout_s=200)
    left = house.run("find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-path", "/sys", "-prune", "-o",
                     "(", "-name", "hft*", "-o", "-path", "*/hft/*", ")", "-print")  # fmt: skip
    paths = [
        path
        for path in left.out.splitlines()
        # The last one: what a person who ran a command of the suite has in a home is that person's.
        if not path.startswith(("/var/tmp/", "/run/systemd/", "/run/log", "/root/.cache/"))
    ]
    assert [path for path in paths if not path.startswith("/var/log/")] == []
    assert "hft" not in house.must("cat", "/etc/passwd", "/etc/group")
