"""What `watchd ctl` and watchd say to each other: verbs, codes, limits, exit codes.

One JSON object a datagram on an AF_UNIX SOCK_SEQPACKET socket, at most 64 KiB:

    → {"version": 1, "verb": "pause", "by": "ada", "reason": "news", "scope": {"instrument": 7}}
    ← {"ok": true, "code": "done", "text": "instrument 7 is paused", …}

Nothing is imported here that the kill path would have to wait for.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
MESSAGE_BYTES_MAX: Final = 64 << 10
BY_CHARACTERS_MAX: Final = 64
REASON_CHARACTERS_MAX: Final = 400
INSTRUMENT_ID_MAX: Final = 65535  # bits of the fence: hft.regions.FENCE_INSTRUMENTS, FENCE_STRATEGIES
STRATEGY_ID_MAX: Final = 1023

# verb -> which of by, reason, scope it needs or takes.
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "status": (),
    "kill": (),
    "clear": ("by", "reason"),
    "arm": ("by",),
    "disarm": ("by",),
    "pause": (),
    "resume": (),
    "cancel-all": (),
    "flatten": (),
    "limits show": (),
    "limits set": ("by", "reason"),
}
SCOPED: Final = ("pause", "resume", "cancel-all", "flatten")
LOOKING: Final = ("status", "limits show")  # permitted to whoever can connect

# Of [risk], in the configuration's units; the second ones also for one symbol.
LIMITS: Final = (
    "order_quantity_max", "order_notional_max", "position_max", "gross_notional_max", "open_orders_max",
    "unacknowledged_max", "loss_max", "price_collar_bps",
)  # fmt: skip
LIMITS_OF_A_SYMBOL: Final = ("order_quantity_max", "order_notional_max", "position_max")
LIMIT_MAX: Final = 10**12
SYMBOL_CHARACTERS_MAX: Final = 16

DONE: Final = "done"  # what was asked for is so now
ALREADY: Final = "already"  # it was so before
REFUSED: Final = "refused"  # not now; the text says why
NOT_PERMITTED: Final = "not_permitted"  # not by this person
BAD_REQUEST: Final = "bad_request"

EXIT_DONE: Final = 0
EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_NO_ANSWER: Final = 69
EXIT_NOT_PERMITTED: Final = 77
EXIT_BAD_CONFIG: Final = 78

EXIT_OF_CODE: Final = {
    DONE: EXIT_DONE,
    ALREADY: EXIT_DONE,
    REFUSED: EXIT_REFUSED,
    NOT_PERMITTED: EXIT_NOT_PERMITTED,
    BAD_REQUEST: EXIT_USAGE,
}


def is_symbol(text: str) -> bool:
    """What a board could call an instrument."""
    return (
        0 < len(text) <= SYMBOL_CHARACTERS_MAX and text.isascii() and text.isprintable() and " " not in text
    )
