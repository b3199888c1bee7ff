"""`watchd init`: the first state, once, by a person."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from watchd.init import main, write_first_state
from watchd.state_file import StateFile
from watchd.states import SuiteState


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "hft.toml"
    path.write_text(
        f'[feedd.feed]\nline_a = "127.0.0.1:26477"\n[watchd]\nstate_directory = "{tmp_path}/state"\n',
        encoding="utf-8",
    )
    return path


def test_it_writes_the_first_disarmed_with_who_and_when(config: Path, tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("watchd"), "init", "--by", "ada", "--config", config]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"{tmp_path}/state/state.json: disarmed, by ada\n"
    record = StateFile(tmp_path / "state").load()
    assert (record.state, record.by, record.uid, record.epoch) == (SuiteState.DISARMED, "ada", os.getuid(), 0)
    assert record.at.endswith("Z")


@pytest.mark.parametrize("content", [None, b"", b"damaged"])
def test_it_refuses_where_a_state_is_whatever_it_says(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    write_first_state(tmp_path / "state", "ada")
    path = tmp_path / "state" / "state.json"
    if content is not None:
        path.write_bytes(content)
    before = path.read_bytes()
    assert main(["--by", "eve", "--config", str(config)]) == 1
    assert "there is a state already" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_as_a_call_it_makes_the_directory_and_raises_where_a_state_is(tmp_path: Path) -> None:
    write_first_state(tmp_path / "new", "ada")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o750
    with pytest.raises(FileExistsError):
        write_first_state(tmp_path / "new", "ada")


def test_a_bad_configuration_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("[watchd]\nlease_ms = 1\n", encoding="utf-8")
    assert main(["--by", "ada", "--config", str(config)]) == 78
    assert "watchd.lease_ms" in capsys.readouterr().err


def test_a_directory_that_can_not_be_made_is_told(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("", encoding="ascii")
    assert main(["--by", "ada", "--config", str(config)]) == 71
    assert "state.json" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--by", " \n"]])
def test_someone_must_stand_behind_it(words: list[str], config: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main([*words, "--config", str(config)])
    assert end.value.code == 2
