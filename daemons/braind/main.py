"""braind: features, model and policy on the market ring of shared memory; emits order intents.

Exit codes (as feedd's): 0 clean, 2 usage, 71 the system refused (memory, region), 75 another braind runs in
this directory, 78 configuration, model package or strategy (the message names the key or the file).
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import sdnotify  # type: ignore[import-untyped]
import structlog
import torch

from braind.brain import Brain
from braind.counts import Count
from braind.features.state import FeatureState
from braind.feed import FeedMapper
from braind.instruments import Instruments
from braind.loop import Loop
from braind.metrics import Metrics
from braind.model.inference import ModelError, NativeModel
from braind.model.package import PackageError, load
from braind.policy import StrategyError, find_strategy
from braind.rehearsal import rehearse
from hft.config import Braind, Config, ConfigError
from hft.config import load as load_config
from hft.regions import AlreadyRunning, DaemonLock, RegionError

EXIT_CLEAN, EXIT_SYSTEM, EXIT_ALREADY_RUNNING, EXIT_BAD_CONFIG = 0, 71, 75, 78
# Counters of the last log line.
_TOLD = (Count.EVENTS, Count.LOST, Count.DECISIONS, Count.INTENTS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the `braind` command."""
    parser = argparse.ArgumentParser(
        prog="braind",
        description=(__doc__ or "").splitlines()[0],
        epilog=(__doc__ or "").split("\n\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, help="the suite's configuration (hft.toml)")
    options = parser.parse_args(arguments)
    log = _logger()
    try:
        return run(load_config(options.config), log)
    except AlreadyRunning as error:
        return _refuse(log, EXIT_ALREADY_RUNNING, error)
    except (ConfigError, PackageError, StrategyError) as error:
        return _refuse(log, EXIT_BAD_CONFIG, error)
    except (RegionError, ModelError, OSError) as error:
        return _refuse(log, EXIT_SYSTEM, error)


def run(config: Config, log: structlog.stdlib.BoundLogger) -> int:
    """Warm-up, then the loop until SIGTERM or SIGINT. Raises what `main` turns into exit codes."""
    if config.braind is None:
        raise ConfigError("braind", "missing, braind can not run without it")
    stopped = _stop_on_signals()
    directory = Path(config.run.directory)
    directory.mkdir(mode=0o750, exist_ok=True)
    notifier = sdnotify.SystemdNotifier()
    require_huge_pages = config.run.huge_pages == "require"
    with DaemonLock(str(directory / "braind")):
        notifier.notify("STATUS=warming up")
        metrics = Metrics(str(directory / "braind" / "stats"), require_huge_pages)
        brain = make_brain(config, config.braind, metrics)
        rehearse(brain)
        mapper = FeedMapper(directory, config.braind.intents_ring_records, require_huge_pages)
        loop = Loop(
            brain,
            Instruments(config.braind.symbols, brain.state),
            mapper,
            metrics,
            config.braind.idle,
            lambda event, fields: log.info(event, **fields),
        )
        _prepare_thread(config.cores.brain)
        notifier.notify("READY=1\nSTATUS=running")
        log.info("started", pid=os.getpid(), symbols=len(config.braind.symbols), model=config.braind.model)
        loop.run(lambda: not stopped())
        notifier.notify("STOPPING=1")
    log.info("stopped", **{count.name.lower(): int(brain.counts[count]) for count in _TOLD})
    return EXIT_CLEAN


def make_brain(config: Config, braind: Braind, metrics: Metrics) -> Brain:
    """Strategy and model as configured. Raises StrategyError, PackageError, ModelError."""
    torch.set_num_threads(1)
    strategy_class = find_strategy(braind.strategy)
    manifest, binary = load(Path(braind.model), strategy_class.features, str(torch.__version__))
    return Brain(
        FeatureState.unresolved(len(braind.symbols), config.feedd.capacity.instruments),
        NativeModel(binary, len(manifest.features)),
        strategy_class(braind, manifest),
        braind.accept_partial_books,
        braind.decision_interval_us,
        metrics.histogram_addresses,
    )


def _prepare_thread(core: int) -> None:
    """The loop's thread on its core, and a collector that stays away from it."""
    if core >= 0:
        try:
            os.sched_setaffinity(0, {core})
        except OSError as error:
            raise ConfigError("cores.brain", f"core {core} can not be used here: {error.strerror}") from error
    gc.collect()
    gc.freeze()
    gc.disable()


def _stop_on_signals() -> Callable[[], bool]:
    stop = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return lambda: stop


def _logger() -> structlog.stdlib.BoundLogger:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    log: structlog.stdlib.BoundLogger = structlog.get_logger(daemon="braind")
    return log


def _refuse(log: structlog.stdlib.BoundLogger, code: int, error: Exception) -> int:
    log.error("refused to start", reason=str(error))
    return code


if __name__ == "__main__":
    sys.exit(main())
