"""The monitor's numbers, in nanoseconds, out of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from hft.config import Config

_MS = 1_000_000


@dataclass(frozen=True)
class Settings:
    """See deploy/hft.toml, section [watchd]."""

    pass_interval_ns: int = 10 * _MS
    lease_ns: int = 100 * _MS
    deadline_ns: int = 30 * _MS
    stall_deadline_ns: int = 300 * _MS
    heartbeat_deadline_ns: int = 300 * _MS
    warmup_deadline_ns: int = 300_000 * _MS
    drain_deadline_ns: int = 2000 * _MS
    # A SIGKILLed process that is still there after this long (uninterruptible sleep) is reported, not awaited.
    death_deadline_ns: int = 1000 * _MS
    # An opened fence that the gateway does not report by then is one it does not obey. Never shorter than a silence of
    # its loop may be.
    echo_deadline_ns: int = 200 * _MS
    save_retry_ns: int = 1000 * _MS
    cancel_deadline_ns: int = (
        2000 * _MS
    )  # of `cancel-all` and `limits set`: how long the gateway is waited for
    flatten_deadline_ns: int = 5000 * _MS
    disagree_ns: int = 100 * _MS  # a difference between two ledgers that lasts this long is one
    venue: bool = False  # one is configured: there can be orders
    observe: bool = False
    arm_on_start: bool = False

    @classmethod
    def of(cls, config: Config) -> Settings:
        watchd = config.watchd
        asked = watchd.arm_on_start
        return cls(
            pass_interval_ns=watchd.pass_interval_ms * _MS,
            lease_ns=watchd.lease_ms * _MS,
            deadline_ns=watchd.deadline_ms * _MS,
            stall_deadline_ns=watchd.stall_deadline_ms * _MS,
            heartbeat_deadline_ns=watchd.heartbeat_deadline_ms * _MS,
            warmup_deadline_ns=int(watchd.warmup_deadline_s * 1e9),
            drain_deadline_ns=watchd.drain_deadline_ms * _MS,
            echo_deadline_ns=max(cls.echo_deadline_ns, watchd.deadline_ms * _MS),
            venue=bool(config.feedd.gateway.venue),
            observe=config.run.mode == "observe",
            arm_on_start=config.run.mode == "paper" if asked is None else asked,
        )
