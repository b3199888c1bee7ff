"""`hft strategy new`: what it writes works as it is, in its own test and as braind finds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from braind.policy import StrategyError, find_strategy
from braind.scaffold import class_name

HFT = Path(sys.executable).with_name("hft")


def new(directory: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [HFT, "strategy", "new", name, "--directory", directory]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("interpreted", ["0", "1"])
def test_the_test_that_it_writes_passes_compiled_and_interpreted(tmp_path: Path, interpreted: str) -> None:
    made = new(tmp_path, "fade_it")
    assert (made.returncode, made.stderr) == (0, "")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_fade_it.py"],
        cwd=tmp_path, env={**os.environ, "NUMBA_DISABLE_JIT": interpreted}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_that_test_sees_when_the_strategy_is_another_one(tmp_path: Path) -> None:
    new(tmp_path, "fade_it")
    strategy = tmp_path / "fade_it.py"
    changed = strategy.read_text().replace("if held + quantity > parameters[POSITION_MAX]", "if False")
    assert changed != strategy.read_text()
    strategy.write_text(changed)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 failed, 4 passed" in done.stdout


def test_braind_finds_it_by_the_configuration_that_is_printed(tmp_path: Path) -> None:
    printed = new(tmp_path, "lean_on_it").stdout
    assert f'strategy_path = "{tmp_path}"' in printed
    assert 'strategy = "lean_on_it:LeanOnItStrategy"' in printed
    try:
        found = find_strategy("lean_on_it:LeanOnItStrategy", str(tmp_path))
    finally:
        sys.path.remove(str(tmp_path))
    assert (found.__name__, found.strategy_id, found.state_words) == ("LeanOnItStrategy", 100, 1)


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "test_fade_it.py").write_text("mine\n")
    refused = new(tmp_path, "fade_it")
    assert (refused.returncode, "test_fade_it.py: is there already" in refused.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["test_fade_it.py"]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Fade", "lower case"), ("fade-it", "lower case"), ("2fast", "lower case"), ("import", "keyword"),
        ("numpy", "installed"), ("braind", "installed"),
    ],
)  # fmt: skip
def test_a_name_that_can_not_be_a_module_s_is_refused(tmp_path: Path, name: str, word: str) -> None:
    refused = new(tmp_path, name)
    assert (refused.returncode, refused.stderr.startswith(f"hft strategy new: {name}: ")) == (1, True)
    assert word in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_none_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path}/x: not a directory" in new(tmp_path / "x", "fade_it").stderr
    (tmp_path / "file").touch()
    for name, word in (("x", "No such file or directory"), ("file", "not a directory")):
        with pytest.raises(StrategyError, match=f"braind.strategy_path .*/{name}: {word}"):
            find_strategy("fade_it:FadeItStrategy", str(tmp_path / name))


def test_a_directory_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    new(tmp_path, "fade_it")
    tmp_path.chmod(0o777)
    with pytest.raises(StrategyError, match="everybody may write there"):
        find_strategy("fade_it:FadeItStrategy", str(tmp_path))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("def policy(:\n", "SyntaxError"), ("1 / 0\n", "ZeroDivisionError"), ("import nowhere\n", "No module named"),
        ("", "has no attribute 'Odd'"), ("class Odd: pass\n", "it lacks features, strategy_id, state_words, policy"),
    ],
)  # fmt: skip
def test_whatever_is_wrong_with_the_module_names_the_strategy(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "odd_one.py").write_text(text)
    try:
        with pytest.raises(StrategyError, match=rf"^braind.strategy odd_one:Odd: .*{word}"):
            find_strategy("odd_one:Odd", str(tmp_path))
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("odd_one", None)


def test_what_is_installed_is_trained_for_from_any_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    words = [HFT, "model", "train", "--capture", "absent.itch50", "--out", "model"]
    mine = subprocess.run(
        [*words, "--strategy", "fade_it:FadeItStrategy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    installed = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (mine.returncode, "everybody may write there" in mine.stderr) == (1, True)
    assert (installed.returncode, "absent.itch50" in installed.stderr) == (1, True)


def test_class_names() -> None:
    assert [class_name(name) for name in ("fade", "fade_the_spread", "my_strategy")] == [
        "FadeStrategy",
        "FadeTheSpreadStrategy",
        "MyStrategy",
    ]
