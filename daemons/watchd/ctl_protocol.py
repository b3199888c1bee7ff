"""Requests and answers of `watchd ctl` on watchd's side (the words are in watchd/ctl_words.py).

Everything is strict but `kill`: a kill is a kill whatever else its message says, because the one who sends it has
no second chance to get the form right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from watchd.ctl_words import (
    ALREADY,
    BAD_REQUEST,
    BY_CHARACTERS_MAX,
    DONE,
    INSTRUMENT_ID_MAX,
    LIMIT_MAX,
    LIMITS,
    LIMITS_OF_A_SYMBOL,
    MESSAGE_BYTES_MAX,
    NEEDS,
    REASON_CHARACTERS_MAX,
    REFUSED,
    SCOPED,
    STRATEGY_ID_MAX,
    VERSION,
    is_symbol,
)


class BadRequest(ValueError):
    """The message says what is wrong with the request."""


@dataclass(frozen=True)
class Scope:
    """Everything, one instrument or one strategy.

    `symbol`: what a person called the instrument; its id is the board's to say, None until or unless it does.
    """

    instrument: int | None = None
    strategy: int | None = None
    symbol: str = ""

    @property
    def all(self) -> bool:
        return self.instrument is None and self.strategy is None and not self.symbol

    @property
    def unknown(self) -> bool:
        """A symbol that no board names."""
        return bool(self.symbol) and self.instrument is None

    def __str__(self) -> str:
        if self.symbol:
            return self.symbol
        if self.instrument is not None:
            return f"instrument {self.instrument}"
        return "everything" if self.strategy is None else f"strategy {self.strategy}"


@dataclass(frozen=True)
class LimitChange:
    """What a person wants of a limit, in the configuration's units. `symbol` "": the limit of all instruments."""

    name: str
    value: int
    symbol: str = ""

    def __str__(self) -> str:
        return f"{self.symbol} {self.name}" if self.symbol else self.name


@dataclass(frozen=True)
class Peer:
    """Who is at the other end, by the kernel's word (SO_PEERCRED, SO_PEERGROUPS). `user`: login name, or the uid."""

    uid: int
    gid: int
    pid: int
    user: str
    groups: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Request:
    """What a person wants. `by` is who they say they are (`user` when they did not say); `ticket` answers it."""

    verb: str
    by: str
    reason: str
    scope: Scope
    uid: int
    gid: int
    pid: int
    user: str
    ticket: int
    limit: LimitChange | None = None  # of `limits set`


@dataclass(frozen=True)
class Answer:
    """`text` is a sentence for people; `fields` (a status document, steps with times) stand beside it."""

    ok: bool
    code: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """One datagram. Fields that do not fit are left out, which the text then says."""
        head = {"ok": self.ok, "code": self.code, "text": self.text}
        data = json.dumps({**self.fields, **head}, separators=(",", ":"), default=str).encode()
        if len(data) <= MESSAGE_BYTES_MAX:
            return data
        head["text"] = f"{self.text[:1000]} (details left out: {len(data)} bytes)"
        return json.dumps(head, separators=(",", ":")).encode()


def done(text: str, **fields: Any) -> Answer:
    return Answer(True, DONE, text, fields)


def already(text: str, **fields: Any) -> Answer:
    """It was so before."""
    return Answer(True, ALREADY, text, fields)


def refused(text: str, **fields: Any) -> Answer:
    """Not now; the text says why and what would help."""
    return Answer(False, REFUSED, text, fields)


def bad_request(text: str) -> Answer:
    return Answer(False, BAD_REQUEST, text)


def parse_request(data: bytes, peer: Peer, ticket: int) -> Request:
    """The request in a datagram. Raises BadRequest."""
    tree = _object(data)
    verb = tree.get("verb")
    if verb == "kill":
        return _request(tree, "kill", Scope(), peer, ticket)
    if not isinstance(verb, str) or verb not in NEEDS:
        raise BadRequest(f"verb: {str(verb)[:40]!r} is not one of {', '.join(NEEDS)}")
    known = {"version", "verb", "by", "reason", "scope"} | ({"limit"} if verb == "limits set" else set())
    if unknown := sorted(set(tree) - known):
        raise BadRequest(f"{str(unknown[0])[:40]}: unknown key")
    if tree.get("version") != VERSION:
        raise BadRequest(f"version: this watchd speaks version {VERSION}")
    for name in ("by", "reason"):
        if not isinstance(tree.get(name, ""), str):
            raise BadRequest(f"{name}: not text")
    request = _request(tree, verb, _scope(verb, tree.get("scope")), peer, ticket)
    if verb == "limits set":
        request = replace(request, limit=_limit(tree.get("limit")))
    for name in NEEDS[verb]:
        if not clean(tree.get(name), 1):
            raise BadRequest(f"{name}: {verb} needs it, someone must stand behind it")
    return request


def clean(text: object, characters_max: int) -> str:
    """Printable, on one line, not too long: what may stand in a log and on a terminal."""
    if not isinstance(text, str):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * characters_max])
    return " ".join(printable.split())[:characters_max]


def _object(data: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequest("not JSON") from None
    if not isinstance(tree, dict):
        raise BadRequest("not a JSON object")
    return tree


def _request(tree: dict[str, Any], verb: str, scope: Scope, peer: Peer, ticket: int) -> Request:
    return Request(
        verb=verb,
        by=clean(tree.get("by"), BY_CHARACTERS_MAX) or peer.user,
        reason=clean(tree.get("reason"), REASON_CHARACTERS_MAX),
        scope=scope,
        uid=peer.uid,
        gid=peer.gid,
        pid=peer.pid,
        user=peer.user,
        ticket=ticket,
    )


def _scope(verb: str, tree: object) -> Scope:
    if tree is None or tree == {"all": True}:
        return Scope()
    if verb not in SCOPED:
        raise BadRequest(f"scope: {verb} is for everything")
    if isinstance(tree, dict) and len(tree) == 1:
        ((name, value),) = tree.items()
        limits = {"instrument": INSTRUMENT_ID_MAX, "strategy": STRATEGY_ID_MAX}
        if name in limits:
            if type(value) is not int or not 0 <= value <= limits[name]:
                raise BadRequest(f"scope.{name}: not an id from 0 to {limits[name]}")
            return Scope(instrument=value) if name == "instrument" else Scope(strategy=value)
        if name == "symbol":
            return Scope(symbol=_symbol("scope.symbol", value))
    raise BadRequest('scope: not {"all": true}, {"instrument": id}, {"symbol": "…"} or {"strategy": id}')


def _symbol(key: str, value: object) -> str:
    if not isinstance(value, str) or not is_symbol(value):
        raise BadRequest(f"{key}: not a symbol")
    return value


def _limit(tree: object) -> LimitChange:
    if not isinstance(tree, dict) or not {"name", "value"} <= set(tree) <= {"name", "value", "symbol"}:
        raise BadRequest('limit: not {"name": …, "value": …} with or without "symbol"')
    name, value = tree["name"], tree["value"]
    symbol = _symbol("limit.symbol", tree["symbol"]) if tree.get("symbol", "") != "" else ""
    if name not in (known := LIMITS_OF_A_SYMBOL if symbol else LIMITS):
        raise BadRequest(f"limit.name: {str(name)[:40]!r} is not one of {', '.join(known)}")
    if type(value) is not int or not 0 <= value <= LIMIT_MAX:
        raise BadRequest(f"limit.value: not a whole number from 0 to {LIMIT_MAX}")
    return LimitChange(name, value, symbol)
