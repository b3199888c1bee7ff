"""An intent is copied once, and only the copy is checked and sent: who rewrites slots afterwards changes nothing.

A second process writes into the slots of braind's queue while the gateway trades: words that no gate lets pass. What
the venue receives is still, to the last field, what was pushed; what was hit before it was copied is refused.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from order_world import OrderWorld
from rewriter import FIELDS, STROKE
from suite import HERE
from venue_ledger import origin_of

from hft.layout.dtypes import ORDER_INTENT, RefusalReason, Side, TimeInForce, UpdateKind

SECONDS, SECONDS_MAX = 3.0, 15.0
ENOUGH = 50  # strokes before the copy, and after it
REFUSED_FOR = {"quantity": "QUANTITY_LIMIT", "price": "PRICE_OFF_TICK", "instrument_id": "NOT_ALLOWED"}
CANCEL = 2


def test_what_is_rewritten_after_the_push_is_refused_or_sent_as_it_was_pushed(
    make_world: Callable[..., OrderWorld], figure: Callable[[str], None]
) -> None:
    world = make_world(resting=0, deadline_ms=1000)
    world.suite.environment |= {"HFT_TEST_BURST": "8", "HFT_TEST_FLEETING": "1"}
    world.trade()
    seen, end_s = Seen(), time.monotonic() + SECONDS_MAX
    while not seen.enough and time.monotonic() < end_s:  # who shares the cores decides how often it hits
        seen.strokes += list(rewrite(world, SECONDS))
        seen.look(world)
    assert world.disarm() == "disarmed"
    world.judge(world.suite.fence()["shut_ts_ns"])
    seen.look(world)
    assert len(seen.hit) >= ENOUGH, "the writer is between push and copy"
    # Between copy and send it gets by luck only: the unit tests of GatewayAgent make sure of it.
    assert len(seen.behind) >= ENOUGH, "the writer is behind the copy"
    between = [stroke for stroke in seen.behind if is_between(stroke, seen.sent[int(stroke["sequence"])])]
    compared = compare(world)
    figure(
        f"slots rewritten behind the gate's back: {len(seen.strokes):,}; "
        f"{len(seen.hit):,} before the copy, all refused; "
        f"{len(seen.behind):,} after it, {len(between)} of them before the send had returned: "
        f"all {compared:,} orders at the venue are as they were pushed"
    )


@dataclass
class Seen:
    """Strokes, and what the gateway told of the slots that they went into, by sequence: its ring forgets."""

    strokes: list[np.void] = field(default_factory=list)
    refused: dict[int, np.void] = field(default_factory=dict)
    sent: dict[int, np.void] = field(default_factory=dict)

    def look(self, world: OrderWorld) -> None:
        updates, sequences = world.updates(), [one["sequence"] for one in self.strokes]
        updates = updates[np.isin(updates["intent_sequence"], sequences)]
        for update in updates[updates["kind"] == int(UpdateKind.REFUSED)]:
            self.refused[int(update["intent_sequence"])] = update
        for update in updates[(updates["kind"] == int(UpdateKind.SENT)) & (updates["action"] != CANCEL)]:
            self.sent[int(update["intent_sequence"])] = update

    @property
    def hit(self) -> list[np.void]:
        """Those before the copy."""
        return [one for one in self.strokes if was_hit(one, self.refused.get(int(one["sequence"])))]

    @property
    def behind(self) -> list[np.void]:
        """Those after it: the intent was sent."""
        return [one for one in self.strokes if int(one["sequence"]) in self.sent]

    @property
    def enough(self) -> bool:
        return min(len(self.hit), len(self.behind)) >= ENOUGH


def rewrite(world: OrderWorld, seconds: float) -> np.ndarray:
    """The strokes of a writer that had that long."""
    log = world.suite.directory / "strokes"
    writer = subprocess.Popen(
        [sys.executable, HERE / "rewriter.py", world.suite.run, log], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    time.sleep(seconds)
    writer.terminate()
    assert writer.wait(20) == 0
    writer.stdout.close()
    return np.frombuffer(log.read_bytes(), STROKE)


def was_hit(stroke: np.void, update: np.void | None) -> bool:
    """The gateway saw the new word, and said no because of it."""
    if update is None:
        return False
    field = FIELDS[int(stroke["field"])]
    seen = int(update[field]) == int(stroke["value"])
    return seen and RefusalReason(int(update["reason"])).name == REFUSED_FOR[field]


def is_between(stroke: np.void, update: np.void) -> bool:
    """Written after the gate had begun to look at its copy, and before the send had returned."""
    return bool(update["gate_ts_ns"] <= stroke["before_ns"] and stroke["after_ns"] <= update["sent_ts_ns"])


def compare(world: OrderWorld) -> int:
    """Each order that the venue received beside the intent of its number. How many."""
    pushed = {
        (int(path.stem) >> 20 & ((1 << 36) - 1), int(intent["order_id"])): intent
        for path in world.intents.glob("*.intents")
        for intent in np.frombuffer(path.read_bytes(), ORDER_INTENT)
        if intent["action"] != CANCEL
    }
    symbols = {entry.instrument_id: symbol for symbol, entry in world.positions().items()}
    for line in world.ledger.received:
        intent = pushed[origin_of(line["client_id"])]
        assert fields_of(line, world) == {
            "side": "B" if intent["side"] == int(Side.BUY) else "S",
            "price_e4": int(intent["price"]),
            "time_in_force": "3" if intent["time_in_force"] == int(TimeInForce.IOC) else "0",
            "symbol": symbols[int(intent["instrument_id"])],
            **({"quantity": int(intent["quantity"])} if line["type"] == "O" else {}),
        }
    return len(world.ledger.received)


def fields_of(line: dict[str, Any], world: OrderWorld) -> dict[str, Any]:
    """Of an order as the venue received it; of a replace without the quantity, which is the chain's."""
    first = line if line["type"] == "O" else vars(world.ledger.orders[line["original_ref"]])
    fields = {name: line[name] for name in ("price_e4", "time_in_force")}
    fields |= {"symbol": first["symbol"], "side": "B" if first["side"] == "B" else "S"}
    return fields | ({"quantity": line["quantity"]} if line["type"] == "O" else {})
