"""The kill by lock: its holder dies, and nobody who only has, or once had, its number."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hft.locks import lock_holder
from watchd.ctl import kill_holder as module
from watchd.ctl.kill_holder import ATTEMPTS, kill_holder


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as child:
        yield child
        child.kill()


def _lock(site: Any) -> str:
    return str(site.run_directory / "braind" / "lock")


def test_the_holder_is_named(site: Any, braind: Callable) -> None:
    child = braind()
    assert lock_holder(_lock(site)) == child.pid
    child.kill()
    child.wait(5)
    assert lock_holder(_lock(site)) == 0


def test_a_pid_that_no_longer_holds_the_lock_is_not_killed(
    site: Any, braind: Callable, stranger: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """braind died after the first look, its number went to a stranger, and its successor holds the lock."""
    child = braind()
    answers = iter([stranger.pid])
    monkeypatch.setattr(module, "lock_holder", lambda path: next(answers, None) or lock_holder(path))
    killed = kill_holder(_lock(site), 5.0)
    assert killed.dead
    assert child.wait(5) == -signal.SIGKILL
    assert stranger.poll() is None


def test_a_lock_that_changes_hands_all_the_time_kills_nobody(
    site: Any, braind: Callable, stranger: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = braind()
    answers = iter([stranger.pid, child.pid] * ATTEMPTS)
    monkeypatch.setattr(module, "lock_holder", lambda _path: next(answers))
    killed = kill_holder(_lock(site), 5.0)
    assert (killed.dead, "changes hands" in killed.text) == (False, True)
    assert stranger.poll() is None
    assert child.poll() is None


def test_a_holder_that_is_gone_before_the_pidfd_is_looked_for_again(
    site: Any, braind: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = braind()
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    answers = iter([gone.pid])
    monkeypatch.setattr(module, "lock_holder", lambda path: next(answers, None) or lock_holder(path))
    assert kill_holder(_lock(site), 5.0).dead
    assert child.wait(5) == -signal.SIGKILL


def test_a_process_that_does_not_die_in_time_is_told(
    site: Any, braind: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = braind()
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda _pidfd, _number: None)
    killed = kill_holder(_lock(site), 0.05)
    assert (killed.dead, "not dead after" in killed.text) == (False, True)
    assert child.poll() is None


def test_what_is_no_lock_file_is_told(site: Any) -> None:
    (site.run_directory / "braind").mkdir()
    Path(_lock(site)).symlink_to(_lock(site))
    killed = kill_holder(_lock(site), 1.0)
    assert (killed.dead, "symbolic links" in killed.text) == (False, True)
