"""What the venue does of its own accord: unsolicited cancels, trade breaks, restatements, and what a person wants."""

from paperd.orders.faults import NoCancel
from paperd.orders.matching import REMOVED, Instrument
from paperd.orders.order import Order
from paperd.orders.venue import BY_USER, SELF_MATCH, SYSTEM, Venue


class ActionError(ValueError):
    """What was asked for can not be done; the text says why."""


def live_order(venue: Venue, user_ref: int) -> Order:
    order = venue.tally.orders.get(user_ref)
    if order is None or not order.live:
        raise ActionError(f"order {user_ref} is not open")
    return order


def instrument_of(venue: Venue, symbol: str) -> Instrument:
    instrument = venue.market.find(symbol)
    if instrument is None:
        raise ActionError(f"symbol {symbol} is not known")
    return instrument


def selected(venue: Venue, user_ref: int | None, symbol: str | None) -> list[Order]:
    """One order, a symbol's, or all that are open."""
    if user_ref is not None:
        return [live_order(venue, user_ref)]
    return [order for order in venue.tally.open_orders() if symbol in (None, order.symbol)]


def cancel(venue: Venue, orders: list[Order], reason: str, quantity: int | None = None) -> int:
    """Unsolicited cancels, whole or of `quantity` shares; reason Q as a self-match message. How many orders."""
    for order in orders:
        shares = order.open if quantity is None else min(quantity, order.open)
        if reason == SELF_MATCH:
            venue.take_off(
                order, shares, reason, kind="D", prevented_quantity=shares, price_e4=order.price_e4,
                liquidity="A", strategy="O",
            )  # fmt: skip
        else:
            venue.take_off(order, shares, reason)
    return len(orders)


def disconnected(venue: Venue, last_ref: int) -> int:
    """Cancel-on-disconnect: orders up to the last number the lost connection had brought."""
    return cancel(venue, [order for order in venue.tally.open_orders() if order.user_ref <= last_ref], SYSTEM)


def fill(venue: Venue, user_ref: int, quantity: int | None, price_e4: int | None) -> None:
    """A fill out of nowhere, of a resting order."""
    order = live_order(venue, user_ref)
    shares = order.open if quantity is None else quantity
    if shares > order.open:
        raise ActionError(f"order {user_ref} has {order.open} shares open")
    venue.filled(order, shares, order.price_e4 if price_e4 is None else price_e4, REMOVED)


def break_trade(venue: Venue, match_number: int | None, reason: str) -> int:
    """Break a fill (the last one that stands): the order does not come back to life. Its match number."""
    executions = venue.tally.executions
    if match_number is None:
        match_number = next((n for n in reversed(executions) if not executions[n].broken), 0)
    execution = executions.get(match_number)
    if execution is None or execution.broken:
        raise ActionError("no such fill, or it is broken")
    venue.tally.break_trade(match_number)
    order = execution.order
    venue.say(order, "B", match_number=match_number, reason=reason, client_id=order.client_id)
    return match_number


def restate(venue: Venue, user_ref: int, reason: str, quantity: int | None, price_e4: int | None) -> None:
    order = live_order(venue, user_ref)
    options: dict[str, int | str] = {"secondary_reference": order.reference}
    if quantity is not None:
        options["display_quantity"] = quantity
    if price_e4 is not None:
        options["display_price_e4"] = price_e4
    venue.tally.counts["restated"] += 1
    venue.say(order, "R", reason=reason, options=options)


def reprioritize(venue: Venue, user_ref: int, price_e4: int | None, display: str | None) -> None:
    """A new place at the end of its queue, a new order reference, perhaps another price or display."""
    order = live_order(venue, user_ref)
    own = instrument_of(venue, order.symbol).own(order.buy)
    own.remove(order)
    order.price_e4 = order.price_e4 if price_e4 is None else price_e4
    order.display = display or order.display
    order.reference = venue.next_reference()
    order.arrived = venue.market.clock
    own.insert(order)
    venue.tally.counts["reprioritized"] += 1
    venue.say(order, "T", price_e4=order.price_e4, display=order.display, order_reference=order.reference)


def modify(venue: Venue, user_ref: int, side: str | None, quantity: int | None) -> None:
    """An unsolicited modification: side as the venue has it now, shares open."""
    order = live_order(venue, user_ref)
    if (order.side == "B") != ((side or order.side) == "B"):
        raise ActionError("a buy stays a buy, a sell a sell")
    if quantity is not None and not 1 <= quantity <= order.open:
        raise ActionError(f"order {user_ref} has {order.open} shares open")
    venue.modified(order, side or order.side, order.open if quantity is None else quantity)


def hold_cancels(venue: Venue, answer: str, symbol: str | None) -> NoCancel:
    hold = NoCancel(answer, symbol)
    venue.faults.no_cancel.append(hold)
    return hold


def allow_cancels(venue: Venue, hold: NoCancel | None = None) -> int:
    """End one hold, or all; cancels that waited are done now. How many were."""
    faults = venue.faults
    faults.no_cancel = [other for other in faults.no_cancel if hold is not None and other is not hold]
    done = 0
    for order in venue.tally.open_orders():
        if order.pending_total is not None and faults.hold_of(order.symbol) is None:
            total, order.pending_total = order.pending_total, None
            if total < order.total:
                venue.reduce_to(order, total, BY_USER)
                done += 1
    return done


def refuse_pending(venue: Venue) -> int:
    """Cancels that wait are refused (`I`) and forgotten. How many."""
    waiting = [order for order in venue.tally.open_orders() if order.pending_total is not None]
    for order in waiting:
        order.pending_total = None
        venue.tally.counts["cancel_rejected"] += 1
        venue.say(order, "I")
    return len(waiting)
