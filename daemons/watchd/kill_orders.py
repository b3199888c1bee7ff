"""What became of the orders in a kill: for the report, from the gateway's last words and watchd's own count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hft.layout.dtypes import CloseReason, VenueSession
from watchd.limits import PRICE_UNITS
from watchd.settings import Settings
from watchd.tally import TallyLook
from watchd.view import GatewayLook

if TYPE_CHECKING:
    from watchd.killing import Kill

_ENDED = (
    int(VenueSession.NONE),
    int(VenueSession.DOWN),
    int(VenueSession.LOGGED_OFF),
    int(VenueSession.ENDED),
)


def orders_of(kill: Kill, tally: TallyLook | None, settings: Settings) -> dict[str, object]:
    """Fields of `last_kill.json`. None: nobody can say."""
    first, last = kill.first, kill.last
    died = _died_by_itself(kill)
    known: dict[str, object] = {
        "open_at_kill": None if last is None else _open_at_kill(kill, last),
        "cancelled": None if first is None or last is None else last.cancels_sent - first.cancels_sent,
        "last_cancel_ms": None if last is None else _after_ms(kill, last.last_cancel_ts_ns),
        "drained_ms": _drained_ms(kill),
        "sent_after_fence": None if last is None else last.sent_after_close,
        "sent_in_window": None
        if first is None or last is None
        else last.sent_in_window - first.sent_in_window,
        "in_window": _in_window(kill, tally),
        "cancel_on_disconnect_relied_on": relies_on_disconnect(kill, settings),
        "feedd_died_by_itself": died,
        "open_when_feedd_died": _open_when_it_died(last, settings) if died else None,
    }
    return known | values_of(tally, last)


def relies_on_disconnect(kill: Kill, settings: Settings) -> bool | None:
    """Orders may have been left to the venue: a gateway that has a session, or knows less, did not say it drained."""
    if not settings.venue or "drained" in kill.steps_ns:
        return False
    if kill.last is None:
        return None  # no gateway was seen
    known = kill.last.open_orders == 0 and kill.last.reconciled != 0
    return not known or kill.last.venue_session not in _ENDED


def values_of(tally: TallyLook | None, gateway: GatewayLook | None) -> dict[str, object]:
    """Positions and what they are worth, in currency."""
    if tally is None:
        marked = None if gateway is None else gateway.marked_value / PRICE_UNITS
        return {"positions": None, "marked_value": marked, "realized_value": None}
    positions = [
        {
            "instrument_id": one.instrument_id,
            "symbol": one.symbol,
            "position": one.position,
            "mark_price": one.mark_price / PRICE_UNITS,
        }
        for one in tally.holdings.values()
        if one.position
    ]
    return {
        "positions": positions,
        "marked_value": tally.marked_value / PRICE_UNITS,
        "realized_value": tally.realized_value / PRICE_UNITS,
    }


def _died_by_itself(kill: Kill) -> bool:
    """Not one that had been stopped, or never started, before there was anything to kill."""
    was_there = kill.first is not None or (
        kill.reason == int(CloseReason.PROCESS_DIED) and kill.culprit == "feedd"
    )
    return was_there and "feedd_was_gone" in kill.steps_ns


def _open_when_it_died(last: GatewayLook | None, settings: Settings) -> int | None:
    if last is not None:
        return last.open_orders
    return None if settings.venue else 0


def _open_at_kill(kill: Kill, last: GatewayLook) -> int | None:
    """The gateway's own count at the moment in which it saw the closing; before it has: what it said last."""
    return last.open_at_close if last.close_seen_ts_ns >= kill.closed_ns else kill.open_orders


def _after_ms(kill: Kill, stamp_ns: int) -> float | None:
    return round((stamp_ns - kill.closed_ns) / 1e6, 3) if stamp_ns >= kill.closed_ns else None


def _drained_ms(kill: Kill) -> float | None:
    if "drained" not in kill.steps_ns or kill.last is None:
        return None
    by_gateway = _after_ms(kill, kill.last.drained_ts_ns)
    return by_gateway if by_gateway is not None else round(kill.steps_ns["drained"] / 1e6, 3)


def _in_window(kill: Kill, tally: TallyLook | None) -> list[dict[str, int]]:
    return [
        {"order_id": one.order_id, "instrument_id": one.instrument_id, "venue_token": one.venue_token}
        for one in (tally.in_window if tally is not None else ())
        if one.epoch == kill.epoch
    ]
