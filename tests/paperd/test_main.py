"""The command line: what it refuses, and by which name."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperd.capture import load_capture
from paperd.main import main


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message of a refusal; its exit code is 2."""
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--speed", "0"), ("--speed", "nan"), ("--speed", "-1"), ("--loss", "1.01"), ("--loss-b", "x"),
        ("--line-a", "127.0.0.1"), ("--line-a", "127.0.0.1:0"), ("--line-b", "host:70000"),
        ("--line-a", "300.0.0.1:5"), ("--request", "127.0.0.1:99999"), ("--session", "elevenchars"),
        ("--silence", "5"), ("--silence", "1:0"), ("--start-at", "25:00:00"), ("--start-at", "9:30"),
        ("--ttl", "256"), ("--payload", "99"), ("--heartbeat", "0"), ("--delay", "-1"), ("--linger", "inf"),
        ("--reorder-depth", "0"), ("--seed", "-1"), ("--instruments", "0"), ("--messages", "1e6"),
        ("--duration", "0"), ("--interface-a", "eth0"), ("--coalesce-us", "x"), ("--skew-ms", "-3"),
        ("--fault-seed", "1.5"), ("--max-messages-per-second", "0"), ("--prefix-rate", "0"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_option(
    capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert f"argument {option}" in refused(capsys, "replay", f"{option}={value}")


def test_paperd_alone_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "replay" in capsys.readouterr().out


def test_an_abbreviated_option_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unrecognized arguments: --spee" in refused(capsys, "replay", "--spee", "2")


def test_generator_options_are_refused_beside_a_capture(
    capsys: pytest.CaptureFixture[str], small_day_path: Path
) -> None:
    message = refused(capsys, "replay", "--capture", str(small_day_path), "--messages-per-second", "5")
    assert "--messages-per-second: not allowed with --capture" in message


def test_contradicting_day_options_are_refused_by_option(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--messages", "9", "--duration", "1", "--messages-per-second", "3")
    assert "argument --messages-per-second" in refused(capsys, "generate", "/dev/null", *options)


def test_a_truncated_capture_is_refused_with_file_and_offset(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, small_day_path: Path
) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(small_day_path.read_bytes()[:-1])
    assert f"{cut}: at offset" in refused(capsys, "replay", "--capture", str(cut))


def test_a_start_after_the_capture_is_refused(
    capsys: pytest.CaptureFixture[str], small_day_path: Path
) -> None:
    options = ("--capture", str(small_day_path), "--start-at", "23:00:00")
    assert "argument --start-at: the capture ends before" in refused(capsys, "replay", *options)


def test_a_missing_capture_is_a_failure_that_names_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["replay", "--capture", str(tmp_path / "absent")]) == 1
    assert "absent" in capsys.readouterr().err


def test_generate_writes_the_file_and_says_what_is_in_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "day"
    assert main(["generate", str(out), "--instruments", "4", "--messages", "4000", "--pure-mix"]) == 0
    assert '"messages": 4000' in capsys.readouterr().out
    assert len(load_capture(out)) == 4_000
