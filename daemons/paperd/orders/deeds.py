"""What the verbs do. Each takes the server and its parameters by name; the answer's fields, if there are any."""

from typing import TYPE_CHECKING, Any

from paperd.orders import actions, soup
from paperd.orders.actions import ActionError
from paperd.orders.config import CancelOnDisconnect, Disconnect
from paperd.orders.faults import ENTER, REPLACE, OrderFaults, OutboxFaults, RejectFault
from paperd.orders.market import ReplayedMarket
from paperd.orders.sessions import ANSWERS, HEARTBEATS, LOGIN, Cut, SessionFaults
from paperd.orders.soup import SESSION_BYTES
from paperd.orders.stream import Stream

if TYPE_CHECKING:
    from paperd.orders.server import OrderServer

MS_NS = 1_000_000
Fields = dict[str, Any]


def report(server: "OrderServer") -> Fields:
    return server.report()


def orders(server: "OrderServer") -> Fields:
    """Open orders, with the displayed shares ahead of each."""
    names = ("user_ref", "symbol", "side", "price_e4", "open", "executed", "time_in_force", "reference")
    listed = []
    for order in server.venue.tally.open_orders():
        book = actions.instrument_of(server.venue, order.symbol).book
        ahead = book.side(order.buy).ahead(order.price_e4, order.arrived)
        listed.append({name: getattr(order, name) for name in names} | {"ahead": ahead})
    return {"orders": listed}


def accepted_after(server: "OrderServer", ns: int) -> Fields:
    return server.venue.tally.after(ns)


def clear(server: "OrderServer") -> None:
    actions.allow_cancels(server.venue)
    server.venue.faults = OrderFaults()
    server.outbox.faults = OutboxFaults()
    server.sessions.hear(server.now_ns())
    server.sessions.faults = SessionFaults()
    server.outbox.flush()


def reject(server: "OrderServer", code: int, symbol: str | None, count: int, on: str) -> None:
    kind = ENTER if on == "enter" else REPLACE
    server.venue.faults.rejects.append(RejectFault(code, symbol, count, kind))


def dead(server: "OrderServer", count: int) -> None:
    server.venue.faults.dead = count


def amend(server: "OrderServer", price: int | None, time_in_force: str | None, display: str | None) -> None:
    terms = {"price_e4": price, "time_in_force": time_in_force, "display": display}
    server.venue.faults.amend = {name: value for name, value in terms.items() if value is not None}


def drop(server: "OrderServer", count: int, types: str) -> None:
    server.venue.faults.drop = count
    server.venue.faults.drop_types = types


def cancel(
    server: "OrderServer", ref: int | None, symbol: str | None, reason: str, quantity: int | None
) -> Fields:
    _code("reason", reason)
    chosen = actions.selected(server.venue, ref, symbol)
    return {"orders": actions.cancel(server.venue, chosen, reason, quantity)}


def fill(server: "OrderServer", ref: int, quantity: int | None, price: int | None) -> None:
    actions.fill(server.venue, ref, quantity, price)


def break_trade(server: "OrderServer", match: int | None, reason: str) -> Fields:
    _code("reason", reason)
    return {"match": actions.break_trade(server.venue, match, reason)}


def restate(server: "OrderServer", ref: int, reason: str, quantity: int | None, price: int | None) -> None:
    _code("reason", reason)
    actions.restate(server.venue, ref, reason, quantity, price)


def priority(server: "OrderServer", ref: int, price: int | None, display: str | None) -> None:
    actions.reprioritize(server.venue, ref, price, display)


def modify(server: "OrderServer", ref: int, side: str | None, quantity: int | None) -> None:
    actions.modify(server.venue, ref, side, quantity)


def no_cancel(server: "OrderServer", answer: str, symbol: str | None, ms: int | None) -> None:
    hold = actions.hold_cancels(server.venue, answer, symbol)
    if ms is not None:
        server.later(ms * MS_NS, lambda: actions.allow_cancels(server.venue, hold))


def allow_cancel(server: "OrderServer") -> Fields:
    return {"cancelled": actions.allow_cancels(server.venue)}


def refuse_cancel(server: "OrderServer") -> Fields:
    return {"refused": actions.refuse_pending(server.venue)}


def cancel_on_disconnect(server: "OrderServer", mode: str, ms: int) -> None:
    server.sessions.cancel_on_disconnect = CancelOnDisconnect(Disconnect(mode), ms * MS_NS)


def delay(server: "OrderServer", ms: int, types: str) -> None:
    server.outbox.faults.delay_ns = ms * MS_NS
    server.outbox.faults.delay_types = types


def reorder(server: "OrderServer", count: int, ms: int) -> None:
    server.outbox.faults.reorder = count
    server.outbox.faults.reorder_ns = ms * MS_NS


def duplicate(server: "OrderServer", count: int, types: str) -> None:
    server.outbox.faults.duplicate = count
    server.outbox.faults.duplicate_types = types


def message(server: "OrderServer", hex: bytes) -> Fields:  # noqa: A002 (the parameter's name)
    server.sessions.stream.emit_raw(hex)
    return {"sequence": server.sessions.stream.next_sequence - 1}


def mute(server: "OrderServer", what: str, ms: int | None) -> None:
    muted, mark = server.sessions.faults.muted, object()
    muted.update(dict.fromkeys((ANSWERS, HEARTBEATS, LOGIN) if what == "all" else (what,), mark))

    def over() -> None:
        for each in [each for each, last in muted.items() if last is mark]:  # a later one goes on
            del muted[each]

    if ms is not None:
        server.later(ms * MS_NS, over)


def unmute(server: "OrderServer") -> None:
    server.sessions.faults.muted.clear()


def deaf(server: "OrderServer", ms: int | None) -> None:
    mark = server.sessions.faults.deaf = object()

    def over() -> None:
        if server.sessions.faults.deaf is mark:
            hear(server)

    if ms is not None:
        server.later(ms * MS_NS, over)


def hear(server: "OrderServer") -> None:
    server.sessions.hear(server.now_ns())


def cut(server: "OrderServer", sequence: int | None, bytes: int, reset: bool) -> Fields:  # noqa: A002
    at = server.sessions.stream.next_sequence - 1 if sequence is None else sequence
    server.sessions.faults.cut = Cut(at, bytes, reset)
    return {"sequence": at}


def login_reject(server: "OrderServer", reason: str, count: int) -> None:
    server.sessions.faults.login_rejects += [reason] * count


def replay_earlier(server: "OrderServer", count: int) -> None:
    server.sessions.faults.replay_earlier = count


def debug(server: "OrderServer", text: str, at_login: bool) -> None:
    if at_login:
        server.sessions.faults.login_debug = text
    else:
        raw(server, soup.packet(soup.DEBUG, text.encode("ascii")))


def unsequenced(server: "OrderServer", hex: bytes) -> None:  # noqa: A002
    raw(server, soup.packet(soup.UNSEQUENCED, hex))


def raw(server: "OrderServer", hex: bytes) -> None:  # noqa: A002
    for connection in server.sessions.logged_in():
        connection.send(hex, server.now_ns())


def end_of_day(server: "OrderServer") -> None:
    server.venue.say(None, "S", event_code="E")


def end_session(server: "OrderServer") -> None:
    server.outbox.flush()
    server.sessions.end(server.now_ns())


def new_session(server: "OrderServer", name: str) -> None:
    if len(name) > SESSION_BYTES or " " in name:
        raise ActionError(f"name: {name!r} is no session name")
    server.outbox.flush()
    server.sessions.cut_off(server.now_ns())
    server.outbox.flush()  # what cancel-on-disconnect said belongs to the old stream
    server.sessions.begin(Stream(name, server.ledger), server.now_ns())


def halt(server: "OrderServer", symbol: str) -> None:
    server.market.set_trading_state(actions.instrument_of(server.venue, symbol), "H")


def resume(server: "OrderServer", symbol: str) -> None:
    server.market.set_trading_state(actions.instrument_of(server.venue, symbol), "T")


def book(server: "OrderServer", symbol: str, bid: int, ask: int, size: int) -> Fields:
    _by_hand(server)
    return {"locate": server.market.set_book(symbol, bid, ask, size).locate}


def itch(server: "OrderServer", hex: bytes) -> None:  # noqa: A002
    _by_hand(server)
    try:
        server.market.inject(hex)
    except ValueError as error:
        raise ActionError(f"hex: {error}") from None


def _by_hand(server: "OrderServer") -> None:
    if isinstance(server.market, ReplayedMarket):
        raise ActionError("the market is the replay's")


def _code(name: str, value: str) -> None:
    if len(value) != 1:
        raise ActionError(f"{name}: {value!r} is not one character")
