"""feedd killed at random moments with orders in flight: the venue's ledger and the next feedd's agree, every time.

HFT_ORDER_KILLS says how often (default 25).
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from feedd_harness import Feed, Feedd
from order_circle import ASK, BID, OrderCircle, PaperVenue

from hft.layout.dtypes import IntentAction, Side, TimeInForce

KILLS = int(os.environ.get("HFT_ORDER_KILLS", "25"))
_CANCEL, _IOC, _SELL = int(IntentAction.CANCEL), int(TimeInForce.IOC), int(Side.SELL)


class Storm(threading.Thread):
    """Orders, fills and cancels without a pause, until the queue refuses."""

    def __init__(self, suite: OrderCircle, seed: int) -> None:
        super().__init__()
        self._suite, self._random, self.stopped = suite, random.Random(seed), False

    def run(self) -> None:
        resting: list[int] = []
        while not self.stopped:
            try:
                resting.append(self._one(resting))
            except AssertionError:  # full, or nobody is there any more
                time.sleep(0.0005)

    def _one(self, resting: list[int]) -> int:
        dice = self._random.random()
        if dice < 0.2 and resting:
            self._suite.send(action=_CANCEL, order_id=resting.pop(self._random.randrange(len(resting))))
        side = {} if dice < 0.6 else {"side": _SELL, "price": ASK}
        if dice > 0.8:
            side = (
                {"price": ASK, "time_in_force": _IOC}
                if dice < 0.9
                else {"side": _SELL, "price": BID, "time_in_force": _IOC}
            )
        return self._suite.send(**side)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("on_disconnect", ["yes", "no", "late:20"])
def test_the_ledgers_agree_after_every_kill(
    make_feedd: Callable[..., Feedd],
    feed: Feed,
    tmp_path: Path,
    on_disconnect: str,
    figure: Callable[[str], None],
) -> None:
    venue = PaperVenue(tmp_path / "venue", "--cancel-on-disconnect", on_disconnect)
    try:
        suite = OrderCircle(make_feedd, feed, tmp_path, venue).start()
        for kill in range(max(1, KILLS // 3)):
            suite.arm()
            storm = Storm(suite, kill)
            storm.start()
            time.sleep(random.Random(kill).uniform(0.001, 0.15))
            suite.feedd.kill()
            storm.stopped = True
            storm.join()
            suite.start()
            suite.wait(f"kill {kill}", reconciled=1, open_orders=0, sent_after_close=0)
            suite.agree()
        report = venue.report()
        assert report["counts"]["duplicates"] == 0
        assert report["counts"]["fills"] > 0
        figure(
            f"feedd killed {KILLS // 3} times, cancel-on-disconnect {on_disconnect}: "
            f"{report['counts']['enters']} orders, {report['counts']['fills']} fills, every ledger agreed"
        )
    finally:
        venue.close()
