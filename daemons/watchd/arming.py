"""What stands between `disarmed` and an open fence: every reason, in words, so that one look tells all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hft.layout.dtypes import VenueSession
from watchd.liveness import READY, DaemonTrack
from watchd.settings import Settings
from watchd.states import Phase
from watchd.verdicts import disagreement, loss
from watchd.view import GatewayLook, View

OPERATOR_VETO_SEEN = 1  # bit of GatewayState.veto_seen
_UP, _SESSIONS = int(VenueSession.UP), frozenset(map(int, VenueSession))
_STATE_NAMES = ("nothing", "warming up", "ready", "draining", "stopped")


def blockers(
    view: View,
    tracks: Mapping[str, DaemonTrack],
    settings: Settings,
    phase: Phase,
    durable: bool,
    loss_max_value: int = 0,
) -> list[str]:
    """Why the fence can not be opened now; empty = it can."""
    return [
        *_blockers(view, tracks, settings, phase, durable),
        *(_order_blockers(view, settings, loss_max_value) if view.gateway is not None else ()),
    ]


def _blockers(
    view: View, tracks: Mapping[str, DaemonTrack], settings: Settings, phase: Phase, durable: bool
) -> Iterator[str]:
    if phase not in (Phase.DISARMED, Phase.ARMING, Phase.KILLED):
        yield f"the suite is {phase}"
        return
    if settings.observe:
        yield 'run.mode is "observe": nothing can be armed'
    if phase is Phase.KILLED:
        yield "killed: a person must clear it first (watchd ctl clear)"
    if not durable and phase is not Phase.ARMING:
        yield "the state file is not on the disk"
    if view.operator.word:
        yield "the operator's veto is set (watchd ctl clear takes it back)"
    for name in ("feedd", "braind"):
        yield from _daemon_blockers(name, tracks.get(name), settings)
    if view.braind_veto:
        yield f"braind vetoes (reason {view.braind_veto}): it must be restarted"
    yield from _gateway_blockers(view)


def _daemon_blockers(name: str, track: DaemonTrack | None, settings: Settings) -> Iterator[str]:
    if track is None or not track.alive:
        yield f"{name} is not registered"
        return
    for loop in track.loops:
        if loop.state != READY:
            state = _STATE_NAMES[loop.state] if loop.state < len(_STATE_NAMES) else f"in state {loop.state}"
            yield f"{name}/{loop.name} is {state}"
        elif loop.heartbeats == 0 or 2 * loop.heartbeatless_ns >= settings.heartbeat_deadline_ns:
            yield f"{name}/{loop.name} sends no heartbeats"


def _gateway_blockers(view: View) -> Iterator[str]:
    gateway: GatewayLook | None = view.gateway
    if gateway is None:
        yield "feedd's gateway.state can not be read"
        return
    if not view.intents_generation:
        yield "braind has no intents queue"
    elif gateway.intents_generation != view.intents_generation:
        yield "the gateway has not attached to braind's intents queue"
    if not gateway.reconciled:
        yield "the gateway has not reconciled"
    if gateway.open_orders:
        yield f"{gateway.open_orders} orders are open or unknown"
    if gateway.veto_seen & OPERATOR_VETO_SEEN and not view.operator.word:
        yield "the gateway does not see operator/veto yet"


def _order_blockers(view: View, settings: Settings, loss_max_value: int) -> Iterator[str]:
    gateway = view.gateway
    assert gateway is not None
    if settings.venue and gateway.venue_session != _UP:
        yield f"the venue session is {session_name(gateway.venue_session)}"
    if settings.venue and view.tally is None:
        yield "watchd can not count positions: feedd's updates.ring or gateway.positions can not be read"
    if gateway.sent_after_close:
        yield f"feedd sent {gateway.sent_after_close} orders after the fence was closed: it must be restarted"
    if (verdict := loss(view, loss_max_value) or disagreement(view)) is not None:
        yield verdict.detail


def session_name(session: int) -> str:
    """`VenueSession.LOGGING_IN` -> ``logging in``."""
    known = session in _SESSIONS
    return str(VenueSession(session).name.lower().replace("_", " ")) if known else f"in state {session}"
