"""One form of log for the Python daemons: a JSON object a line on standard error, as feedd writes it."""

from __future__ import annotations

import sys

import structlog


def logger(daemon: str) -> structlog.stdlib.BoundLogger:
    """Configures structlog for this process and returns its logger. Mains log, libraries return."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    log: structlog.stdlib.BoundLogger = structlog.get_logger(daemon=daemon)
    return log
