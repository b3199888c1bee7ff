"""What day to generate. A DayConfig is checked when made and frozen."""

from dataclasses import dataclass

SECOND_NS = 1_000_000_000
REGULAR_SESSION_S = 23_400.0
INSTRUMENTS_MAX = 10_000
DEFAULT_DURATION_S = 30.0
DEFAULT_RATE_PER_INSTRUMENT = 400.0
PREOPEN_ORDERS = 48
"""Orders in an instrument's book before the opening cross."""


class DayConfigError(ValueError):
    """A value that cannot be used: `field` names it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


@dataclass(frozen=True)
class DayConfig:
    """A generated trading day.

    Of `messages` (exact number in the whole day), `duration_s` (of the session after the open) and
    `messages_per_second` (mean in the session) at most two may be given: the third follows. With none, 30
    seconds at 400 messages/s an instrument. With `messages` the session ends when they are used up, near
    the duration that follows; without, it ends on time.

    `open_ns` is nanoseconds since New York midnight. `signal` scales the planted signal (0 plants none),
    `pressure_s` is its time constant. `pure_mix` leaves out everything but the start messages, the
    directory, the first orders and the regular-session flow, for throughput measurements.
    """

    seed: int = 1
    instruments: int = 50
    messages: int | None = None
    duration_s: float | None = None
    messages_per_second: float | None = None
    open_ns: int = (9 * 60 + 30) * 60 * SECOND_NS
    signal: float = 1.0
    pressure_s: float = 0.8
    pure_mix: bool = False

    def __post_init__(self) -> None:
        self._require("seed", 0 <= self.seed < 1 << 63, "must be from 0 to 2^63 - 1")
        within = 1 <= self.instruments <= INSTRUMENTS_MAX
        self._require("instruments", within, f"must be from 1 to {INSTRUMENTS_MAX}")
        rate = self.messages_per_second
        self._require("messages_per_second", rate is None or 0 < rate <= 1e9, "must be above 0, at most 1e9")
        given = (self.messages, self.duration_s, rate)
        self._require("messages_per_second", None in given, "messages and duration are given already")
        self._require("signal", 0.0 <= self.signal <= 1.0, "must be from 0 to 1")
        self._require("pressure_s", 0.001 <= self.pressure_s <= 3600.0, "must be from 0.001 to 3600 seconds")
        self._require("open_ns", 3600 * SECOND_NS <= self.open_ns <= 57_600 * SECOND_NS, "must be 1 to 16 h")
        self._require("messages", self.messages is None or self.messages > 0, "must be above 0")
        length_s = self.session_s
        field = "messages" if self.duration_s is None else "duration_s"
        reason = f"a session of {length_s:.6g} s is not above 0 and at most {REGULAR_SESSION_S:.0f}"
        self._require(field, 0 < length_s <= REGULAR_SESSION_S, reason)

    def _require(self, field: str, holds: bool, reason: str) -> None:
        if not holds:
            raise DayConfigError(field, reason)

    @property
    def session_s(self) -> float:
        """Length of the session in seconds, expected when `messages` ends it."""
        if self.duration_s is not None:
            return self.duration_s
        return DEFAULT_DURATION_S if self.messages is None else self.messages / self.rate_per_s

    @property
    def rate_per_s(self) -> float:
        """Mean messages a second in the session, all instruments together."""
        if self.messages_per_second is not None:
            return self.messages_per_second
        if self.messages is not None and self.duration_s is not None:
            return self.messages / self.duration_s
        return DEFAULT_RATE_PER_INSTRUMENT * self.instruments
