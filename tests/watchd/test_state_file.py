"""The state file: old, new or unreadable after whatever happened, never a mixture."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from watchd.state_file import Paused, StateFile, StateRecord, StateUnreadable, decode, encode
from watchd.states import SuiteState

OLD = StateRecord(
    state=SuiteState.DISARMED,
    reason="disarmed",
    detail="",
    by="ada",
    uid=1001,
    at="2026-11-24T07:00:00.000000Z",
    epoch=6,
)
NEW = replace(
    OLD,
    state=SuiteState.KILLED,
    reason="loop_silent",
    detail="no round for 31 ms",
    by="watchd",
    epoch=7,
    open_orders=3,
    paused=Paused(all=True, instruments=(3, 65535), strategies=(1,)),
)
BY_SYMBOL = replace(NEW, paused=Paused(instruments=(3,), symbols={"AAPL": 7, "MSFT": 0}))


@pytest.fixture
def saved(tmp_path: Path) -> StateFile:
    state_file = StateFile(tmp_path)
    state_file.save(OLD)
    return state_file


def _problem(state_file: StateFile) -> StateUnreadable:
    with pytest.raises(StateUnreadable) as caught:
        state_file.load()
    return caught.value


def _names(state_file: StateFile) -> list[str]:
    return [path.name for path in state_file.path.parent.iterdir()]


def _error_of(call: Callable[[], None]) -> OSError | None:
    try:
        call()
    except OSError as error:
        return error
    return None


def test_what_was_saved_is_loaded(saved: StateFile) -> None:
    assert saved.load() == OLD
    saved.save(NEW)
    assert saved.load() == NEW


def test_a_person_reads_one_field_a_line(saved: StateFile) -> None:
    saved.save(NEW)
    lines = saved.path.read_text(encoding="ascii").splitlines()
    assert '  "state": "killed",' in lines
    assert '  "reason": "loop_silent",' in lines


def test_only_the_owner_may_write_it_whatever_the_umask(saved: StateFile) -> None:
    before = os.umask(0)
    try:
        saved.save(NEW)
    finally:
        os.umask(before)
    assert saved.path.stat().st_mode & 0o7777 == 0o640


def test_pauses_by_symbol_are_kept_with_their_ids(saved: StateFile) -> None:
    saved.save(BY_SYMBOL)
    assert saved.load() == BY_SYMBOL
    assert saved.load().paused.on_page == (3, 7)
    assert b'"version": 2' in saved.path.read_bytes()


def test_a_file_of_before_there_were_symbols_is_read_as_pauses_by_id(saved: StateFile) -> None:
    lines = [
        "{", '  "version": 1,', '  "state": "disarmed",', '  "reason": "disarmed",', '  "detail": "",',
        '  "by": "ada",', '  "uid": 1001,', '  "at": "2026-11-24T07:00:00.000000Z",', '  "epoch": 6,',
        '  "open_orders": null,',
        '  "paused": {"all":false,"instruments":[3,9],"strategies":[1]},',
        '  "sha256": "%s"', "}", "",
    ]  # fmt: skip
    digest = sha256("\n".join(lines[1:-3]).removesuffix(",").encode()).hexdigest()
    saved.path.write_text("\n".join(lines) % digest)
    assert saved.load() == replace(OLD, paused=Paused(instruments=(3, 9), strategies=(1,)))
    assert encode(saved.load()) == saved.path.read_bytes()


def test_every_instrument_paused_by_the_longest_name_and_by_id_fits(saved: StateFile) -> None:
    ids = tuple(range(65536))
    largest = replace(OLD, paused=Paused(instruments=ids, symbols={f"LONGEST{at:09}": at for at in ids}))
    saved.save(largest)
    assert saved.load() == largest


def test_a_missing_file_says_that_it_is_missing(tmp_path: Path) -> None:
    error = _problem(StateFile(tmp_path))
    assert error.missing
    assert str(tmp_path / "state.json") in str(error)


def test_one_changed_byte_anywhere_is_unreadable(saved: StateFile) -> None:
    saved.save(NEW)
    intact = saved.path.read_bytes()
    for place in range(len(intact)):
        for other in (intact[place] ^ 1, intact[place] ^ 0x20, ord(" "), 0, 0xFF):
            if other != intact[place]:
                with pytest.raises(ValueError, match="damaged"):
                    decode(intact[:place] + bytes([other]) + intact[place + 1 :])


def test_one_byte_more_or_less_anywhere_is_unreadable(saved: StateFile) -> None:
    intact = saved.path.read_bytes()
    for place in range(len(intact)):
        for damaged in (intact[:place] + intact[place + 1 :], intact[:place] + b" " + intact[place:]):
            with pytest.raises(ValueError, match="damaged"):
                decode(damaged)
    with pytest.raises(ValueError, match="damaged"):
        decode(intact + b"\n")


@pytest.mark.parametrize("length", range(0, len(encode(OLD)), 7))
def test_a_torn_file_is_unreadable(saved: StateFile, length: int) -> None:
    os.truncate(saved.path, length)
    error = _problem(saved)
    assert not error.missing
    assert "damaged" in error.problem


@pytest.mark.parametrize(
    "content",
    [b"[]", b"{}", b"null", b"[" * 100_000, b'{"version":1,"sha256":""}', b"\xff\xfe", b"x" * 2_000_000],
    ids=lambda content: content[:12].decode("latin1"),
)
def test_something_else_in_its_place_is_unreadable(saved: StateFile, content: bytes) -> None:
    saved.path.write_bytes(content)
    assert "damaged" in _problem(saved).problem


def test_a_later_version_is_named(saved: StateFile) -> None:
    saved.path.write_bytes(saved.path.read_bytes().replace(b'"version": 1', b'"version": 3'))
    assert "newer" in _problem(saved).problem


@pytest.mark.parametrize("mode", [0o642, 0o660, 0o666])
def test_a_file_that_others_may_write_is_refused_with_its_mode(saved: StateFile, mode: int) -> None:
    saved.path.chmod(mode)
    assert f"{mode:04o}" in _problem(saved).problem


def test_a_directory_that_anyone_may_write_is_refused_with_its_mode(saved: StateFile) -> None:
    saved.path.parent.chmod(0o777)
    assert "0777" in _problem(saved).problem


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can give a file away")
def test_a_file_of_a_stranger_is_refused_with_its_owner(saved: StateFile) -> None:
    os.chown(saved.path, 54321, -1)
    assert "54321" in _problem(saved).problem


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can write for others")
def test_what_root_writes_belongs_to_the_directory_s_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 54321, 54322)
    StateFile(tmp_path).create(OLD)
    about = (tmp_path / "state.json").stat()
    assert (about.st_uid, about.st_gid) == (54321, 54322)


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_what_is_not_a_regular_file_is_refused(saved: StateFile, kind: str) -> None:
    elsewhere = saved.path.with_name("elsewhere")
    saved.path.rename(elsewhere)
    if kind == "link":
        saved.path.symlink_to(elsewhere)
    elif kind == "directory":
        saved.path.mkdir()
    else:
        os.mkfifo(saved.path)
    assert not _problem(saved).missing


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_failure_of_any_call_leaves_old_or_new_and_save_says_which_is_sure(
    saved: StateFile, faulty_calls: Callable, error: int
) -> None:
    seen: set[str] = set()
    for nth in range(1, 50):
        saved.save(OLD)
        with faulty_calls(nth, error) as made:
            caught = _error_of(lambda: saved.save(NEW))
        assert _names(saved) == ["state.json"]
        if caught is None:
            assert saved.load() == NEW
            break
        assert caught.errno == error
        seen.add(made[nth - 1])
        assert saved.load() == (NEW if "rename" in made[: nth - 1] else OLD)
    assert seen >= {"open", "write", "fsync", "rename", "fchmod"}


def test_short_writes_are_finished(saved: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
        saved.save(NEW)
    assert saved.load() == NEW


def test_a_full_disk_keeps_the_old_record_and_is_told(small_disk: Path, fill: Callable) -> None:
    state_file = StateFile(small_disk)
    state_file.save(OLD)
    fill(small_disk)
    with pytest.raises(OSError, match="No space left"):
        state_file.save(NEW)
    assert state_file.load() == OLD
    (small_disk / "ballast").unlink()
    state_file.save(NEW)
    assert state_file.load() == NEW


def test_a_vanished_directory_is_told(saved: StateFile, tmp_path: Path) -> None:
    gone = StateFile(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        gone.save(NEW)
    assert _problem(gone).missing


def _save_for_ever(directory: Path, told: int) -> None:
    state_file, epoch = StateFile(directory), OLD.epoch
    while True:
        epoch += 1
        state_file.save(replace(OLD, epoch=epoch, detail="x" * (epoch * 977 % 9000)))
        os.write(told, epoch.to_bytes(8, "little"))


def test_a_sigkill_at_any_moment_leaves_the_last_durable_record_or_the_next(tmp_path: Path) -> None:
    rng = random.Random(3)
    state_file = StateFile(tmp_path)
    for _ in range(60):
        state_file.save(OLD)
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            _save_for_ever(tmp_path, write_end)
        os.close(write_end)
        time.sleep(rng.uniform(0.0, 0.01))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told = os.read(read_end, 1 << 16)
        os.close(read_end)
        durable = int.from_bytes(told[-8:], "little") if told else OLD.epoch
        assert state_file.load().epoch in (durable, durable + 1)


def test_temporaries_of_a_killed_writer_are_swept_by_the_next(saved: StateFile) -> None:
    saved.path.with_name("state.json.tmp.4242").write_bytes(b"half")
    saved.save(NEW)
    assert _names(saved) == ["state.json"]


def test_create_never_replaces(saved: StateFile) -> None:
    with pytest.raises(FileExistsError):
        saved.create(NEW)
    assert saved.load() == OLD
    assert _names(saved) == ["state.json"]


def test_create_does_not_replace_a_damaged_file_either(saved: StateFile) -> None:
    saved.path.write_bytes(b"")
    with pytest.raises(FileExistsError):
        saved.create(NEW)


def test_text_from_a_broken_terminal_survives(saved: StateFile) -> None:
    odd = replace(OLD, by="\udcff\udc80", detail='quote " backslash \\ line\nbreak \0 €')
    saved.save(odd)
    assert saved.load() == odd
