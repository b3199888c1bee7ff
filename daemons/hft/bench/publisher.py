"""The sending process of `hft bench ring`: `python -m hft.bench.publisher TRANSPORT PATH CORE`.

Says "ready", then for every line "COUNT INTERVAL_NS" on its standard input sends that many 128-byte records
that far apart and says "done". Each record carries CLOCK_MONOTONIC as read right before it was sent. Ends
with its standard input. CORE -1: not pinned.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from hft._native import publish_paced
from hft.bench.peers import Send, iceoryx2_sender, zeromq_sender
from hft.layout.dtypes import MARKET_EVENT, RegionKind
from hft.regions import Region, RingWriter

RING_RECORDS = 65_536  # many rounds, so that stamps can be read after a round


def ring_sender(path: str) -> Send:
    """C++ publishes; the interpreter has no part in it between the first and the last record."""
    writer = RingWriter(Region.create(path, RegionKind.MARKET_RING, RING_RECORDS, MARKET_EVENT.itemsize))
    return lambda count, interval_ns: publish_paced(writer, count, interval_ns)


SENDERS: dict[str, Callable[[str], Send]] = {
    "ring": ring_sender,
    "zeromq": zeromq_sender,
    "iceoryx2": iceoryx2_sender,
}


def main() -> int:
    transport, path, core = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if core >= 0:
        os.sched_setaffinity(0, {core})
    send = SENDERS[transport](path)
    print("ready", flush=True)
    for line in sys.stdin:
        count, interval_ns = map(int, line.split())
        send(count, interval_ns)
        print("done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
