"""One kill, step by step: each step is idempotent, has a deadline, and is written down with its time.

  fence closed → SIGKILL braind → the gateway drains → (not in time, or feedd itself is the culprit: SIGKILL feedd)

The fence is closed by the monitor before the first `advance`. What follows needs no answer from anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchd.actions import Action, DaemonName, SigKill
from watchd.liveness import DaemonTrack
from watchd.settings import Settings
from watchd.view import GatewayLook, View


@dataclass(slots=True)
class Kill:
    """`culprit`: the daemon whose miss it is, "" = none. `was_open`: the fence was open when it began."""

    reason: int
    detail: str
    by: str
    uid: int
    culprit: str
    started_ns: int
    wall_ns: int
    epoch: int
    was_open: bool
    blind: bool = False  # watchd has just started: a feedd that is not registered may be there all the same
    open_orders: int | None = None
    first: GatewayLook | None = None  # when it began
    last: GatewayLook | None = None  # of the same gateway, or of the first one seen
    closed_ns: int = 0  # of the fence; without one to close: when the kill began
    steps_ns: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.last, self.closed_ns = self.first, self.started_ns

    def advance(
        self, view: View, tracks: Mapping[str, DaemonTrack], settings: Settings
    ) -> tuple[list[Action], bool]:
        """What to do now, and whether every step is taken or given up."""
        actions: list[Action] = []
        if view.gateway is not None and (
            self.last is None or self.last.generation == view.gateway.generation
        ):
            self.last = view.gateway
        if self.was_open and view.fence_closed_ns >= self.started_ns:
            self.closed_ns = view.fence_closed_ns
        braind_over = self._end("braind", view, tracks, settings, actions)
        feedd_over = self._drain(view, tracks, settings, actions)
        return actions, braind_over and feedd_over

    def _note(self, step: str, view: View) -> None:
        self.steps_ns.setdefault(step, view.now_ns - self.started_ns)

    def _end(
        self,
        name: DaemonName,
        view: View,
        tracks: Mapping[str, DaemonTrack],
        settings: Settings,
        actions: list[Action],
    ) -> bool:
        """SIGKILL once, then wait for the pidfd. True when it is over."""
        track = self._condemned(name, tracks)
        signalled = f"{name}_signalled"
        if track is None or not track.alive:
            self._note(f"{name}_dead" if signalled in self.steps_ns else f"{name}_was_gone", view)
            return True
        if signalled not in self.steps_ns:
            self._note(signalled, view)
            actions.append(SigKill(name))
            return False
        if view.now_ns - self.started_ns - self.steps_ns[signalled] < settings.death_deadline_ns:
            return False
        self._note(f"{name}_does_not_die", view)
        return True

    def _drain(
        self, view: View, tracks: Mapping[str, DaemonTrack], settings: Settings, actions: list[Action]
    ) -> bool:
        feedd = self._condemned("feedd", tracks)
        if feedd is None and self.blind and not self._is_late(view, settings):
            return False
        if feedd is None or not feedd.alive:
            return self._end("feedd", view, tracks, settings, actions)
        if view.gateway is not None:
            self.open_orders = view.gateway.open_orders
            # The view of the pass that closed the fence is older than the closing and proves nothing.
            if view.now_ns > self.started_ns and self._is_drained(view.gateway):
                self._note("drained", view)
        if "drained" in self.steps_ns and self.culprit != "feedd":
            return True
        if "drained" in self.steps_ns or self._is_late(view, settings):
            if "drained" not in self.steps_ns:
                self._note("drain_deadline", view)
            return self._end("feedd", view, tracks, settings, actions)
        return False

    def _condemned(self, name: DaemonName, tracks: Mapping[str, DaemonTrack]) -> DaemonTrack | None:
        """Not one that a person has started since: a killed suite may be started."""
        track = tracks.get(name)
        return None if track is None or track.start_ts_ns > self.started_ns else track

    def _is_late(self, view: View, settings: Settings) -> bool:
        return view.now_ns - self.started_ns >= settings.drain_deadline_ns

    def _is_drained(self, gateway: GatewayLook) -> bool:
        """Without a fence to close no `drained` is due: then its count of open orders must be one to believe.

        While it reconciles, orders of an earlier life may rest that it does not know yet. Without a venue it always is.
        """
        closed = gateway.fence_open == 0 and gateway.open_orders == 0
        return closed and (gateway.drained == self.epoch if self.was_open else gateway.reconciled != 0)
