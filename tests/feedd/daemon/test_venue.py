"""A venue is configured: feedd needs its password, and never shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from feedd_harness import Feed, Feedd, free_ports

EX_CONFIG = 78
PHRASE = "hunter2hun"


@pytest.fixture
def feedd(make_feedd: Callable[..., Feedd], feed: Feed) -> Feedd:
    made = make_feedd(feed.keys())
    (port,) = free_ports(1)
    with made.config.open("a") as config:
        config.write(f'[feedd.gateway]\nvenue = "127.0.0.1:{port}"\n')
    return made


def refusal(feedd: Feedd, **environment: str) -> str:
    feedd.launch(**environment)
    assert feedd.process is not None
    assert feedd.process.wait(timeout=10) == EX_CONFIG
    return feedd.log_path.read_text()


def test_without_credentials_feedd_refuses_to_start(feedd: Feedd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert refusal(feedd).startswith(
        "feedd: $CREDENTIALS_DIRECTORY/venue.password: CREDENTIALS_DIRECTORY is not set"
    )


def test_a_credential_that_is_not_there_is_refused_by_its_path(feedd: Feedd, tmp_path: Path) -> None:
    text = refusal(feedd, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert text.startswith(f"feedd: {tmp_path}/venue.password: No such file or directory")


def test_a_password_that_is_no_password_is_refused_and_not_shown(feedd: Feedd, tmp_path: Path) -> None:
    (tmp_path / "venue.password").write_text(PHRASE + "!\n")
    text = refusal(feedd, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert text.startswith(f"feedd: {tmp_path}/venue.password: longer than 10 characters")
    assert PHRASE not in text


def test_with_its_password_feedd_starts_and_does_not_log_it(feedd: Feedd, tmp_path: Path) -> None:
    (tmp_path / "venue.password").write_text(PHRASE + "\n")
    feedd.start(CREDENTIALS_DIRECTORY=str(tmp_path))
    assert feedd.stop() == 0
    assert PHRASE not in feedd.log_path.read_text()
