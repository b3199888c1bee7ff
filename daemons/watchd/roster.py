"""Who is registered, and what each of them has shown so far (liveness.py): the monitor's roster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watchd.actions import DaemonName, Forget, SigKill
from watchd.liveness import DaemonTrack
from watchd.states import is_kill
from watchd.view import DaemonLook, View

if TYPE_CHECKING:
    from watchd.monitor import Monitor

DAEMONS: Final[tuple[DaemonName, ...]] = ("feedd", "braind")


class Roster:
    """One track a daemon, from its registration until its corpse is of no use any more."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.tracks: dict[str, DaemonTrack] = {}

    def look(self, view: View, elapsed_ns: int) -> None:
        """Each pass. `elapsed_ns`: since the last one, as far as it counts against the daemons."""
        for name in DAEMONS:
            look: DaemonLook | None = getattr(view, name)
            if look is not None:
                self._track(name, look).look(look, elapsed_ns)

    def due_in_ns(self) -> int | None:
        """When the next look is worth having: the moment at which a silence becomes a miss. None: at the next pass."""
        settings = self._monitor.settings
        dues = (
            loop.due_in_ns(settings) for track in self.tracks.values() if track.alive for loop in track.loops
        )
        return min((due for due in dues if due is not None), default=None)

    def forget_dead(self) -> None:
        """Not while last words may still be needed: a drained gateway's, above all."""
        for name in DAEMONS:
            track = self.tracks.get(name)
            if track is not None and not track.alive:
                del self.tracks[name]
                self._monitor.note("gone", daemon=name, pid=track.pid, orderly=track.leaving)
                self._monitor.act(Forget(name))

    def _track(self, name: DaemonName, look: DaemonLook) -> DaemonTrack:
        track = self.tracks.get(name)
        if track is None or not track.is_of(look):
            track = self.tracks[name] = DaemonTrack.of(name, look)
            self._monitor.note("registered", daemon=name, pid=look.pid, generation=look.generation)
            if name == "braind" and self._outlived_a_kill(look):
                self._monitor.note("zombie_killed", durable=True, daemon=name, pid=look.pid)
                self._monitor.act(SigKill("braind"))
        return track

    def _outlived_a_kill(self, look: DaemonLook) -> bool:
        """A braind that was there, unregistered, when the suite was killed (or its watchd died armed)."""
        kill = self._monitor.kill
        return kill is not None and is_kill(kill.reason) and look.start_ts_ns < kill.started_ns
