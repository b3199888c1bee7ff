"""Limits, cancels, kills and the second ledger with the real gateway and a paper venue; trader.py is braind."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import pytest
from suite import BIN, START_S, Interrupted, Suite, free_port, wait_until

log = logging.getLogger(__name__)
RESTING, TRIES = 200, 2
RISK: dict[str, object] = {
    "order_quantity_max": 1000, "order_notional_max": 10**7, "position_max": 100_000, "gross_notional_max": 10**9,
    "open_orders_max": RESTING, "unacknowledged_max": 500, "loss_max": 10**6, "price_collar_bps": 5000,
    "book_age_ms_max": 60_000, "intent_age_us_max": 10_000_000, "duplicate_window_us": 1, "messages_per_s": 100_000,
    "message_burst": 10_000, "cancel_reserve": 1000,
}  # fmt: skip
ADA = {"by": "ada", "reason": "a test"}


def play_with_orders(suite: Suite, venue: str) -> None:
    """Returns when the venue listens. A feedd that starts then has the beginning of the day sent again."""
    line: Any = suite.sections["feedd.feed"]["line_a"]
    request, control = f"127.0.0.1:{free_port()}", suite.directory / "venue.ctl"
    suite.sections["feedd.feed"] |= {"join": "start", "request_server": request, "gap_timeout_ms": 30_000}
    suite.configure()
    suite.processes["paperd"] = suite.spawn(
        "paperd",
        [
            "setpriv", "--pdeathsig=KILL", "--", BIN / "paperd", "replay", "--capture", suite.material.day,
            "--line-a", line, "--line-b", f"127.0.0.1:{free_port()}", "--start-at", "first-order", "--delay", "0",
            "--session", "DAY0000001", "--orders", venue, "--ledger", suite.directory / "ledger.jsonl",
            "--request", request, "--control", control,
        ],
    )  # fmt: skip
    wait_until(control.exists, lambda: f"paperd takes orders: {suite.log('paperd')}", START_S)


def rest(suite: Suite) -> None:
    """Starts what is missing and arms it, until as many orders rest as may. Raises Interrupted."""

    def settled() -> bool:
        """With none on its way: it may be one that takes from the book, and then one less rests."""
        if not suite.fence()["token"]:
            raise Interrupted(f"{suite.status()}")
        words = suite.gateway()
        return (words["open_orders"], words["unacknowledged"]) == (RESTING, 0)

    suite.whole("trader", play=False)
    suite.wait_for_state("disarmed", "killed")
    if suite.status()["state"] == "killed":
        suite.clear()
    suite.wait_until_armable()
    answer = suite.ask("arm", by="ada")
    if not answer["ok"]:
        raise Interrupted(answer)
    wait_until(lambda: settled() and settled(), lambda: f"orders rest: {suite.status()}")


def orders(suite: Suite) -> dict[str, Any]:
    found: dict[str, Any] = suite.status()["orders"]
    return found


@pytest.fixture
def trading(suite: Suite, tmp_path: Path) -> Suite:
    """Armed, with orders resting at the venue."""
    venue = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    password = tmp_path / "venue.password"
    password.write_text("secret")
    password.chmod(0o600)
    suite.environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    suite.sections["feedd.gateway"] = {"venue": venue, "heartbeat_ms": 200, "silence_ms": 10_000}
    suite.sections["risk"] = {"symbols": list(suite.material.symbols), **RISK}
    play_with_orders(suite, venue)
    for _ in range(TRIES - 1):
        try:
            rest(suite)
        except Interrupted as interrupted:
            log.warning("armed again: %s", interrupted)
        else:
            return suite
    rest(suite)
    return suite


def test_with_orders_resting_a_kill_cancels_them_leaves_the_venue_and_clear_brings_it_back(
    trading: Suite,
) -> None:
    told = trading.ask("kill", **ADA)["report"]
    assert (told["open_at_kill"], told["drained"], told["open_orders"]) == (200, True, 0)
    assert told["cancelled"] >= 200
    assert 0 <= told["last_cancel_ms"] <= told["drained_ms"]
    assert (told["sent_after_fence"], told["cancel_on_disconnect_relied_on"]) == (0, False)
    assert len(told["in_window"]) == told["sent_in_window"] <= 1
    wait_until(lambda: orders(trading)["venue_session"] == "logged off", "it has left the venue")
    trading.clear()
    wait_until(lambda: orders(trading)["venue_session"] == "up", "it has come back")
    trading.start("trader", "braind")
    trading.wait_until_armable()


def test_the_gateway_takes_limits_and_obeys_cancels_and_both_ledgers_agree(trading: Suite) -> None:
    answer = trading.ask("limits set", limit={"name": "open_orders_max", "value": 50}, **ADA)
    assert "the gateway has taken it" in answer["text"], answer
    answer = trading.ask("cancel-all")
    assert (answer["code"], answer["open_before"]) == ("done", 200), answer
    assert orders(trading)["open_orders"] <= 50
    assert trading.ask("disarm", by="ada")["ok"]
    found = orders(trading)
    assert (found["open_orders"], found["counted"]["disagreement"]) == (0, "")
    assert found["counted"]["lost_records"] == 0


def test_flatten_leaves_nothing_open_and_nothing_held(trading: Suite) -> None:
    def holds_under_a_pause() -> bool:
        """The trader buys and sells in turn, and stops when as much rests as may."""
        assert trading.ask("pause")["ok"]
        if orders(trading)["counted"]["positions"] > 0:
            return True
        assert trading.ask("resume")["ok"]
        assert trading.ask("cancel-all")["ok"]
        return False

    wait_until(holds_under_a_pause, "something is held")
    answer = trading.ask("flatten")
    assert (answer["code"], "flat, and paused" in answer["text"]) == ("done", True), answer
    assert (orders(trading)["open_orders"], orders(trading)["counted"]["positions"]) == (0, 0)
    assert trading.status()["state"] == "armed"


def test_a_loss_limit_that_is_passed_kills(trading: Suite) -> None:
    wait_until(lambda: orders(trading)["counted"]["marked_value"] < 0, "taking costs the spread")
    assert trading.ask("limits set", limit={"name": "loss_max", "value": 0}, **ADA)["ok"]
    trading.wait_for_state("killed")
    assert trading.status()["reason"] == "loss_limit"
    assert orders(trading)["open_orders"] == 0
