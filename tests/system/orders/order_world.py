"""The real suite at a paper venue on a replayed day, with a quoting stand-in in braind's place, and what must hold.

`trade` brings whatever is dead back, clears and arms by a person's name, and returns with orders resting. `judge` is
the same after every fault, whatever it was: nothing rests, the ledgers agree, nothing was sent too late or twice, no
limit was exceeded.
"""

from __future__ import annotations

import logging
import signal
import socket
import time
from typing import Any

import numpy as np
from material import Material
from outcome import updates_of
from suite import BIN, START_S, Interrupted, Suite, free_port, wait_until
from venue_ledger import Limits, VenueLedger

from hft.layout.dtypes import BOARD_ENTRY, GATEWAY_POSITION, RegionKind, UpdateKind
from hft.regions import Region, read_board_entry
from paperd.orders.ctl import ask
from watchd.tally_eyes import read_position

log = logging.getLogger(__name__)
LIMITS = Limits(
    order_quantity_max=45, order_notional_max=10**6 * 10_000, position_max=1000, open_orders_max=120
)
RISK: dict[str, object] = {
    "order_quantity_max": LIMITS.order_quantity_max, "order_notional_max": LIMITS.order_notional_max // 10_000,
    "position_max": LIMITS.position_max, "gross_notional_max": 10**9, "open_orders_max": LIMITS.open_orders_max,
    "unacknowledged_max": 500, "loss_max": 10**7, "price_collar_bps": 1000, "book_age_ms_max": 60_000,
    "intent_age_us_max": 10_000_000, "duplicate_window_us": 1, "messages_per_s": 100_000, "message_burst": 10_000,
    "cancel_reserve": 1000,
}  # fmt: skip
SETTLE_S = 20.0
LEASE_MS = 300
GAP_MS = 30_000  # on a busy machine the beginning of the day takes its time
REACH_BACK_NS = 200_000_000  # an order may be that long on its way to the venue


class OrderWorld:
    """Everything but braind is started, nothing is armed. `venue`: further options of paperd; `gateway`: keys of
    [feedd.gateway]; `resting`: as many orders rest before `trade` returns; `deadline_ms`: of loops and lease, and half
    of the drain's.
    """

    def __init__(
        self,
        material: Material,
        *venue: str,
        braind: str = "quoter",
        resting: int = 20,
        deadline_ms: int = LEASE_MS,
        **gateway: object,
    ) -> None:
        self.suite = suite = Suite(material)
        self.braind, self.resting = braind, resting
        self.began_s = time.monotonic()
        self.control, self.ledger_path = suite.directory / "venue.ctl", suite.directory / "ledger.jsonl"
        self.intents = suite.directory / "intents"
        self.intents.mkdir()
        (suite.directory / "venue.password").write_text("secret")
        (suite.directory / "venue.password").chmod(0o600)
        suite.environment |= {
            "CREDENTIALS_DIRECTORY": str(suite.directory), "HFT_TEST_INTENTS": str(self.intents),
        }  # fmt: skip
        self.address = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
        suite.sections["feedd.gateway"] = {
            "venue": self.address, "heartbeat_ms": 200, "silence_ms": 2000, "reconnect_ms": 10,
            "reconnect_ms_max": 100,
        } | gateway  # fmt: skip
        suite.sections["feedd.capacity"]["updates_ring_records"] = 131072
        # A feedd that starts in the middle of the day has its beginning sent again: only whole books are traded on.
        self.request, self.line_b = (f"127.0.0.1:{free_port()}" for _ in range(2))
        suite.sections["feedd.feed"] |= {
            "join": "start", "request_server": self.request, "gap_timeout_ms": GAP_MS,
        }  # fmt: skip
        suite.sections["risk"] = {"symbols": list(suite.material.symbols), **RISK}
        suite.configure(deadline_ms=deadline_ms, lease_ms=deadline_ms, drain_deadline_ms=2 * deadline_ms)
        self.ledger = VenueLedger(self.ledger_path, LIMITS)
        try:
            self._play(venue)
            suite.start_watchd()
            suite.start("feedd")
        except BaseException:
            self.end()
            raise

    def _play(self, venue: tuple[str, ...]) -> None:
        line: Any = self.suite.sections["feedd.feed"]["line_a"]
        self.suite.processes["paperd"] = self.suite.spawn(
            "paperd",
            [
                "setpriv", "--pdeathsig=KILL", "--", BIN / "paperd", "replay", "--capture", self.suite.material.day,
                "--line-a", line, "--line-b", self.line_b, "--request", self.request,
                "--start-at", "first-order", "--delay", "0", "--session", "DAY0000001",
                "--orders", self.address, "--ledger", self.ledger_path,
                "--control", self.control, "--stay", *venue,
            ],
        )  # fmt: skip
        wait_until(self.control.exists, lambda: f"paperd takes orders: {self.suite.log('paperd')}", START_S)

    def ctl(self, verb: str, **parameters: object) -> dict[str, Any]:
        """A request to paperd, as `paperd ctl` makes it."""
        answer = ask(self.control, {"verb": verb, **parameters})
        assert answer["ok"], answer
        return answer

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The same, whatever is answered."""
        return ask(self.control, request)

    def updates(self) -> np.ndarray:
        """What the gateway told and is still in its ring."""
        return updates_of(self.suite)

    def told(self, kind: str) -> np.ndarray:
        """Those of this kind."""
        updates = self.updates()
        return updates[updates["kind"] == int(UpdateKind[kind])]

    def end(self) -> None:
        self.suite.end()

    # -- trading --------------------------------------------------------------------------------------------------

    def trade(self, tries: int = 6, *, agree: bool = True) -> None:
        """Armed, with orders resting and more on their way. Raises Interrupted when the machine does not let it.

        `agree`: when the ledgers do.
        """
        for left in reversed(range(tries)):
            try:
                self._revive()
                if agree:
                    self.ledgers_agree()
                self._arm()
            except Interrupted as interrupted:
                log.warning("armed again: %s", interrupted)
                if not left:
                    raise
            else:
                return

    def _revive(self) -> None:
        """Disarmed, and started, as a person would: whoever is dead."""
        suite = self.suite
        if not suite.alive("watchd"):
            suite.start_watchd()
        elif (suite.try_ask("status") or {}).get("state") == "armed":  # left so by a test that failed
            self.disarm()
        suite.wait_for_state("disarmed", "killed")
        starting = {"feedd": "feedd", "braind": self.braind}
        made = {role: suite.launch(name, role) for role, name in starting.items() if not suite.alive(role)}
        for role, process in made.items():
            wait_until(
                lambda role=role, process=process: (
                    process.poll() is not None or suite.ready(role, process.pid)
                ),
                lambda role=role: f"{role} is READY: {suite.log(role)[-2000:]}",
                START_S,
            )
            if process.poll() is not None:
                raise Interrupted(f"{role} ended with {process.poll()}: {suite.log(role)[-2000:]}")

    def _arm(self) -> None:
        suite = self.suite
        if suite.status()["state"] == "killed":
            suite.clear()
        suite.wait_until_armable()
        answer = suite.ask("arm", by="alice")
        if not answer["ok"]:
            raise Interrupted(answer)
        epoch = suite.fence()["epoch"]

        def rests() -> bool:
            if not suite.fence()["token"] or suite.gateway()["epoch_latched"] == epoch:
                raise Interrupted(f"{self.refusals()} {suite.status()}")
            return suite.gateway()["open_orders"] >= self.resting

        wait_until(rests, lambda: f"orders rest: {self.refusals()} {suite.gateway()} {suite.status()}")

    def refusals(self) -> dict[str, int]:
        """How often the gateway refused, by reason; reasons that did not occur are left out."""
        stats = self.suite.stats("feedd")
        return {
            name.split('"')[1]: int(count)
            for name, count in stats.items()
            if name.startswith("feedd_intents_refused_total") and count
        }

    def disarm(self) -> str:
        """By a person; why the fence is shut in the end."""
        self.suite.try_ask("disarm", by="alice", timeout_s=SETTLE_S)
        self.suite.wait_for_state("disarmed", "killed")
        wait_until(lambda: self.suite.status()["state_durable"], "the state is on the disk")
        return self.suite.record().reason

    # -- judging --------------------------------------------------------------------------------------------------

    def quiet(self) -> None:
        """Until nothing is open, by the venue's word and by that of the gateway that lives."""

        def nothing_open() -> bool:
            self.ledger.read()
            gateway = self.suite.gateway() if self.suite.alive("feedd") else None
            return not self.ledger.live and (gateway is None or gateway["open_orders"] == 0)

        wait_until(
            nothing_open,
            lambda: (
                f"nothing rests: {len(self.ledger.live)} {self.suite.gateway()} {self.suite.try_ask('status')}"
            ),
            SETTLE_S,
        )

    def judge(self, shut_ns: int, *, feedd_died: bool = False) -> None:
        """`shut_ns`: CLOCK_MONOTONIC, when the fence was shut or the lease was over."""
        self.quiet()
        left = {name: one for name, one in self.ledger.accounts.items() if one.open_buy or one.open_sell}
        assert not left, f"nothing is open, and yet: {left}"
        self.nothing_was_sent_since(shut_ns, unknown_max=1 if feedd_died else 0)
        if self.suite.alive("feedd"):
            try:
                self.ledgers_agree()
            except Interrupted as interrupted:
                log.warning("judged as with a dead feedd: %s", interrupted)
        assert self.ledger.broken == []

    def nothing_was_sent_since(self, shut_ns: int, unknown_max: int) -> None:
        """What the venue took afterwards was on its way: the gateway's last look was before, or it says "in window".

        `unknown_max`: orders that a gateway may have sent in the moment of its death and told nobody of.
        """
        updates = self.updates()
        reaches_back = updates["sequence"][0] == 1 or updates["publish_ts_ns"][0] < shut_ns - REACH_BACK_NS
        assert reaches_back, "too much was told since: make the ring larger"
        sent = updates[(updates["kind"] == int(UpdateKind.SENT)) & (updates["action"] != 2)]
        late = sent[(sent["send_ts_ns"] > shut_ns) & (sent["in_window"] == 0)]
        assert len(late) == 0, f"{len(late)} orders were looked at with the fence shut, and sent"
        known = set(sent["venue_token"].tolist())
        unknown = [ref for ref in self.ledger.accepted_since(shut_ns) if ref not in known]
        assert len(unknown) <= unknown_max, f"the gateway never said that it sent {unknown}"

    def ledgers_agree(self) -> None:
        """The venue's messages added up, paperd's own sums, gateway.positions, and watchd's count.

        Raises Interrupted when watchd has killed feedd: there is nothing to count any more.
        """

        def agree() -> bool:
            self._feedd_lives()
            self.ledger.read()
            return not self.differences()

        wait_until(agree, lambda: f"the ledgers agree: {self.differences()}", SETTLE_S)
        counted = self._counted()
        if counted is None:  # a moment ago it was there
            wait_until(lambda: not self._feedd_lives(), "what watchd can not count is dead", SETTLE_S)
        assert (counted["disagreement"], counted["lost_records"]) == ("", 0)
        assert self.suite.gateway()["sent_after_close"] == 0

    def _feedd_lives(self) -> bool:
        """Raises Interrupted when watchd has killed it for its silence. Any other end of it is a failure."""
        code = self.suite.processes["feedd"].poll()
        assert code in (None, -signal.SIGKILL), self.suite.log("feedd")
        if code is None:
            return True
        status = self.suite.status()
        assert status["reason"] in ("loop_silent", "loop_stalled", "heartbeats_lost"), status
        assert self.suite.gateway()["sent_after_close"] == 0
        raise Interrupted(f"feedd was killed: {status}")

    def _counted(self) -> dict[str, Any] | None:
        """By watchd; None while it has nothing to count from."""
        orders: dict[str, Any] | None = self.suite.status()["orders"]
        return None if orders is None else orders["counted"]

    def differences(self) -> list[str]:
        """Where two of the ledgers differ at this moment, in words."""
        report, gateway, found = self.ctl("report"), self.positions(), []
        for symbol, account in self.ledger.accounts.items():
            theirs, ours = report["symbols"].get(symbol), gateway.get(symbol)
            names = ("bought_quantity", "sold_quantity", "bought_value", "sold_value")
            judge = {name: getattr(account, name) for name in names}
            if theirs is not None and judge != dict(
                zip(
                    names,
                    (theirs["bought"], theirs["sold"], theirs["bought_value_e4"], theirs["sold_value_e4"]),
                    strict=True,
                )
            ):
                found.append(f"{symbol}: messages {judge}, paperd {theirs}")
            if ours is None and account.bought_quantity + account.sold_quantity:
                found.append(f"{symbol}: messages {judge}, the gateway has no entry")
            elif ours is not None and any(judge[name] != getattr(ours, name) for name in names):
                found.append(f"{symbol}: messages {judge}, gateway {ours}")
        held = sum(1 for account in self.ledger.accounts.values() if account.position)
        counted = self._counted()
        if counted is None or counted["positions"] != held:
            found.append(f"{held} positions, watchd counts {counted}")
        return found

    def positions(self) -> dict[str, Any]:
        """gateway.positions by symbol."""
        directory = self.suite.run / "feedd"
        board = Region.open(str(directory / "market.board"), int(RegionKind.MARKET_BOARD))
        positions = Region.open(str(directory / "gateway.positions"), int(RegionKind.GATEWAY_POSITIONS))
        used = np.flatnonzero(positions.records(GATEWAY_POSITION)["instrument_id"])
        entry, found = np.zeros(1, BOARD_ENTRY), {}
        for instrument_id in used.tolist():
            # Refused while its writer stands still in the middle of it.
            wait_until(
                lambda at=instrument_id: read_board_entry(board, at, entry),
                f"board entry {instrument_id} is whole",
            )
            symbol = entry[0]["symbol"].tobytes().rstrip(b"\0").decode()
            found[symbol] = read_position(positions, instrument_id)
        return found

    def stays_shut(self, resting: int = 0) -> None:
        """Killed is killed: a person who only arms is refused, and nothing new rests afterwards."""
        answer = self.suite.ask("arm", by="bob")
        assert not answer["ok"], answer
        assert any("must clear it first" in blocker for blocker in answer["arm_blockers"]), answer
        assert self.suite.fence()["token"] == 0
        assert len(self.ledger.read().live) == resting
