"""The verbs of the control socket and of scripts: what each takes, and what it does.

A request is a JSON object {"verb": …, parameters}; an answer is {"ok": true, …} or {"ok": false, "error": …}.
Parameters are strict: an unknown one, an absent one that is needed, a wrong type or a value out of range is refused by
name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paperd.orders import deeds
from paperd.orders.config import price_e4

if TYPE_CHECKING:
    from paperd.orders.server import OrderServer

_NEEDED = object()
_U32 = (1 << 32) - 1
_U63 = (1 << 63) - 1


class VerbError(ValueError):
    """A request that is none; the text names what is wrong."""


@dataclass(frozen=True)
class Parameter:
    """One parameter. `kind`: whole, price, text, hex, flag; `choices` bounds a text."""

    name: str
    kind: str
    default: Any = _NEEDED
    low: int = 0
    high: int = _U63
    choices: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        return self.default is _NEEDED

    def parse(self, value: Any) -> Any:
        try:
            parsed = _PARSERS[self.kind](value)
        except (ValueError, TypeError):
            raise VerbError(f"{self.name}: {value!r} is no {self.kind}") from None
        if isinstance(parsed, int) and not self.low <= parsed <= self.high:
            raise VerbError(f"{self.name}: {value!r} is not from {self.low} to {self.high}")
        if self.choices and parsed not in self.choices:
            raise VerbError(f"{self.name}: {value!r} is not one of {', '.join(self.choices)}")
        return parsed


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return value if isinstance(value, int) else int(value, 0)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    flags = {True: True, False: False, "yes": True, "no": False}
    if value not in flags:
        raise ValueError
    return flags[value]


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "whole": _whole, "price": lambda value: price_e4(str(value)), "text": _text, "hex": bytes.fromhex, "flag": _flag,
}  # fmt: skip


@dataclass(frozen=True)
class Verb:
    """What a verb is for, what it takes (in this order on a command line), what does it."""

    help: str
    do: Callable[..., dict[str, Any] | None]
    parameters: tuple[Parameter, ...] = ()


def _count(default: int = 1) -> Parameter:
    return Parameter("count", "whole", default, 1, _U32)


_REF = Parameter("ref", "whole", low=1, high=_U32)
_SOME_REF = Parameter("ref", "whole", None, 1, _U32)
_SYMBOL = Parameter("symbol", "text")
_SOME_SYMBOL = Parameter("symbol", "text", None)
_QUANTITY = Parameter("quantity", "whole", None, 1, 999_999)
_PRICE = Parameter("price", "price", None, 1)
_MS = Parameter("ms", "whole", None, 1, 86_400_000)
_DISPLAY = Parameter("display", "text", None, choices=("Y", "N", "A", "Z"))
_TYPES = Parameter("types", "text", "")
_HEX = Parameter("hex", "hex")

VERBS: dict[str, Verb] = {
    "report": Verb("positions, counts, states, stamps: the summary as it stands", deeds.report),
    "orders": Verb("open orders and what is ahead of them", deeds.orders),
    "accepted-after": Verb(
        "orders received after a CLOCK_MONOTONIC moment", deeds.accepted_after, (Parameter("ns", "whole"),)
    ),
    "clear": Verb("all faults off; what was held back goes out", deeds.clear),
    # orders
    "reject": Verb(
        "reject the next orders (count 0: all) of a symbol or any, or replaces", deeds.reject,
        (Parameter("code", "whole", low=1, high=0xFFFF), _SOME_SYMBOL, Parameter("count", "whole", 1, 0, _U32),
         Parameter("on", "text", "enter", choices=("enter", "replace"))),
    ),
    "dead": Verb("accept the next orders dead", deeds.dead, (_count(),)),
    "amend": Verb(
        "accept the next order with other terms", deeds.amend,
        (_PRICE, Parameter("time_in_force", "text", None, choices=("0", "3", "5", "E")), _DISPLAY),
    ),
    "drop": Verb("lose the next inbound messages, of some types or any", deeds.drop, (_count(), _TYPES)),
    "cancel": Verb(
        "unsolicited cancel: one order, a symbol's, or all", deeds.cancel,
        (_SOME_REF, _SOME_SYMBOL, Parameter("reason", "text", "S"), _QUANTITY),
    ),
    "fill": Verb("fill an open order", deeds.fill, (_REF, _QUANTITY, _PRICE)),
    "break": Verb(
        "break a fill, the last one by default", deeds.break_trade,
        (Parameter("match", "whole", None, 1), Parameter("reason", "text", "S")),
    ),
    "restate": Verb(
        "restate an order", deeds.restate, (_REF, Parameter("reason", "text", "R"), _QUANTITY, _PRICE)
    ),
    "priority": Verb("priority update of an order", deeds.priority, (_REF, _PRICE, _DISPLAY)),
    "modify": Verb(
        "modify an order", deeds.modify,
        (_REF, Parameter("side", "text", None, choices=("B", "S", "T", "E")), _QUANTITY),
    ),
    "no-cancel": Verb(
        "orders can not be cancelled: cancels are pending (P) or rejected (I)", deeds.no_cancel,
        (Parameter("answer", "text", "pending", choices=("pending", "reject")), _SOME_SYMBOL, _MS),
    ),
    "allow-cancel": Verb("they can again; pending cancels are done", deeds.allow_cancel),
    "refuse-cancel": Verb("pending cancels are rejected (I)", deeds.refuse_cancel),
    "cancel-on-disconnect": Verb(
        "what a disconnection does to orders", deeds.cancel_on_disconnect,
        (Parameter("mode", "text", choices=("yes", "late", "no")), Parameter("ms", "whole", 0, 0, 86_400_000)),
    ),
    # outbound messages
    "delay": Verb(
        "delay outbound messages, of some types or all (0: no more)", deeds.delay,
        (Parameter("ms", "whole", 0, 0, 86_400_000), _TYPES),
    ),
    "reorder": Verb(
        "mix the next messages of different orders", deeds.reorder,
        (Parameter("count", "whole", low=2, high=_U32), Parameter("ms", "whole", 100, 1, 86_400_000)),
    ),
    "duplicate": Verb("send the next messages twice", deeds.duplicate, (_count(), _TYPES)),
    "message": Verb("a sequenced message of any bytes", deeds.message, (_HEX,)),
    # sessions
    "mute": Verb(
        "stop sending: answers, heartbeats, login (replies) or all", deeds.mute,
        (Parameter("what", "text", "all", choices=("answers", "heartbeats", "login", "all")), _MS),
    ),
    "unmute": Verb("send again", deeds.unmute),
    "deaf": Verb("stop reading", deeds.deaf, (_MS,)),
    "hear": Verb("read again", deeds.hear),
    "cut": Verb(
        "cut the connection, now or once a message is out, perhaps within the next one", deeds.cut,
        (Parameter("sequence", "whole", None, 0), Parameter("bytes", "whole", 0, 0, 1000),
         Parameter("reset", "flag", False)),
    ),
    "login-reject": Verb(
        "reject the next logins", deeds.login_reject,
        (Parameter("reason", "text", "A", choices=("A", "S")), _count()),
    ),
    "replay-earlier": Verb(
        "start the next login's replay this many messages too early", deeds.replay_earlier, (_count(),)
    ),
    "debug": Verb(
        "a debug packet, now or before the next login's answer", deeds.debug,
        (Parameter("text", "text"), Parameter("at_login", "flag", False)),
    ),
    "unsequenced": Verb("an unsequenced packet of any bytes", deeds.unsequenced, (_HEX,)),
    "raw": Verb("any bytes on the socket", deeds.raw, (_HEX,)),
    "end-of-day": Verb("system event: end of day", deeds.end_of_day),
    "end-session": Verb("end of session; it can not be joined again", deeds.end_session),
    "new-session": Verb(
        "cut, and another session with an empty stream", deeds.new_session, (Parameter("name", "text"),)
    ),
    # market
    "halt": Verb("halt a symbol", deeds.halt, (_SYMBOL,)),
    "resume": Verb("trade it again", deeds.resume, (_SYMBOL,)),
    "book": Verb(
        "a book by hand (without a replay)", deeds.book,
        (_SYMBOL, Parameter("bid", "price", low=1), Parameter("ask", "price", low=1),
         Parameter("size", "whole", low=1, high=_U32)),
    ),
    "itch": Verb("an ITCH 5.0 message by hand (without a replay)", deeds.itch, (_HEX,)),
}  # fmt: skip

QUESTIONS = ("report", "orders", "accepted-after")
"""Verbs that change nothing."""


def obey(server: "OrderServer", request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request says; the answer's fields. VerbError or ActionError when it can not be done."""
    name = request.get("verb")
    verb = VERBS.get(name) if isinstance(name, str) else None
    if verb is None:
        raise VerbError(f"verb: {str(name)[:40]!r} is not one of {', '.join(VERBS)}")
    known = {parameter.name for parameter in verb.parameters}
    if unknown := sorted(set(request) - known - {"verb"}):
        raise VerbError(f"{unknown[0]}: {name} has no such parameter")
    values = {}
    for parameter in verb.parameters:
        if request.get(parameter.name) is not None:
            values[parameter.name] = parameter.parse(request[parameter.name])
        elif parameter.needed:
            raise VerbError(f"{parameter.name}: {name} needs it")
        else:
            values[parameter.name] = parameter.default
    return verb.do(server, **values) or {}
