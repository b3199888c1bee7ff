"""`hft model train | export | info`. Exit codes: 0 done, 1 it can not be done (the message says why)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from braind.model.package import Manifest, PackageError, read_manifest, read_weights, write

if TYPE_CHECKING:
    from braind.training.source import Source

DEFAULT_STRATEGY = "braind.strategies.imbalance:ImbalanceStrategy"


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "--capture", type=Path, metavar="FILE", help="an ITCH day, plain or .gz, or a packet capture"
    )
    data.add_argument("--events", type=Path, metavar="PARQUET", help="what `hft decode --events` wrote")
    data.add_argument("--journal", type=Path, metavar="DIR", help="what `hft record` wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the package to write")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="trading date, where the file does not tell")
    parser.add_argument(
        "--messages", type=int, default=0, metavar="N", help="only the first N messages (0 = all)"
    )
    parser.add_argument(
        "--strategy",
        default=DEFAULT_STRATEGY,
        metavar="MODULE:CLASS",
        help="whose features; also one in this directory (%(default)s)",
    )
    parser.add_argument(
        "--horizon-ms", type=int, default=0, metavar="MS",
        help="predict the mid this far ahead (default: 500, shorter where the data is short)",
    )  # fmt: skip
    parser.add_argument(
        "--dead-band-ticks",
        type=float,
        default=0.25,
        metavar="TICKS",
        help="smaller moves are flat (%(default)s)",
    )
    parser.add_argument(
        "--decision-interval-us", type=int, default=100, metavar="US", help="as in the config (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same model (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="limit for the fitting alone (%(default)s)"
    )
    parser.add_argument(
        "--autotune", action="store_true", help="try tuned matrix products too, keep the faster graph"
    )
    parser.add_argument(
        "--portable", action="store_true", help="compile for any x86-64-v3 CPU instead of this one"
    )


def run_train(arguments: argparse.Namespace) -> int:
    """Trains and prints the out-of-sample result beside the baselines."""
    from braind.policy import StrategyError, find_strategy, is_installed
    from braind.training import TrainingError
    from braind.training.train import Options, train

    console = Console(stderr=True, highlight=False)
    try:
        here = "" if is_installed(arguments.strategy.partition(":")[0]) else str(Path.cwd())
        options = Options(
            features=find_strategy(arguments.strategy, here).features,
            horizon_ms=_at_least(arguments, "horizon_ms", 0),
            dead_band_ticks=_at_least(arguments, "dead_band_ticks", 0),
            decision_interval_us=_at_least(arguments, "decision_interval_us", 0),
            seed=arguments.seed,
            seconds=_at_least(arguments, "seconds", 1),
            autotune=arguments.autotune,
            portable=arguments.portable,
            data_key=f"{arguments.date or ''} {arguments.messages}",
        )
        manifest = train(
            _source(arguments), options, arguments.out, lambda text: console.print(text, markup=False)
        )
    except (TrainingError, PackageError, StrategyError, OSError) as error:
        print(f"hft model train: {error}", file=sys.stderr)
        return 1
    show_scores(manifest, Console(highlight=False))
    return 0


def _source(arguments: argparse.Namespace) -> Source:
    from braind.training.source import CaptureSource, JournalSource, ParquetSource

    if arguments.capture:
        return CaptureSource(arguments.capture, arguments.date, _at_least(arguments, "messages", 0))
    return JournalSource(arguments.journal) if arguments.journal else ParquetSource(arguments.events)


def _at_least(arguments: argparse.Namespace, name: str, least: int) -> int:
    from braind.training import TrainingError

    value: int = getattr(arguments, name)
    if value < least:
        raise TrainingError(f"--{name.replace('_', '-')} {value}: must be at least {least}")
    return value


def show_scores(manifest: Manifest, console: Console) -> None:
    """The out-of-sample table and one sentence that says who won."""
    training = manifest.training
    table = Table(
        title=f"out of sample: the last {training.rows_test:,} decisions, {manifest.horizon_ms} ms ahead"
    )
    for name in ("", "accuracy", "log loss"):
        table.add_column(name, justify="left" if not name else "right")
    for name, scores in {"model": training.model, **training.baselines}.items():
        table.add_row(name.replace("_", " "), f"{scores.accuracy:.2%}", f"{scores.log_loss:.4f}")
    console.print(table)
    best_name, best = min(training.baselines.items(), key=lambda item: item[1].log_loss)
    better = training.model.log_loss < best.log_loss
    verdict = "beats" if better else "does NOT beat"
    console.print(f"the model {verdict} the best baseline ({best_name.replace('_', ' ')}) by log loss")


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="the package, compiled again in place")
    parser.add_argument(
        "--autotune", action="store_true", help="try tuned matrix products too, keep the faster graph"
    )
    parser.add_argument("--portable", action="store_true", help="for any x86-64-v3 CPU instead of this one")


def run_export(arguments: argparse.Namespace) -> int:
    """Compiles the package's weights again, for this CPU or a portable one; says how fast each graph is."""
    from braind.model.export import export_package

    console = Console(highlight=False)
    try:
        console.print(
            "compiling " + ("and tuning (about a minute) …" if arguments.autotune else "(some seconds) …")
        )
        manifest, binary, weights = export_package(
            arguments.directory, arguments.autotune, arguments.portable
        )
        write(arguments.directory, manifest, binary, weights)
    except PackageError as error:
        print(f"hft model export: {error}", file=sys.stderr)
        return 1
    for graph, measured_us in manifest.binary.measured_us.items():
        kept = "  (kept)" if graph == manifest.binary.graph else ""
        console.print(f"{graph:6} {measured_us:.2f} µs a decision{kept}")
    return 0


def add_info_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR")


def run_info(arguments: argparse.Namespace) -> int:
    """Everything the manifest says, and whether the binary may run here."""
    from braind.model.isa import missing_here

    console = Console(highlight=False)
    try:
        manifest = read_manifest(arguments.directory)
        read_weights(arguments.directory, manifest)
    except PackageError as error:
        print(f"hft model info: {error}", file=sys.stderr)
        return 1
    training, binary = manifest.training, manifest.binary
    rows = (
        f"{training.rows_train:,} train, {training.rows_validation:,} validation, {training.rows_test:,} test"
    )
    lines = {
        "features": f"{len(manifest.features)}: {', '.join(manifest.features)}",
        "formulas": manifest.feature_hash[:16],
        "predicts": f"{', '.join(manifest.classes)} of the mid in {manifest.horizon_ms} ms",
        "dead band": f"{manifest.dead_band_ticks} ticks",
        "data": f"{training.data} of {', '.join(training.trading_dates)}",
        "SHA-256": training.data_sha256,
        "rows": rows,
        "training": f"seed {training.seed}, {training.epochs} epochs in {training.seconds} s",
        "code": training.git_describe or "unknown",
        "binary": f"{binary.graph} graph, torch {binary.torch_version}",
        "CPU": f"{binary.isa.march} {binary.isa.machine}",
        "speed": ", ".join(f"{graph} {us:.2f} µs" for graph, us in binary.measured_us.items()),
        "runs here": missing_here(binary.isa) or "yes",
    }
    for name, text in lines.items():
        console.print(f"{name:10} {text}", markup=False)
    show_scores(manifest, console)
    return 0
