"""`hft model` on a generated day with a planted signal, on one without, and on days too small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from braind import cli_model
from braind.model import package
from hft import cli

PAPERD = Path(sys.executable).with_name("paperd")
PREMARKET = Path(__file__).resolve().parents[4] / "shared/data/itch50/20191230_premarket.itch50.gz"


def generate(path: Path, *options: str) -> Path:
    subprocess.run([PAPERD, "generate", path, "--seed", "3", *options], check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    folder = tmp_path_factory.mktemp("day")
    options = ("--duration", "20", "--instruments", "12", "--pressure", "0.2")
    return generate(folder / "20260105.itch50", *options)


def train(capture: Path, out: Path, *options: str) -> int:
    return cli.main(["model", "train", "--capture", str(capture), "--out", str(out), *options])


@pytest.fixture(scope="module")
def trained(day, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "model"
    assert train(day, out, "--horizon-ms", "100") == 0
    return out


def test_a_planted_signal_is_found_out_of_sample(trained):
    training = package.read_manifest(trained).training
    assert training.model.log_loss < min(scores.log_loss for scores in training.baselines.values())
    assert training.rows_test > 1000


def test_a_model_of_a_day_without_signal_does_not_claim_one(tmp_path, capsys):
    quiet = generate(tmp_path / "20260106.itch50", "--duration", "10", "--instruments", "6", "--signal", "0")
    assert train(quiet, tmp_path / "model", "--horizon-ms", "100") == 0
    training = package.read_manifest(tmp_path / "model").training
    best = min(scores.log_loss for scores in training.baselines.values())
    verdict = "beats" if training.model.log_loss < best else "does NOT beat"
    assert f"the model {verdict} the best baseline" in capsys.readouterr().out
    assert best - training.model.log_loss < 0.1


def test_the_same_seed_gives_the_same_weights(trained, day, tmp_path, monkeypatch):
    monkeypatch.setenv("HFT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("braind.training.train.cached_binary", _Fixed(trained))
    for name, seed in (("again", "1"), ("other", "2")):
        assert train(day, tmp_path / name, "--horizon-ms", "100", "--seed", seed) == 0
    expected = (trained / "weights.npz").read_bytes()
    assert (tmp_path / "again" / "weights.npz").read_bytes() == expected
    assert (tmp_path / "other" / "weights.npz").read_bytes() != expected


class _Fixed:
    """Stands in for compilation where only the weights matter: gives the binary that is there already."""

    def __init__(self, directory: Path) -> None:
        from braind.model.export import Compiled

        description = package.read_manifest(directory).binary
        self._compiled = Compiled((directory / "model.pt2").read_bytes(), description)

    def __call__(self, *_args: object) -> object:
        return self._compiled


def test_the_same_training_comes_from_the_cache(trained, day, tmp_path, capsys):
    assert train(day, tmp_path / "model", "--horizon-ms", "100") == 0
    assert "trained before" in capsys.readouterr().err
    assert (tmp_path / "model" / "manifest.json").read_bytes() == (trained / "manifest.json").read_bytes()


def test_parquet_events_give_the_model_that_the_capture_gives(trained, day, tmp_path, monkeypatch):
    events = tmp_path / "20260105.parquet"
    assert cli.main(["decode", str(day), "--events", str(events)]) == 0
    monkeypatch.setattr("braind.training.train.cached_binary", _Fixed(trained))
    options = ["--events", str(events), "--out", str(tmp_path / "model"), "--horizon-ms", "100"]
    assert cli.main(["model", "train", *options]) == 0
    assert (tmp_path / "model" / "weights.npz").read_bytes() == (trained / "weights.npz").read_bytes()


def test_a_day_too_small_says_how_small_it_is(tmp_path, day, capsys):
    assert train(day, tmp_path / "model", "--messages", "1000") == 1
    assert "too little to learn from: 1,0" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--capture", "/nonexistent"], "No such file"),
        (["--horizon-ms", "-1"], "--horizon-ms -1: must be at least"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(options, says, tmp_path, capsys, day):
    capture = [] if "--capture" in options else ["--capture", str(day)]
    assert cli.main(["model", "train", *capture, *options, "--out", str(tmp_path / "model")]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.capture
def test_the_real_premarket_file_trains_on_a_shorter_horizon(tmp_path, capsys):
    if not PREMARKET.exists():
        pytest.skip(f"{PREMARKET} is not there")
    assert train(PREMARKET, tmp_path / "model") == 0
    manifest = package.read_manifest(tmp_path / "model")
    assert manifest.training.trading_dates == ("2019-12-30",)
    assert manifest.horizon_ms < 500
    assert "best baseline" in capsys.readouterr().out


def test_info_tells_a_package_and_refuses_what_is_none(trained, tmp_path, capsys):
    assert cli.main(["model", "info", str(trained)]) == 0
    told = capsys.readouterr().out
    assert "20260105.itch50" in told
    assert "queue imbalance" in told
    assert cli.main(["model", "info", str(tmp_path)]) == 1


def test_export_compiles_the_same_weights_again(trained, capsys):
    before = package.read_manifest(trained)
    assert cli.main(["model", "export", str(trained)]) == 0
    after = package.read_manifest(trained)
    assert after.weights_sha256 == before.weights_sha256
    assert "µs a decision" in capsys.readouterr().out
    assert cli_model.read_weights(trained, after)
