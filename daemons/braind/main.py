"""braind: features, model and policy on the market ring of shared memory; emits order intents.

Exit codes (as feedd's): 0 clean, 2 usage, 71 the system refused (memory, region), 75 another braind runs in
this directory, 78 configuration, model package or strategy (the message names the key or the file).

With --replay it is no daemon: it repeats a recorded run (braind/replay). Exit codes then: 0 identical, 1 different
(the first difference is shown), 2 usage, 3 it can not be repeated (the message says why).
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import sdnotify  # type: ignore[import-untyped]
import structlog
from numba.core.errors import NumbaError

from braind.assembly import assemble
from braind.brain import Brain
from braind.checkpoint import Checkpoints
from braind.controls import Controls
from braind.counts import Count
from braind.feed import FeedMapper
from braind.identity import hash_of, publish
from braind.inputs import Inputs
from braind.instruments import Instruments
from braind.loop import Loop, Outlets, Report
from braind.memory import collapse_private_memory
from braind.metrics import Metrics
from braind.model.inference import ModelError
from braind.model.libtorch import LibtorchError
from braind.model.package import PackageError
from braind.pin import Pin
from braind.policy import StrategyError
from braind.rehearsal import rehearse
from braind.replay import command as replay_command
from hft.config import Braind, Config, ConfigError
from hft.config import load as load_config
from hft.log import logger
from hft.regions import AlreadyRunning, DaemonLock, Region, RegionError
from hft.signals import stop_on_signals

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
    parser.add_argument("--config", type=Path, help="the suite's configuration (hft.toml)")
    replay_command.add_arguments(parser)
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return replay_command.run(options)
    if options.config is None:
        parser.error("the following arguments are required: --config (or --replay)")
    log = logger("braind")
    try:
        return run(load_config(options.config), log)
    except AlreadyRunning as error:
        return _refuse(log, EXIT_ALREADY_RUNNING, error)
    except (ConfigError, PackageError, StrategyError) as error:
        return _refuse(log, EXIT_BAD_CONFIG, error)
    except (RegionError, ModelError, LibtorchError, OSError) as error:
        return _refuse(log, EXIT_SYSTEM, error)


def run(config: Config, log: structlog.stdlib.BoundLogger) -> int:
    """Warm-up, then the loop until SIGTERM or SIGINT. Raises what `main` turns into exit codes."""
    if config.braind is None:
        raise ConfigError("braind", "missing, braind can not run without it")
    stopped = stop_on_signals()
    directory = Path(config.run.directory)
    directory.mkdir(mode=0o750, exist_ok=True)
    notifier = sdnotify.SystemdNotifier()
    if notifier.socket is not None:
        notifier.socket.setblocking(
            False
        )  # the loop tells its status: a manager that does not listen is not waited for
    with DaemonLock(str(directory / "braind")):
        notifier.notify("STATUS=warming up")
        controls = Controls(directory, config.run.huge_pages == "require")
        controls.connect(config.run)
        told = Told(log, notifier)
        pin = Pin(config.cores.brain)
        daemon = _made(config, config.braind, Around(controls, pin, told.report))
        pin.take()
        _keep_collector_away()
        log.info("private memory collapsed", huge_pages=collapse_private_memory())
        notifier.notify("READY=1\n" + told.status())
        log.info("started", pid=os.getpid(), symbols=len(config.braind.symbols), model=config.braind.model)
        told.ready = True
        daemon.loop.run(lambda: not stopped())
        notifier.notify("STOPPING=1\nSTATUS=draining")
        daemon.loop.finish()
        controls.close()
    log.info("stopped", **{count.name.lower(): int(daemon.brain.counts[count]) for count in _TOLD})
    return EXIT_CLEAN


class Told:
    """What the loop reports, once in a while: into the log, and as one line for `systemctl status`."""

    def __init__(self, log: structlog.stdlib.BoundLogger, notifier: sdnotify.SystemdNotifier) -> None:
        self.ready = False
        self._log, self._notifier = log, notifier
        self._feed, self._fence, self._veto = "waiting for feedd's feed", "observing: there is no fence", ""

    def report(self, event: str, fields: dict[str, object]) -> None:
        """The Report of braind.loop."""
        self._log.info(event, **fields)
        if event == "fence":
            self._fence = str(fields["status"])
        elif event == "feed mapped":
            self._feed = "following the feed"
        elif event == "feed ended":
            self._feed = "waiting for feedd's feed"
        elif event.startswith("vetoed"):
            self._veto = f"; vetoes itself ({fields['reason']}): nothing is sent until it is restarted"
        else:
            return
        if self.ready:
            self._notifier.notify(self.status())

    def status(self) -> str:
        return f"STATUS={self._fence}; {self._feed}{self._veto}"


@dataclass(frozen=True)
class _Daemon:
    loop: Loop
    brain: Brain
    identity: Region  # mapped for as long as it is to be read


class Around(NamedTuple):
    """What the loop is made with, beside its regions."""

    controls: Controls
    pin: Pin
    report: Report


def _rehearsed(brain: Brain) -> str:
    """What the compiler says against it, "" = nothing. As text: its error holds on to everything it has seen."""
    try:
        rehearse(brain)
    except NumbaError as error:
        return str(error)
    return ""


def _made(config: Config, braind: Braind, around: Around) -> _Daemon:
    """All regions of `<run>/braind`, and the loop, rehearsed."""
    directory, huge = Path(config.run.directory), config.run.huge_pages == "require"
    folder = directory / "braind"
    traded = {
        symbol: row
        for row, symbol in enumerate(braind.symbols)
        if config.feedd.gateway.venue and symbol in config.risk.symbols
    }
    metrics = Metrics(str(folder / "stats"), huge, traded)
    assembled = assemble(
        braind, config.feedd.capacity.instruments, metrics.histogram_addresses, around.controls.addresses
    )
    brain, document = assembled.brain, assembled.identity.encoded()
    if problem := _rehearsed(brain):
        raise StrategyError(f"braind.strategy {braind.strategy}: its policy does not compile: {problem}")
    inputs = Inputs(str(folder / "inputs.ring"), braind.inputs_ring_records, huge, brain.counts)
    checkpoints = Checkpoints(
        str(folder / "checkpoint"), brain, hash_of(document), braind.checkpoint_interval_records, huge
    )
    loop = Loop(
        brain,
        Instruments(braind.symbols, brain.name),
        FeedMapper(directory, braind.intents_ring_records, huge),
        Outlets(metrics, around.controls, inputs, checkpoints, around.report),
        around.pin,
        braind.idle,
    )
    return _Daemon(loop, brain, publish(str(folder / "identity"), document, inputs.generation, huge))


def _keep_collector_away() -> None:
    """From the loop: it would stop it at any time for as long as it likes."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _refuse(log: structlog.stdlib.BoundLogger, code: int, error: Exception) -> int:
    log.error("refused to start", reason=str(error))
    return code


if __name__ == "__main__":
    sys.exit(main())
