"""Is it the same? Intents byte for byte but for two fields, and the state at every checkpoint on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from braind.brain import Brain
from braind.checkpoint import state_arrays
from braind.counts import Count

# Not compared, and why: see braind.replay.
MASKED: Final = ("epoch", "emit_ts_ns")
# The others only count, over a whole life of braind, of which a map may be a part.
_COMPARED_COUNTS = [
    int(count)
    for count in (
        Count.EVENTS, Count.BAD_RUN, Count.VETOED, Count.LOST, Count.LAST_INTENT_ID, Count.UPDATES_SEQ
    )
]  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """The first thing that is not the same. `fields`: (name, live, replayed)."""

    market_seq: int
    what: str
    fields: tuple[tuple[str, object, object], ...] = field(default=())

    def lines(self) -> list[str]:
        """For people."""
        width = max((len(name) for name, _, _ in self.fields), default=0)
        return [
            f"at market record {self.market_seq:,}: {self.what}",
            *(f"  {name:{width}}  live {live}  replayed {replayed}" for name, live, replayed in self.fields),
        ]


def masked(intents: NDArray[np.void]) -> NDArray[np.void]:
    """A copy without what is not compared."""
    out = intents.copy()
    for name in MASKED:
        out[name] = 0
    return out


def differing_intent(live: NDArray[np.void], replayed: NDArray[np.void]) -> Difference | None:
    """The first pair that differs; both in queue order and of equal length."""
    one, other = masked(live), masked(replayed)
    if one.tobytes() == other.tobytes():
        return None
    for mine, theirs in zip(one, other, strict=True):
        if mine.tobytes() != theirs.tobytes():
            names = [name for name in one.dtype.names or () if mine[name] != theirs[name]]
            fields = tuple((name, mine[name].item(), theirs[name].item()) for name in names)
            market_seq = min(int(mine["market_seq"]), int(theirs["market_seq"]))
            return Difference(market_seq, f"intent {int(mine['intent_id'])} is another one", fields)
    raise AssertionError("bytes differ, so some record does")


def differing_state(recorded: Mapping[str, NDArray[Any]], brain: Brain, market_seq: int) -> Difference | None:
    """The first array of a checkpoint that the replayed state does not have."""
    for name, own in state_arrays(brain).items():
        mine, theirs = recorded[name], own
        if name == "counts":
            mine, theirs = mine[_COMPARED_COUNTS], theirs[_COMPARED_COUNTS]
        if mine.tobytes() == theirs.tobytes():
            continue
        width = mine.dtype.itemsize
        different = np.frombuffer(mine.tobytes(), f"V{width}") != np.frombuffer(theirs.tobytes(), f"V{width}")
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(different)), mine.shape))
        label = Count(_COMPARED_COUNTS[at[0]]).name if name == "counts" else ", ".join(map(str, at))
        return Difference(
            market_seq, f"the state at the checkpoint is another one, first in {name}",
            ((f"{name}[{label}]", mine[at].item(), theirs[at].item()),),
        )  # fmt: skip
    return None
