"""Is a daemon alive? Silence is counted only while watchd itself was looking.

Every pass adds the time since the last one to the silence of each loop that did not move, but never more than two
pass intervals: a pass that came late proves that watchd (or the machine) was stalled, not that the others were. So
watchd checks itself before it blames others, and still needs no more than deadline + two passes on a healthy
machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hft.layout.dtypes import CloseReason, LoopState
from watchd.settings import Settings
from watchd.view import DaemonLook, LoopLook

LOOP_NAMES = {"feedd": ("market", "gateway"), "braind": ("brain",)}

# Plain integers: enum members hash and compare slowly, and this runs in every pass.
WARMUP, READY = int(LoopState.WARMUP), int(LoopState.READY)
DRAINING, STOPPED = int(LoopState.DRAINING), int(LoopState.STOPPED)


@dataclass(frozen=True)
class Miss:
    """Why a daemon has to die."""

    reason: int  # CloseReason
    daemon: str
    detail: str


@dataclass(slots=True)
class LoopTrack:
    """One loop since its registration. Times in ns, counted as described above."""

    name: str
    state: int = 0
    iterations: int = -1
    consumed: int = -1
    offered: int = 0  # when `consumed` moved last
    heartbeats: int = 0
    in_state_ns: int = 0
    silent_ns: int = 0
    stalled_ns: int = 0
    heartbeatless_ns: int = 0
    was_ready: bool = False
    run_delay_ns: int = 0  # when the silence was first noticed
    waited_ns: int = 0  # of the silence, for a core

    def look(self, seen: LoopLook, observed_ns: int) -> None:
        if seen.state == self.state:
            self.in_state_ns += observed_ns
        else:
            self.state, self.in_state_ns = seen.state, 0
            self.silent_ns = self.stalled_ns = self.heartbeatless_ns = 0
            self.was_ready = self.was_ready or seen.state == READY
        if seen.iterations != self.iterations:
            self.iterations, self.silent_ns, self.run_delay_ns, self.waited_ns = seen.iterations, 0, 0, 0
        else:
            self.silent_ns += observed_ns
            self._blame(seen.run_delay_ns)
        if seen.consumed != self.consumed:
            self.consumed, self.offered, self.stalled_ns = seen.consumed, seen.offered, 0
        elif seen.offered <= self.offered:  # less: another queue, or nobody offers any more
            self.offered, self.stalled_ns = seen.offered, 0
        else:
            self.stalled_ns += observed_ns
        if seen.heartbeats != self.heartbeats:
            self.heartbeats, self.heartbeatless_ns = seen.heartbeats, 0
        else:
            self.heartbeatless_ns += observed_ns

    def _blame(self, run_delay_ns: int) -> None:
        """A starved loop is killed like a hung one, but people should look at the machine, not at the code."""
        if self.run_delay_ns == 0:
            self.run_delay_ns = run_delay_ns
        elif run_delay_ns > self.run_delay_ns:
            self.waited_ns = run_delay_ns - self.run_delay_ns

    def miss(self, settings: Settings) -> tuple[int, str] | None:
        """(CloseReason, detail) when this loop has missed a deadline of its state."""
        if self.state == READY:
            return self._ready_miss(settings)
        if self.state in (DRAINING, STOPPED):
            if self.in_state_ns >= settings.drain_deadline_ns:
                return int(
                    CloseReason.DRAIN_DEADLINE
                ), f"still there {_ms(self.in_state_ns)} after it began to stop"
            return None
        if self.was_ready:
            return int(CloseReason.LOOP_SILENT), f"left READY for state {self.state}"
        if self.in_state_ns >= settings.warmup_deadline_ns:
            return int(CloseReason.WARMUP_DEADLINE), f"not READY {_ms(self.in_state_ns)} after it registered"
        return None

    def due_in_ns(self, settings: Settings) -> int | None:
        """How long until this loop's silence would be a miss; None while it is not silent, and when it is one."""
        if self.state != READY or not 0 < self.silent_ns < settings.deadline_ns:
            return None
        return settings.deadline_ns - self.silent_ns

    def _ready_miss(self, settings: Settings) -> tuple[int, str] | None:
        if self.silent_ns >= settings.deadline_ns:
            waited = f", at least {_ms(self.waited_ns)} of it waiting for a core" if self.waited_ns else ""
            return int(CloseReason.LOOP_SILENT), f"no round for {_ms(self.silent_ns)}{waited}"
        if self.stalled_ns >= settings.stall_deadline_ns:
            return int(
                CloseReason.LOOP_STALLED
            ), f"consumed nothing of what is offered for {_ms(self.stalled_ns)}"
        if self.heartbeatless_ns >= settings.heartbeat_deadline_ns:
            return int(CloseReason.HEARTBEATS_LOST), f"no heartbeat for {_ms(self.heartbeatless_ns)}"
        return None


@dataclass(slots=True)
class DaemonTrack:
    """A registered daemon, until it is forgotten."""

    name: str
    pid: int
    generation: int
    start_ts_ns: int
    loops: tuple[LoopTrack, ...]
    unreadable_ns: int = 0
    alive: bool = True
    looks: list[LoopLook] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, look: DaemonLook) -> DaemonTrack:
        loops = tuple(LoopTrack(loop) for loop in LOOP_NAMES[name])
        return cls(name, look.pid, look.generation, look.start_ts_ns, loops)

    def is_of(self, look: DaemonLook) -> bool:
        return self.pid == look.pid and self.generation == look.generation

    def look(self, look: DaemonLook, observed_ns: int) -> None:
        self.alive = look.alive  # its last words are read all the same: an orderly end says DRAINING before
        if len(look.loops) != len(self.loops):
            self.unreadable_ns += observed_ns
            return
        self.unreadable_ns = 0
        for track, seen in zip(self.loops, look.loops, strict=True):
            track.look(seen, observed_ns)

    def miss(self, settings: Settings) -> Miss | None:
        """The first deadline that is missed, None while all is well."""
        if not self.alive:
            return None
        if self.unreadable_ns >= settings.deadline_ns:
            return Miss(
                int(CloseReason.LOOP_SILENT),
                self.name,
                f"its progress is unreadable for {_ms(self.unreadable_ns)}",
            )
        for loop in self.loops:
            missed = loop.miss(settings)
            if missed is not None:
                return Miss(missed[0], self.name, f"{self.name}/{loop.name}: {missed[1]}")
        return None

    @property
    def ready(self) -> bool:
        return self.alive and all(loop.state == READY for loop in self.loops)

    @property
    def leaving(self) -> bool:
        """It has said that it stops."""
        return any(loop.state in (DRAINING, STOPPED) for loop in self.loops)


def _ms(ns: int) -> str:
    return f"{ns / 1e6:.0f} ms"
