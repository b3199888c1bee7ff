"""`hft model train`: a day in, a package out. The same inputs on the same machine come from the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from braind.features.registry import feature_hash
from braind.model import isa, package
from braind.model.export import Compiled, cached_binary
from braind.model.network import CLASSES, Network, probabilities
from braind.model.package import Manifest, PackageError, Training
from braind.training import TrainingError
from braind.training.baselines import baseline_scores, scores_of
from braind.training.fit import Fitted, fit
from braind.training.samples import Samples, Split, make_samples, split_by_time
from braind.training.source import Source, trading_date
from hft.cache import cache_directory

# Fewer labelled points than this in any part of the split, and nothing learned would mean anything.
ROWS_MIN = 100
# Beyond this, every k-th point is taken: neighbours say nearly the same, and a minute is a minute.
ROWS_MAX = 600_000

# Tried in this order when no horizon is given: the longest one that leaves enough points in each part.
HORIZONS_MS = (500, 200, 100, 50, 20)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What makes one training different from another.

    `horizon_ms` 0: the longest of HORIZONS_MS that the data can bear. `data_key`: date and message limit.
    """

    features: tuple[str, ...]
    horizon_ms: int
    dead_band_ticks: float
    decision_interval_us: int
    seed: int
    seconds: float
    autotune: bool
    portable: bool
    data_key: str = ""


def train(source: Source, options: Options, out: Path, say: Say) -> Manifest:
    """Trains, or takes from the cache, and writes to `out`. Raises TrainingError, PackageError."""
    data_sha256 = source.sha256()
    cached = cache_directory() / "models" / _key(data_sha256, options)
    try:
        manifest, binary = package.load(cached, options.features, str(torch.__version__))
        weights = package.read_weights(cached, manifest)
        say(f"trained before on the same data with the same options: from {cached}")
    except PackageError:
        manifest, compiled, weights = _train(source, options, data_sha256, say)
        binary = compiled.binary
        package.write(cached, manifest, binary, weights)
    package.write(out, manifest, binary, weights)
    return manifest


def _key(data_sha256: str, options: Options) -> str:
    parts = [
        package.FORMAT_VERSION, feature_hash(options.features), data_sha256, str(torch.__version__),
        isa.portable().flags if options.portable else isa.native().flags, options.horizon_ms,
        options.dead_band_ticks, options.decision_interval_us, options.seed, options.seconds,
        options.autotune, options.data_key,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _train(source: Source, options: Options, data_sha256: str, say: Say) -> tuple[Manifest, Compiled, bytes]:
    options, samples, split = _with_horizon(source, options, say)
    say(f"training on {len(split.train):,} of {samples.decision_points:,} decision points …")
    parts = [
        (samples.rows[part], samples.labels[part]) for part in (split.train, split.validation, split.test)
    ]
    fitted = fit(
        parts[0], parts[1], options.seed, options.seconds,
        lambda epoch, loss: say(f"  epoch {epoch:2d}  validation log loss {loss:.4f}"),
    )  # fmt: skip
    if fitted.stopped_by_time:
        say(f"stopped by the limit of {options.seconds:g} s: another run may stop elsewhere")
    provenance = _provenance(source.path, data_sha256, options, samples, split, fitted)
    say("compiling" + (" and tuning (about a minute) …" if options.autotune else " (some seconds) …"))
    compiled = cached_binary(fitted.network, options.autotune, options.portable)
    weights = fitted.network.to_bytes()
    return make_manifest(options, fitted.network, weights, provenance, compiled), compiled, weights


def _with_horizon(source: Source, options: Options, say: Say) -> tuple[Options, Samples, Split]:
    """The options with their horizon settled, the samples and their split. Raises TrainingError."""
    problem: TrainingError | None = None
    for horizon_ms in (options.horizon_ms,) if options.horizon_ms else HORIZONS_MS:
        tried = replace(options, horizon_ms=horizon_ms)
        say(f"features of {source.path.name}, labels {horizon_ms} ms ahead …")
        samples = _thinned(
            make_samples(
                source.batches(),
                tried.features,
                horizon_ms * 1_000_000,
                tried.dead_band_ticks,
                tried.decision_interval_us * 1000,
            )
        )
        split = split_by_time(samples, horizon_ms * 1_000_000)
        try:
            _check(samples, split, tried)
        except TrainingError as error:
            problem = problem or error
        else:
            return tried, samples, split
    assert problem is not None, "there is at least one horizon to try"
    raise problem


def _thinned(samples: Samples) -> Samples:
    step = -(-len(samples) // ROWS_MAX) if len(samples) else 1
    return Samples(
        samples.rows[::step],
        samples.ts_ns[::step],
        samples.labels[::step],
        samples.decision_points,
        samples.events,
    )


def _check(samples: Samples, split: Split, options: Options) -> None:
    smallest = min(len(split.train), len(split.validation), len(split.test))
    if smallest < ROWS_MIN:
        raise TrainingError(
            f"too little to learn from: {samples.events:,} events gave {samples.decision_points:,} decision "
            f"points, {len(samples):,} of them with a known mid {options.horizon_ms} ms later; split by time "
            f"that leaves {len(split.train)} to train, {len(split.validation)} to validate and "
            f"{len(split.test)} to test, and each part needs {ROWS_MIN}. A longer or busier capture or a "
            "shorter --horizon-ms helps."
        )
    if len(np.unique(samples.labels[split.train])) < 2:
        raise TrainingError(
            "the mid never moved beyond the dead band in the training part: nothing to tell apart. "
            "A longer --horizon-ms or a smaller --dead-band-ticks helps."
        )


def _provenance(
    path: Path, data_sha256: str, options: Options, samples: Samples, split: Split, fitted: Fitted
) -> Training:
    train_part = (samples.rows[split.train], samples.labels[split.train])
    test_part = (samples.rows[split.test], samples.labels[split.test])
    shares = np.bincount(train_part[1], minlength=len(CLASSES)) / len(train_part[1])
    return Training(
        data=path.name,
        data_sha256=data_sha256,
        trading_dates=tuple(sorted({trading_date(int(ts)) for ts in samples.ts_ns[[0, -1]]})),
        seed=options.seed,
        rows_train=len(split.train),
        rows_validation=len(split.validation),
        rows_test=len(split.test),
        purge_ms=options.horizon_ms,
        seconds=round(fitted.seconds, 1),
        epochs=fitted.epochs,
        class_shares_train=tuple(float(share) for share in shares),
        model=scores_of(probabilities(fitted.network, test_part[0]), test_part[1]),
        baselines=baseline_scores(options.features, train_part, test_part),
        git_describe=_git_describe(),
    )


def make_manifest(
    options: Options, network: Network, weights: bytes, training: Training, compiled: Compiled
) -> Manifest:
    """The manifest of a freshly trained network."""
    return Manifest(
        format_version=package.FORMAT_VERSION,
        features=options.features,
        feature_hash=feature_hash(options.features),
        mean=tuple(float(x) for x in network.mean),
        scale=tuple(float(x) for x in network.scale),
        classes=CLASSES,
        horizon_ms=options.horizon_ms,
        dead_band_ticks=options.dead_band_ticks,
        weights_sha256=package.sha256(weights),
        training=training,
        binary=compiled.description,
    )


def _git_describe() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    result = subprocess.run(
        [git, "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() if result.returncode == 0 else ""
