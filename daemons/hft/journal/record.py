"""`hft record`: the rings of a run into a journal, until SIGTERM or SIGINT.

It reads shared memory and writes files; nobody waits for it, and what it is too slow for is recorded as lost.
Start order is free, restarts of the daemons are followed. A journal that is there already is continued.

Exit codes: 0 told to stop; 3 the limit is reached and --when-full is stop; 71 the system refused (a region of another
build); 73 the directory can not be used; 74 the disk refused (what was accepted before is good); 75 another
recorder runs for this run directory; 78 configuration.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import sdnotify  # type: ignore[import-untyped]
import structlog

from hft.config import Config, ConfigError, load
from hft.journal.errors import JournalBroken, JournalError, JournalFull
from hft.journal.recorder import Options, Recorder
from hft.journal.stats import RecorderStats
from hft.journal.writer import Limits
from hft.log import logger
from hft.regions import AlreadyRunning, DaemonLock, RegionError
from hft.signals import stop_on_signals

EXIT_CLEAN, EXIT_FULL = 0, 3
EXIT_SYSTEM, EXIT_DIRECTORY, EXIT_DISK, EXIT_ALREADY_RUNNING, EXIT_CONFIG = 71, 73, 74, 75, 78

SEGMENT_BYTES_MIN = 1 << 20
# Few large blocks rather than many small ones: what waits is safe in its ring, which is looked at more often.
PASS_INTERVAL_S = 0.05
LOOK_INTERVAL_S = 0.002
STATUS_INTERVAL_S = 1.0
# At the end the rings are read until they give nothing, or for this long.
DRAIN_S_MAX = 2.0
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size(text: str) -> int:
    """Bytes of "256M", "16G", "1000000". Raises ValueError (argparse then names the option)."""
    match = re.fullmatch(r"(\d+)([KMGT]?)", text)
    if not match:
        raise ValueError(text)
    return int(match[1]) * _UNITS[match[2]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (__doc__ or "").split("\n\n", 1)[1]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", type=Path, required=True, help="the suite's configuration (hft.toml)")
    parser.add_argument("--directory", type=Path, required=True, metavar="DIR", help="where the journal goes")
    parser.add_argument(
        "--segment-bytes",
        type=size,
        default="256M",
        metavar="N",
        help="of one file (%(default)s, at least 1M)",
    )
    parser.add_argument(
        "--max-bytes", type=size, default="16G", metavar="N",
        help="of all files together (%(default)s, at least two segments)",
    )  # fmt: skip
    parser.add_argument(
        "--when-full", choices=("drop-oldest", "stop"), default="drop-oldest",
        help="at that limit: the oldest segment goes, or recording ends (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--sync-interval-ms", type=int, default=1000, metavar="MS",
        help="fsync at most this long after a write (%(default)s, 0 = after every pass)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """See the module's text for the exit code."""
    log = logger("recorder")
    if problem := _problem_with(arguments):
        print(f"hft record: {problem}", file=sys.stderr)
        return 2
    limits = Limits(
        arguments.segment_bytes, arguments.max_bytes, arguments.when_full,
        arguments.sync_interval_ms * 1_000_000,
    )  # fmt: skip
    try:
        return _record(load(arguments.config), arguments.directory, limits, log)
    except (ConfigError, JournalError, RegionError, OSError) as error:
        return _refuse(log, error)


# First match wins.
_EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (AlreadyRunning, EXIT_ALREADY_RUNNING),
    (ConfigError, EXIT_CONFIG),
    (JournalFull, EXIT_FULL),
    (JournalBroken, EXIT_DISK),
    (JournalError, EXIT_DIRECTORY),
    (Exception, EXIT_SYSTEM),
)


def _problem_with(arguments: argparse.Namespace) -> str:
    if arguments.segment_bytes < SEGMENT_BYTES_MIN:
        return f"--segment-bytes {arguments.segment_bytes}: at least {SEGMENT_BYTES_MIN}"
    if arguments.max_bytes < 2 * arguments.segment_bytes:
        return f"--max-bytes {arguments.max_bytes}: at least two segments (2 x {arguments.segment_bytes})"
    if arguments.sync_interval_ms < 0:
        return f"--sync-interval-ms {arguments.sync_interval_ms}: at least 0"
    return ""


def _record(config: Config, directory: Path, limits: Limits, log: structlog.stdlib.BoundLogger) -> int:
    stopped = stop_on_signals()
    notifier = sdnotify.SystemdNotifier()
    if notifier.socket is not None:
        notifier.socket.setblocking(False)  # a status that nobody reads is not waited for
    run_directory = Path(config.run.directory)
    run_directory.mkdir(mode=0o750, exist_ok=True)
    if config.cores.housekeeping:
        with contextlib.suppress(OSError):  # fewer cores here than the file says: run anywhere
            os.sched_setaffinity(0, config.cores.housekeeping)
    with DaemonLock(str(run_directory / "recorder")):
        stats = RecorderStats(str(run_directory / "recorder" / "stats"), config.run.huge_pages == "require")
        recorder = Recorder(
            Options(run_directory, directory, limits), stats, lambda event, fields: log.info(event, **fields)
        )
        log.info(
            "recording", directory=str(directory), limit_bytes=limits.max_bytes, when_full=limits.when_full,
            continues_blocks=recorder.continues_blocks,
        )  # fmt: skip
        notifier.notify("READY=1\nSTATUS=" + _status(recorder, limits))
        with contextlib.closing(recorder):
            try:
                _passes(recorder, limits, stopped, notifier)
            except JournalError as error:
                notifier.notify(f"STATUS=recording has ended: {error}")
                raise
            notifier.notify("STOPPING=1")
    log.info("stopped", bytes=recorder.total_bytes)
    return EXIT_CLEAN


def _passes(
    recorder: Recorder, limits: Limits, stopped: Callable[[], bool], notifier: sdnotify.SystemdNotifier
) -> None:
    """Until told to stop, and then to the end of the rings. Raises what `do_pass` does."""
    next_status = drain_end = 0.0
    while True:
        work = recorder.do_pass()
        now = time.monotonic()
        if stopped():
            drain_end = drain_end or now + DRAIN_S_MAX
            if work == 0 or now > drain_end:
                return
        else:
            if now >= next_status:
                next_status = now + STATUS_INTERVAL_S
                notifier.notify("WATCHDOG=1\nSTATUS=" + _status(recorder, limits))  # after a pass to its end
            next_pass = now + PASS_INTERVAL_S
            while not (stopped() or recorder.pressed()) and time.monotonic() < next_pass:
                time.sleep(LOOK_INTERVAL_S)


def _status(recorder: Recorder, limits: Limits) -> str:
    return (
        f"{recorder.total_bytes / 1e6:,.1f} MB of {limits.max_bytes / 1e6:,.0f} MB, "
        f"then {'the oldest goes' if limits.when_full == 'drop-oldest' else 'recording ends'}"
    )


def _refuse(log: structlog.stdlib.BoundLogger, error: Exception) -> int:
    log.error("recording failed", reason=str(error))
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
