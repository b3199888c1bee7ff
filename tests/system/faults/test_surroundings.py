"""Directories, files and sockets with the wrong modes or owners: refused at start, by path, and never armed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from suite import Suite

from hft.layout.dtypes import RegionKind, dtype
from hft.regions import Region

SOMEBODY = 54345
EX_SYSTEM = 71


def refusal(suite: Suite, name: str) -> str:
    """What the daemon says when it does not start."""
    process = suite.launch(name)
    assert process.wait(60) == EX_SYSTEM, suite.log(name)
    return suite.log(name)


@pytest.mark.parametrize("name", ["watchd", "feedd", "braind"])
def test_in_a_run_directory_that_others_may_write_no_daemon_starts(suite: Suite, name: str) -> None:
    suite.run.chmod(0o777)
    assert f"{suite.run}: mode 0777: others than its owner may replace what is in it" in refusal(suite, name)
    suite.run.chmod(0o1777)  # others may add entries there, but not replace a daemon's: as in /dev/shm
    (suite.run / name).mkdir(exist_ok=True)
    (suite.run / name).chmod(0o770)
    assert f"{suite.run / name}: mode 0770" in refusal(suite, name)


@pytest.mark.parametrize("name", ["watchd", "feedd"])
def test_in_a_directory_that_belongs_to_somebody_else_no_daemon_starts(suite: Suite, name: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can give files away")
    (suite.run / name).mkdir(mode=0o755)
    os.chown(suite.run / name, SOMEBODY, -1)
    assert f"{suite.run / name}: belongs to uid {SOMEBODY}" in refusal(suite, name)


def pages(suite: Suite) -> tuple[Path, Path]:
    """Fence and veto as an earlier watchd left them."""
    (suite.run / "watchd").mkdir()
    (suite.run / "operator").mkdir(mode=0o750)
    paths = suite.run / "watchd/fence", suite.run / "operator/veto"
    kinds = (RegionKind.FENCE, "Fence"), (RegionKind.VETO, "VetoNote")
    for path, (kind, record) in zip(paths, kinds, strict=True):
        Region.adopt(str(path), int(kind), dtype(record).itemsize)
    return paths


def test_a_fence_that_its_group_may_write_is_refused(suite: Suite) -> None:
    fence, _ = pages(suite)
    fence.chmod(0o660)
    assert f"{fence}: mode 0660: its group may write it" in refusal(suite, "watchd")


def test_an_operator_s_page_that_anyone_may_write_is_refused(suite: Suite) -> None:
    _, veto = pages(suite)
    veto.chmod(0o666)
    assert f"{veto}: mode 0666: anyone may write it" in refusal(suite, "watchd")
    veto.chmod(0o660)
    veto.parent.chmod(0o777)
    assert f"{veto.parent}: mode 0777: anyone may write it" in refusal(suite, "watchd")
    veto.parent.chmod(0o2770)
    suite.start_watchd()


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_control_directory_that_others_may_write_is_refused(suite: Suite, mode: int) -> None:
    suite.control.chmod(mode)
    assert f"{suite.control}: mode {mode:04o}" in refusal(suite, "watchd")


def test_a_control_directory_of_somebody_else_s_is_refused(suite: Suite) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can give files away")
    os.chown(suite.control, SOMEBODY, -1)
    assert f"{suite.control}: belongs to uid {SOMEBODY}" in refusal(suite, "watchd")


@pytest.mark.parametrize("name", ["register.sock", "heartbeat.sock", "ctl.sock"])
def test_something_else_in_a_socket_s_place_is_refused_by_name(suite: Suite, name: str) -> None:
    (suite.control / name).mkdir()
    said = refusal(suite, "watchd")
    assert str(suite.control / name) in said, said


def test_a_state_file_that_others_could_have_written_counts_as_killed(suite: Suite) -> None:
    suite.start_watchd()
    assert suite.stop("watchd") == 0
    state = suite.state / "state.json"
    for mode in (0o666, 0o660):
        state.chmod(mode)
        suite.start_watchd()
        status = suite.status()
        assert (status["state"], status["reason"]) == ("killed", "state_unreadable")
        assert f"{state}: mode {mode:04o}: others than its owner may write it" in status["detail"]
        assert suite.stop("watchd") == 0


def test_a_state_file_of_somebody_else_s_counts_as_killed(suite: Suite) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can give files away")
    suite.start_watchd()
    assert suite.stop("watchd") == 0
    os.chown(suite.state / "state.json", SOMEBODY, -1)
    suite.start_watchd()
    assert suite.status()["state"] == "killed"
    assert f"belongs to uid {SOMEBODY}" in suite.status()["detail"]


def test_a_state_directory_that_anyone_may_write_counts_as_killed(suite: Suite) -> None:
    suite.start_watchd()
    assert suite.stop("watchd") == 0
    suite.state.chmod(0o777)
    suite.start_watchd()
    assert suite.status()["state"] == "killed"
    assert "its directory has mode 0777" in suite.status()["detail"]
