"""Why an armed suite must be closed or killed now: each rule a function of what is seen, the first verdict counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hft.layout.dtypes import CloseReason, VenueSession
from watchd.limits import PRICE_UNITS
from watchd.liveness import DaemonTrack
from watchd.settings import Settings
from watchd.view import OperatorVeto, View

BY_WATCHD = "watchd"
# A client of `watchd ctl kill` sends its request and then sets the veto: within this time the two are one kill.
VETO_FOLLOWS_NS = 1_000_000_000
# With the session up, a gateway that reconciles at all has done so long before.
DOUBT_NS = 1_000_000_000
_NO_VETO = -1


@dataclass(frozen=True)
class Verdict:
    """`reason` (CloseReason) says whether it is a kill; `culprit`: the daemon that must die for it, "" = none."""

    reason: int
    detail: str
    culprit: str = ""
    by: str = BY_WATCHD
    uid: int = 0


@dataclass(frozen=True)
class Armed:
    """What the fence was opened for, and when: in time that watchd was looking (Monitor.observed_ns)."""

    epoch: int
    gateway_generation: int
    intents_generation: int
    token: int
    opened_observed_ns: int


def missed(tracks: Mapping[str, DaemonTrack], settings: Settings) -> Verdict | None:
    """A deadline that a registered daemon has missed, armed or not."""
    for track in tracks.values():
        miss = track.miss(settings)
        if miss is not None:
            return Verdict(miss.reason, miss.detail, miss.daemon)
    return None


def armed_verdict(
    view: View,
    tracks: Mapping[str, DaemonTrack],
    armed: Armed,
    lease_deadline_ns: int,
    settings: Settings,
    *,
    observed_ns: int,
    stopping: bool,
    loss_max_value: int = 0,
) -> Verdict | None:
    """None while everything is as it was when the fence was opened."""
    verdict = _of_daemons(tracks) or _of_vetoes(view) or loss(view, loss_max_value)
    verdict = verdict or _of_lease(view, armed, lease_deadline_ns)
    if verdict is not None:
        return verdict
    if problem := _mismatch(view, armed, observed_ns - armed.opened_observed_ns >= settings.echo_deadline_ns):
        return Verdict(int(CloseReason.GATEWAY_MISMATCH), problem)
    return Verdict(int(CloseReason.STOPPED), "watchd stops") if stopping else None


def _of_daemons(tracks: Mapping[str, DaemonTrack]) -> Verdict | None:
    for name in ("feedd", "braind"):
        track = tracks.get(name)
        if track is not None and track.leaving:
            return Verdict(int(CloseReason.DISARMED), f"{name} stops")
        if track is None or not track.alive:
            return Verdict(int(CloseReason.PROCESS_DIED), f"{name} ended without saying so", name)
    return None


def _of_vetoes(view: View) -> Verdict | None:
    if not view.braind_veto:
        return None
    return Verdict(int(CloseReason.BRAIND_VETO), f"veto reason {view.braind_veto}", "braind")


def loss(view: View, loss_max_value: int) -> Verdict | None:
    """By watchd's own count of the fills; neither braind nor the gateway is asked."""
    if view.tally is None or not -view.tally.marked_value > loss_max_value:
        return None
    lost, allowed = -view.tally.marked_value / PRICE_UNITS, loss_max_value / PRICE_UNITS
    return Verdict(
        int(CloseReason.LOSS_LIMIT), f"lost {lost:,.2f} by watchd's count, loss_max is {allowed:,.0f}"
    )


def disagreement(view: View) -> Verdict | None:
    """Armed or not: one of the two counts is wrong."""
    if view.tally is None or not view.tally.disagreement:
        return None
    return Verdict(int(CloseReason.LEDGERS_DISAGREE), view.tally.disagreement)


def sent_after_close(view: View) -> Verdict | None:
    """Armed or not: a gateway that sends while it may not is no gateway."""
    if view.gateway is None or not view.gateway.sent_after_close:
        return None
    detail = f"the gateway sent {view.gateway.sent_after_close} orders that it began to look at with the fence closed"
    return Verdict(int(CloseReason.SENT_AFTER_CLOSE), detail, "feedd")


def _of_lease(view: View, armed: Armed, lease_deadline_ns: int) -> Verdict | None:
    if view.gateway is not None and view.gateway.epoch_latched == armed.epoch:
        return Verdict(int(CloseReason.LEASE_LAPSED), "the gateway latched the epoch")
    if view.now_ns >= lease_deadline_ns:
        return Verdict(int(CloseReason.LEASE_LAPSED), "the lease ran out between two passes")
    return None


def _mismatch(view: View, armed: Armed, echo_is_due: bool) -> str:
    gateway = view.gateway
    if gateway is None or gateway.generation != armed.gateway_generation:
        return "gateway.state is not the one that was armed"
    if not gateway.intents_generation == view.intents_generation == armed.intents_generation:
        return "the intents queue is not the one that was armed"
    unseen = echo_is_due and gateway.fence_token_seen != armed.token
    return "the gateway does not see the armed token" if unseen else ""


class Doubt:
    """A gateway that lost track of its account while its session is up: somebody else's orders, fills of nothing known.

    It refuses new orders by then, but what rests stays until the fence closes, and no count of positions is right.
    """

    def __init__(self) -> None:
        self._since_ns = 0

    def look(self, view: View) -> Verdict | None:
        """The kill it is worth, once it has lasted."""
        gateway = view.gateway
        if gateway is None or gateway.reconciled or gateway.venue_session != int(VenueSession.UP):
            self._since_ns = 0
            return None
        self._since_ns = self._since_ns or view.now_ns
        if view.now_ns - self._since_ns < DOUBT_NS:
            return None
        return Verdict(
            int(CloseReason.LEDGERS_DISAGREE), "the gateway has lost track of its account at the venue"
        )


class OperatorWatch:
    """The operator's veto is a kill, once for each time it was set.

    One that a served `kill` request brought along is that kill; one found set at the start of a killed suite is old.
    """

    def __init__(self) -> None:
        self._seen_ts_ns = _NO_VETO
        self._request = (0, 0)  # pid and time of a kill whose client's veto has not been seen yet

    def served(self, pid: int, now_ns: int) -> None:
        """A kill request of this client was taken."""
        self._request = (pid, now_ns)

    def look(self, operator: OperatorVeto, now_ns: int, *, old: bool) -> Verdict | None:
        """The kill it asks for, if it does."""
        if not operator.word:
            self._seen_ts_ns = _NO_VETO
            return None
        if operator.set_ts_ns == self._seen_ts_ns:
            return None
        self._seen_ts_ns = operator.set_ts_ns
        pid, asked_ns = self._request
        self._request = (0, 0)
        if old or (pid != 0 and pid == operator.pid and now_ns - asked_ns < VETO_FOLLOWS_NS):
            return None
        detail = f"operator/veto set by pid {operator.pid}"
        return Verdict(int(CloseReason.OPERATOR_VETO), detail, by=f"uid {operator.uid}", uid=operator.uid)
