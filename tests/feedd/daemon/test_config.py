"""feedd and `hft config check` refuse the same files and name the same key."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from config_cases import BRAIND, GOOD, MINIMAL, SHARED_REFUSALS

from hft.config import ConfigError, load, parse

FEEDD = Path(sys.executable).with_name("feedd")
EX_CONFIG = 78


def feedd_check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FEEDD, "--check-config", "--config", path], capture_output=True, text=True, timeout=30, check=False
    )


def key_named_by_feedd(result: subprocess.CompletedProcess[str], path: Path) -> str:
    said = result.stderr.removeprefix(f"feedd: {path}: ")
    match = re.match(r"([a-z_.]+(?:\[\d+\])?): (?!line \d)", said)
    return match[1] if match and " " not in match[1] else ""


@pytest.mark.parametrize(
    ("text", "replacement", "key"),
    [pytest.param(*case[1:], id=case[0].replace(" ", "-")) for case in SHARED_REFUSALS],
)
def test_a_bad_file_is_refused_by_both_sides_with_the_same_key(
    tmp_path: Path, text: str, replacement: str, key: str
) -> None:
    assert text in GOOD
    path = tmp_path / "hft.toml"
    path.write_text(GOOD.replace(text, replacement, 1))
    result = feedd_check(path)
    with pytest.raises(ConfigError) as refusal:
        load(path)
    assert (result.returncode, key_named_by_feedd(result, path), refusal.value.key) == (EX_CONFIG, key, key)


@pytest.mark.parametrize("text", [GOOD, MINIMAL, GOOD + BRAIND], ids=["good", "minimal", "with braind"])
def test_a_good_file_is_accepted_by_both_sides(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hft.toml"
    path.write_text(text)
    assert feedd_check(path).returncode == 0
    load(path)


def test_the_documented_reference_is_good_and_shows_the_defaults() -> None:
    reference = Path(__file__).parents[3] / "deploy" / "hft.toml"
    assert feedd_check(reference).returncode == 0
    shown = load(reference)
    defaults = parse(f'[feedd.feed]\nline_a = "{shown.feedd.feed.line_a}"\n')
    assert (shown.run, shown.cores, shown.feedd) == (defaults.run, defaults.cores, defaults.feedd)


def test_feedd_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = feedd_check(tmp_path / "absent.toml")
    assert (result.returncode, "absent.toml" in result.stderr) == (EX_CONFIG, True)
