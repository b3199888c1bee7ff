"""watchd exporter: the suite's statistics, fence, states and vetoes as Prometheus text over HTTP; reads only.

Exit codes: 0 clean end, 2 usage, 71 the system refused (address in use or not ours), 78 configuration.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import sdnotify  # type: ignore[import-untyped]
import structlog
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from hft.config import ConfigError, load
from hft.log import logger
from watchd.exporter.collector import SuiteCollector
from watchd.exporter.server import MetricsServer
from watchd.exporter.sources import Sources

EXIT_CLEAN, EXIT_SYSTEM, EXIT_BAD_CONFIG = 0, 71, 78
DEFAULT_CONFIG = Path("/etc/hft/hft.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `watchd exporter`; `arguments` follow that word."""
    options = _parser().parse_args(arguments)
    log = logger("watchd-exporter")
    try:
        config = load(options.config)
        registry = CollectorRegistry()
        registry.register(SuiteCollector(Sources(config), _teller(log)))
        if options.once:
            sys.stdout.buffer.write(generate_latest(registry))
            return EXIT_CLEAN
        address, port = options.listen or _endpoint(config.watchd.exporter.listen)
        return serve(address, port, registry, log)
    except ConfigError as error:
        return _refuse(log, EXIT_BAD_CONFIG, str(error))


def serve(address: str, port: int, registry: CollectorRegistry, log: structlog.stdlib.BoundLogger) -> int:
    """Serves until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    notifier = sdnotify.SystemdNotifier()
    try:
        server = MetricsServer(address, port, registry, lambda: notifier.notify("WATCHDOG=1"))
    except OSError as error:
        return _refuse(log, EXIT_SYSTEM, f"can not listen on {address}:{port}: {error.strerror}")
    with server:
        where = f"{address}:{server.server_port}"
        log.info("started", pid=os.getpid(), listen=where)
        notifier.notify(f"READY=1\nSTATUS=serving http://{where}/metrics")  # it listens since it was made
        thread = threading.Thread(target=server.serve_forever, name="hft-exporter-http")
        thread.start()
        stop.wait()
        notifier.notify("STOPPING=1")
        server.shutdown()
        thread.join()
    log.info("stopped")
    return EXIT_CLEAN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watchd exporter",
        description=(__doc__ or "").splitlines()[0],
        epilog=(__doc__ or "").split("\n\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, help="the suite's configuration (default %(default)s)"
    )
    parser.add_argument(
        "--listen", type=_endpoint, metavar="ADDRESS:PORT",
        help="instead of [watchd.exporter] listen; port 0: any free one, the log says which",
    )  # fmt: skip
    parser.add_argument("--once", action="store_true", help="print one scrape to standard output and end")
    return parser


def _endpoint(text: str) -> tuple[str, int]:
    """`127.0.0.1:9482` in parts. Raises argparse.ArgumentTypeError."""
    address, _, port = text.partition(":")
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        address = ""
    if not address or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or int(port) > 65535:
        raise argparse.ArgumentTypeError(f'"{text}" is not address:port')
    return address, int(port)


def _teller(log: structlog.stdlib.BoundLogger) -> Callable[[str, str], None]:
    """Logs a source's problem when it changes, not at every scrape."""

    def tell(source: str, problem: str) -> None:
        if problem:
            log.warning("source unusable", source=source, problem=problem)
        else:
            log.info("source usable again", source=source)

    return tell


def _refuse(log: structlog.stdlib.BoundLogger, code: int, reason: str) -> int:
    log.error("refused to start", reason=reason)
    return code


if __name__ == "__main__":
    sys.exit(main())
