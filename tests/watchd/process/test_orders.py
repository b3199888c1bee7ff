"""watchd and orders, with a puppet for a gateway: limits, cancels, the second ledger, what a kill tells."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from watchd_harness import Suite, wait_until

from hft.layout.dtypes import RegionKind, dtype
from hft.limits import Limits, read_limits
from hft.regions import Region
from watchd import limits_file

RISK = (
    'symbols = ["AAPL", "MSFT"]\norder_quantity_max = 1000\nposition_max = 5000\nloss_max = 100\n'
    "open_orders_max = 100\norder_notional_max = 50000\n"
)
ADA = {"by": "ada", "reason": "a test"}
TICK = 10_000  # price units of one currency unit


def armed_with_a_venue(suite: Suite, drain_deadline_ms: int) -> Suite:
    suite.configure(venue="127.0.0.1:40002", risk=RISK, drain_deadline_ms=drain_deadline_ms)
    return suite.armed()


@pytest.fixture
def trading(suite: Suite) -> Suite:
    """Armed, with a venue, and with time for a gateway that stands still for a while to drain."""
    return armed_with_a_venue(suite, 10_000)


def page(suite: Suite) -> Limits:
    found = read_limits(Region.open(str(suite.run / "watchd/limits"), int(RegionKind.LIMITS)))
    assert found is not None
    return found


def set_limit(suite: Suite, name: str, value: int, **symbol: str) -> dict[str, object]:
    return suite.ask("limits set", limit={"name": name, "value": value, **symbol}, **ADA)


def report(suite: Suite) -> dict:
    wait_until((suite.state / "last_kill.json").exists, "the report is written")
    return json.loads((suite.state / "last_kill.json").read_text())


# -- limits -------------------------------------------------------------------------------------------------------


def test_a_limit_is_tightened_while_armed_and_loosened_only_while_disarmed(trading: Suite) -> None:
    answer = set_limit(trading, "position_max", 300)
    assert (answer["code"], page(trading).position_max) == ("done", 300)
    assert "the gateway has taken it" in answer["text"]
    answer = set_limit(trading, "position_max", 301)
    assert (answer["code"], page(trading).position_max) == ("refused", 300)
    assert trading.ask("disarm", by="ada")["ok"]
    assert set_limit(trading, "position_max", 301)["code"] == "done"
    assert set_limit(trading, "position_max", 5001)["code"] == "refused"
    assert page(trading).position_max == 301
    assert [event["after"] for event in trading.events("limits_changed")] == [300, 301]


def test_limits_show_says_what_is_configured_in_force_and_taken(trading: Suite) -> None:
    set_limit(trading, "loss_max", 40)
    shown = trading.ask("limits show")["limits"]
    assert shown["account"]["loss_max"] == {"config": 100, "in_force": 40}
    assert (shown["sequence"], shown["gateway_sequence"], shown["taken"], shown["durable"]) == (
        1,
        1,
        True,
        True,
    )
    assert page(trading).loss_max == 40 * TICK


def test_a_gateway_that_does_not_take_them_is_told_of(trading: Suite) -> None:
    trading.puppets["feedd"].tell("disobey")
    assert "has NOT taken it yet" in set_limit(trading, "position_max", 300)["text"]
    assert trading.ask("limits show")["limits"]["taken"] is False


def test_a_symbol_s_limit_is_on_the_page_under_its_id_and_follows_it(trading: Suite) -> None:
    feedd = trading.puppets["feedd"]
    feedd.tell("quote 7 AAPL 1000000 1000100")
    assert set_limit(trading, "position_max", 30, symbol="AAPL")["ok"]
    wait_until(lambda: list(page(trading).instruments) == [7], "the board has named it")
    assert page(trading).instruments[7].position_max == 30
    assert set_limit(trading, "position_max", 30, symbol="TSLA")["code"] == "refused"


def test_a_pause_follows_its_symbol_to_the_id_of_another_session(trading: Suite) -> None:
    """TSLA is not one of risk.symbols: pauses are not only for those."""
    feedd = trading.puppets["feedd"]
    feedd.tell("quote 7 TSLA 1000000 1000100")
    feedd.tell("orders 1 7 2")
    wait_until(lambda: trading.status()["orders"]["open_orders"] == 1, "it was told")
    assert "instrument 7 (TSLA)" in trading.ask("pause", scope={"instrument": 7}, **ADA)["text"]
    assert paused_ids(trading) == [7]
    feedd.tell("quote 7 MSFT 1000000 1000100")
    wait_until(lambda: paused_ids(trading) == [], "the id is another one's")
    assert trading.status()["paused"]["symbols"] == {"TSLA": 0}
    feedd.tell("quote 9 TSLA 1000000 1000100")
    wait_until(lambda: paused_ids(trading) == [9], "the board has named it")
    wait_until(lambda: trading.record().paused.symbols == {"TSLA": 9}, "it is on the disk, after the page")
    trading.stop_watchd(signal.SIGKILL)
    trading.start()
    assert (paused_ids(trading), trading.record().paused.symbols) == ([9], {"TSLA": 9})


def test_a_symbol_is_paused_cancelled_and_resumed_by_name(trading: Suite) -> None:
    trading.puppets["feedd"].tell("quote 7 TSLA 1000000 1000100")
    trading.puppets["feedd"].tell("orders 1 7 2")
    wait_until(lambda: trading.status()["orders"]["open_orders"] == 1, "it was told")
    assert trading.ask("pause", scope={"symbol": "TSLA"}, **ADA)["text"] == "pause TSLA: done"
    assert paused_ids(trading) == [7]
    assert trading.ask("cancel-all", scope={"symbol": "TSLA"}, **ADA)["ok"]
    assert trading.ask("resume", scope={"symbol": "TSLA"}, **ADA)["ok"]
    assert paused_ids(trading) == []
    refused = trading.ask("pause", scope={"symbol": "TSLAA"}, **ADA)
    assert (refused["code"], "TSLAA: no such symbol" in refused["text"]) == ("refused", True)


def paused_ids(suite: Suite) -> list[int]:
    fence = Region.open(str(suite.run / "watchd/fence"), int(RegionKind.FENCE)).records(dtype("Fence"))[0]
    return np.flatnonzero(
        np.unpackbits(fence["paused_instruments"].view(np.uint8), bitorder="little")
    ).tolist()


@pytest.mark.parametrize("lost", [False, True])
def test_limits_survive_watchd_also_when_their_file_is_lost(suite: Suite, lost: bool) -> None:
    suite.configure(risk=RISK)
    suite.start()
    inode = (suite.run / "watchd/limits").stat().st_ino
    assert set_limit(suite, "position_max", 300)["ok"]
    suite.stop_watchd(signal.SIGKILL)
    if lost:
        (suite.state / limits_file.FILE_NAME).unlink()
    suite.start()
    assert (page(suite).position_max, (suite.run / "watchd/limits").stat().st_ino) == (300, inode)
    wait_until((suite.state / limits_file.FILE_NAME).exists, "it is on the disk again")
    assert suite.ask("limits show")["limits"]["account"]["position_max"]["in_force"] == 300


def test_limits_survive_a_reboot(suite: Suite) -> None:
    suite.configure(risk=RISK)
    suite.start()
    assert set_limit(suite, "position_max", 300)["ok"]
    suite.stop_watchd()
    (suite.run / "watchd/limits").unlink()
    suite.start()
    assert (page(suite).position_max, page(suite).sequence) == (300, 2)


def test_a_damaged_file_without_a_page_allows_nothing(suite: Suite) -> None:
    suite.configure(risk=RISK)
    (suite.state / limits_file.FILE_NAME).write_text("{}")
    suite.start()
    shown = suite.ask("limits show")["limits"]["account"]
    assert {value["in_force"] for value in shown.values()} == {0}
    assert (page(suite).position_max, page(suite).loss_max) == (0, 0)
    wait_until(lambda: suite.events("limits_unreadable"), "the journal says so")


# -- cancels ------------------------------------------------------------------------------------------------------


def test_cancel_all_says_what_it_found(trading: Suite) -> None:
    trading.puppets["feedd"].tell("orders 5 7 2")
    wait_until(lambda: trading.status()["orders"]["open_orders"] == 5, "they are open")
    answer = trading.ask("cancel-all")
    assert (answer["code"], answer["open_before"], answer["open_after"]) == ("done", 5, 0)


@pytest.mark.parametrize(
    ("scope", "before"), [({"instrument": 7}, 5), ({"strategy": 2}, 5), ({"strategy": 1}, 0)]
)
def test_a_scope_counts_its_own(trading: Suite, scope: dict[str, int], before: int) -> None:
    trading.puppets["feedd"].tell("orders 5 7 2")
    wait_until(lambda: trading.status()["orders"]["open_orders"] == 5, "they are open")
    answer = trading.ask("cancel-all", scope=scope)
    assert (answer["code"], answer["open_before"], answer["open_after"]) == ("done", before, 0)


def test_a_gateway_that_does_not_obey_is_told_of(trading: Suite) -> None:
    trading.puppets["feedd"].tell("disobey")
    answer = trading.ask("cancel-all")
    assert answer["code"] == "refused"
    assert "did not obey in time" in answer["text"]


def test_flatten_pauses_cancels_and_has_positions_closed(trading: Suite) -> None:
    answer = trading.ask("flatten")
    assert (answer["code"], trading.status()["paused"]["all"]) == ("done", True)
    assert "flat, and paused" in answer["text"]


def test_without_a_venue_there_is_nothing_to_cancel(suite: Suite) -> None:
    suite.armed()
    for verb in ("cancel-all", "flatten"):
        answer = suite.ask(verb)
        assert (answer["code"], "no venue is configured" in answer["text"]) == ("refused", True)


# -- the second ledger --------------------------------------------------------------------------------------------


def test_a_loss_beyond_the_limit_kills_without_braind_or_feedd(trading: Suite) -> None:
    feedd = trading.puppets["feedd"]
    feedd.tell("quote 7 AAPL 990000 1010000")
    feedd.tell("fill 7 100 1000000 0")
    wait_until(lambda: trading.status()["orders"]["counted"]["positions"] == 1, "it is counted")
    feedd.tell("quote 7 AAPL 985000 995000")  # 100 shares, down by one: exactly the limit
    wait_until(lambda: trading.status()["orders"]["counted"]["marked_value"] == -100, "it is marked")
    assert trading.status()["state"] == "armed"
    feedd.tell("quote 7 AAPL 984900 994900")
    trading.wait_for_state("killed")
    assert trading.record().reason == "loss_limit"
    assert (feedd.alive, trading.puppets["braind"].alive) == (True, False)
    told = report(trading)
    assert told["positions"] == [{"instrument_id": 7, "symbol": "AAPL", "position": 100, "mark_price": 98.99}]
    assert told["marked_value"] == -101.0


def test_a_tightened_loss_limit_is_the_one_that_counts(trading: Suite) -> None:
    feedd = trading.puppets["feedd"]
    feedd.tell("quote 7 AAPL 990000 990200")
    feedd.tell("fill 7 10 1000000 0")
    wait_until(lambda: trading.status()["orders"]["counted"]["marked_value"] == -9.9, "it is marked")
    assert trading.status()["state"] == "armed"
    assert set_limit(trading, "loss_max", 9)["ok"]
    trading.wait_for_state("killed")
    assert trading.record().reason == "loss_limit"


def test_a_gateway_whose_positions_are_not_its_updates_sum_is_a_kill_that_clear_and_arm_leave(
    trading: Suite,
) -> None:
    trading.puppets["feedd"].tell("fill 7 10 1000000 0")
    wait_until(lambda: trading.status()["orders"]["counted"]["positions"] == 1, "it is counted")
    trading.puppets["feedd"].tell("fill 7 10 1000000 5")
    trading.wait_for_state("killed")
    assert trading.record().reason == "ledgers_disagree"
    assert "position is 25 by the gateway's account and 20 by its updates" in trading.record().detail
    assert trading.ask("clear", **ADA)["ok"]
    trading.wait_for_state("disarmed")
    trading.puppet("braind")
    trading.wait_until_armable()


def test_a_gateway_that_sends_after_the_fence_was_closed_is_killed_with_the_suite(trading: Suite) -> None:
    assert trading.ask("disarm", by="ada")["ok"]
    trading.puppets["feedd"].tell("say sent_after_close 1")
    trading.wait_for_state("killed")
    assert (trading.record().reason, trading.puppets["feedd"].wait()) == ("sent_after_close", -signal.SIGKILL)
    assert report(trading)["sent_after_fence"] == 1


# -- arming and killing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("say", "blocker"),
    [
        ("say venue_session 2", "the venue session is connecting"),
        ("say reconciled 0", "the gateway has not reconciled"),
        ("orders 3 7 1", "3 orders are open or unknown"),
    ],
)
def test_what_blocks_arming_with_a_venue(trading: Suite, say: str, blocker: str) -> None:
    assert trading.ask("disarm", by="ada")["ok"]
    trading.puppets["feedd"].tell("stuck")
    trading.puppets["feedd"].tell(say)
    wait_until(lambda: blocker in trading.status()["arm_blockers"], blocker)
    assert trading.ask("arm", by="ada")["code"] == "refused"


def test_a_kill_tells_what_became_of_the_orders(trading: Suite) -> None:
    feedd = trading.puppets["feedd"]
    feedd.tell("orders 5 7 2")
    feedd.tell("window 77")
    wait_until(lambda: trading.status()["orders"]["sent_in_window"] == 1, "it is seen")
    trading.ask("kill", by="ada")
    told = report(trading)
    assert (told["open_at_kill"], told["cancelled"], told["drained"]) == (5, 5, True)
    assert 0 <= told["last_cancel_ms"] <= told["drained_ms"] + 1000
    assert (told["sent_after_fence"], told["cancel_on_disconnect_relied_on"]) == (0, False)
    assert told["in_window"] == [{"order_id": 77, "instrument_id": 3, "venue_token": 0}]


def test_a_gateway_that_does_not_drain_is_killed_and_the_venue_is_relied_on(suite: Suite) -> None:
    armed_with_a_venue(suite, 500)
    feedd = suite.puppets["feedd"]
    feedd.tell("stuck")
    feedd.tell("orders 4 7 2")
    wait_until(lambda: suite.status()["orders"]["open_orders"] == 4, "they are open")
    suite.ask("kill", by="ada")
    assert feedd.wait() == -signal.SIGKILL
    told = report(suite)
    assert (told["drained"], told["cancel_on_disconnect_relied_on"], told["open_orders"]) == (False, True, 4)
    assert "drain_deadline" in told["steps_us"]


def test_a_feedd_that_dies_with_orders_open_is_told_of(trading: Suite) -> None:
    feedd = trading.puppets["feedd"]
    feedd.tell("orders 4 7 2")
    wait_until(lambda: trading.status()["orders"]["open_orders"] == 4, "they are open")
    feedd.process.kill()
    trading.wait_for_state("killed")
    told = report(trading)
    assert (told["reason"], told["feedd_died_by_itself"], told["open_when_feedd_died"]) == (
        "process_died",
        True,
        4,
    )
    assert told["cancel_on_disconnect_relied_on"] is True
    shown = subprocess.run(
        [sys.executable, "-m", "watchd.main", "ctl", "report", "--config", trading.config],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "NOT WELL: feedd died by itself, 4 orders were open" in shown
    assert "left to the venue's cancel-on-disconnect" in shown


def test_after_clear_the_fence_page_asks_the_gateway_to_log_on_again(trading: Suite) -> None:
    trading.ask("kill", by="ada")
    trading.wait_for_state("killed")
    assert trading.fence()["reason"] >= 4
    assert trading.ask("clear", **ADA)["ok"]
    wait_until(lambda: trading.fence()["reason"] == 1, "the reason is no kill any more")
