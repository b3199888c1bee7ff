"""The monitor and orders, on a manual clock."""

from __future__ import annotations

import pytest
from fakes import MS
from world import World

from hft.config import Risk
from hft.layout.dtypes import CloseReason, RefusalReason, VenueSession
from watchd import actions
from watchd.ctl_protocol import LimitChange, Scope
from watchd.kill_orders import orders_of
from watchd.killing import Kill
from watchd.settings import Settings
from watchd.states import Phase, SuiteState
from watchd.tally import Entry, Holding

RISK = Risk(symbols=("AAPL",), position_max=5000, loss_max=100, order_quantity_max=10)
VENUE = Settings(venue=True)
UP, CONNECTING = int(VenueSession.UP), int(VenueSession.CONNECTING)


def made(state: SuiteState = SuiteState.DISARMED) -> World:
    world = World(VENUE, state, RISK)
    world.start_feedd()
    world.start_braind()
    world.gateway.venue_session = UP
    world.start_watchd()
    world.run_ms(60)
    return world


def armed() -> World:
    world = made()
    assert world.ask("arm")["ok"], world.answers
    return world


def phase(world: World) -> Phase:
    return world.monitor.phase


def set_limit(world: World, name: str, value: int, symbol: str = "") -> dict[str, object]:
    return world.ask("limits set", limit=LimitChange(name, value, symbol))


# -- limits -------------------------------------------------------------------------------------------------------


def test_a_tighter_limit_is_on_the_page_at_once_and_is_said_to_be_set_when_it_is_on_the_disk() -> None:
    world = armed()
    world.disk.slow_ticks = 50
    ticket = world.send("limits set", limit=LimitChange("position_max", 300))
    done = [type(action) for action in world.watchd_pass()]
    assert world.pages.limits.position_max == 300
    assert done.index(actions.Note) < done.index(actions.SaveLimits), (
        "who is told of it finds it in the journal"
    )
    world.run_ms(45)
    assert ticket not in world.answers
    world.run_ms(30)
    assert (world.answers[ticket]["ok"], world.disk.limits.of("position_max")) == (True, 300)


def test_a_disk_that_is_full_is_told_and_tried_again() -> None:
    world = armed()
    world.disk.full = True
    answer = set_limit(world, "position_max", 300)
    assert (answer["code"], world.pages.limits.position_max) == ("refused", 300)
    assert "in force, but not on the disk" in answer["text"]
    world.disk.full = False
    world.run_ms(1100)
    assert world.disk.limits.of("position_max") == 300
    assert world.ask("limits show")["limits"]["durable"] is True


@pytest.mark.parametrize("state", ["armed", "killed", "disarmed"])
def test_loosening_is_for_a_disarmed_suite(state: str) -> None:
    world = armed()
    set_limit(world, "position_max", 300)
    if state == "killed":
        world.ask("kill")
    elif state == "disarmed":
        world.ask("disarm")
    assert set_limit(world, "position_max", 301)["ok"] is (state == "disarmed")
    assert set_limit(world, "position_max", 200)["ok"]


def test_what_is_so_already_changes_nothing() -> None:
    world = armed()
    assert set_limit(world, "position_max", 5000)["code"] == "already"
    assert (world.pages.limits.sequence, world.ask("limits show")["limits"]["sequence"]) == (0, 0)


def test_a_gateway_that_has_not_taken_a_limit_is_waited_for_and_then_told_of() -> None:
    world = armed()
    world.gateway.takes_limits = False
    answer = set_limit(world, "position_max", 300)
    assert "NOT taken" in answer["text"]
    assert world.ask("limits show")["limits"]["taken"] is False
    world.gateway.takes_limits = True
    world.run_ms(20)
    assert world.ask("limits show")["limits"]["taken"] is True


def test_a_page_that_the_gateway_can_not_read_is_not_taken() -> None:
    world = armed()
    world.gateway.takes_limits = False
    world.gateway.limits_sequence = 2**64 - 1
    set_limit(world, "position_max", 300)
    assert world.ask("limits show")["limits"]["taken"] is False


@pytest.mark.parametrize("kept", [0, 1])
def test_a_watchd_that_dies_between_page_and_disk_has_loosened_nothing(kept: int) -> None:
    world = armed()
    set_limit(world, "position_max", 300)
    world.ask("disarm")
    world.disk.slow_ticks = 1000
    world.send("limits set", limit=LimitChange("position_max", 4000))
    world.watchd_pass()
    assert world.pages.limits.position_max == 4000
    for what, _, _ in world.disk.queue[:kept]:
        world.disk.store(what)
    world.start_watchd()
    world.run_ms(20)
    assert world.monitor.limits.tightened.of("position_max") == (4000 if kept else 300)


def test_a_symbol_s_limit_follows_its_instrument_id() -> None:
    world = armed()
    set_limit(world, "order_quantity_max", 3, "AAPL")
    assert world.pages.limits.instruments == {}
    world.instrument_ids = {"AAPL": 7}
    world.run_ms(20)
    assert world.pages.limits.instruments[7].order_quantity_max == 3
    world.instrument_ids = {"AAPL": 8}
    world.run_ms(20)
    assert list(world.pages.limits.instruments) == [8]


# -- cancels ------------------------------------------------------------------------------------------------------


def test_commands_are_on_the_page_one_at_a_time() -> None:
    world = armed()
    world.gateway.obeys = False
    tickets = [
        world.send("cancel-all", scope=Scope(instrument=7)),
        world.send("cancel-all", scope=Scope(strategy=2)),
    ]
    world.run_ms(50)
    assert (world.pages.ticket, world.pages.scope) == (2, Scope(instrument=7))
    world.gateway.obeys = True
    world.run_ms(400)
    assert (world.pages.ticket, world.pages.scope) == (4, Scope(strategy=2))
    assert [world.answers[ticket]["code"] for ticket in tickets] == ["done", "done"]


def test_a_cancel_that_is_not_obeyed_makes_room_for_the_next() -> None:
    world = armed()
    world.gateway.obeys = False
    first, second = world.send("cancel-all"), world.send("cancel-all")
    world.run_ms(2100)
    assert "did not obey" in world.answers[first]["text"]
    assert (world.pages.ticket, second in world.answers) == (4, False)


def test_a_kill_answers_who_waits_for_a_cancel() -> None:
    world = armed()
    world.gateway.obeys = False
    tickets = [world.send("cancel-all"), world.send("cancel-all")]
    world.run_ms(20)
    world.ask("kill")
    assert ["a kill came first" in world.answers[ticket]["text"] for ticket in tickets] == [True, True]


@pytest.mark.parametrize("verb", ["cancel-all", "flatten"])
def test_without_feedd_nothing_is_asked(verb: str) -> None:
    world = World(VENUE, risk=RISK)
    world.start_watchd()
    assert "feedd is not running" in world.ask(verb)["text"]


def test_flatten_pauses_first() -> None:
    world = armed()
    assert world.ask("flatten", scope=Scope(instrument=7))["code"] == "done"
    assert (world.pages.closes, world.pages.scope, world.paused.instruments) == (
        True,
        Scope(instrument=7),
        (7,),
    )


def test_what_a_flatten_paused_follows_its_symbol() -> None:
    world = armed()
    world.instrument_ids = {"AAPL": 7}
    assert world.ask("flatten", scope=Scope(instrument=7))["code"] == "done"
    world.instrument_ids = {"AAPL": 8}
    world.run_ms(20)
    assert world.paused.on_page == (8,)


def test_flatten_does_nothing_when_orders_can_not_be_sent_or_positions_are_not_kept() -> None:
    world = armed()
    assert "nothing was done" in world.ask("flatten", scope=Scope(strategy=1))["text"]
    world.ask("disarm")
    assert "nothing was done" in world.ask("flatten")["text"]
    assert (world.pages.ticket, world.paused.all) == (0, False)


def test_flatten_tells_what_is_left() -> None:
    world = armed()
    world.gateway.closes = False
    holding = Holding.of(Entry(1, 7, 40, 40, 0, 0, 0, 0, 10, 10))
    world.tally.holdings[7] = holding
    answer = world.ask("flatten")
    assert (answer["code"], "instrument 7 +40" in answer["text"]) == ("refused", True)


def test_flatten_tells_why_the_gateway_gave_up() -> None:
    world = armed()
    world.gateway.flatten_refusal = int(RefusalReason.BOOK_INVALID)
    world.tally.holdings[7] = Holding.of(Entry(1, 7, 40, 40, 0, 0, 0, 0, 10, 10))
    answer = world.ask("flatten")
    assert answer["code"] == "refused"
    assert "gave up (book_invalid): instrument 7 +40 left" in answer["text"]


# -- the second ledger --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lost", "expected"), [(100, Phase.ARMED), (101, Phase.KILLED)])
def test_beyond_the_loss_limit_is_a_kill(lost: int, expected: Phase) -> None:
    world = armed()
    world.tally.marked_value = -lost * 10_000
    world.run_ms(50)
    assert phase(world) is expected
    if expected is Phase.KILLED:
        assert (world.monitor.record.reason, world.feedd.alive) == ("loss_limit", True)


def test_a_loss_does_not_kill_a_disarmed_suite_but_it_blocks_arming() -> None:
    world = made()
    world.tally.marked_value = -101 * 10_000
    world.run_ms(50)
    assert phase(world) is Phase.DISARMED
    assert any("loss_max is 100" in text for text in world.ask("arm")["arm_blockers"])


def test_a_disagreement_kills_in_every_phase_and_clear_begins_anew() -> None:
    world = made()
    world.tally.disagreement = "they differ"
    world.run_ms(50)
    assert (phase(world), world.monitor.record.reason) == (Phase.KILLED, "ledgers_disagree")
    assert world.clear()["ok"]
    assert (phase(world), world.tally.disagreement) == (Phase.DISARMED, "")


@pytest.mark.parametrize("phase_before", ["armed", "disarmed", "killed"])
def test_a_gateway_that_sends_after_the_closing_dies_for_it_once(phase_before: str) -> None:
    world = armed()
    if phase_before != "armed":
        world.ask("disarm" if phase_before == "disarmed" else "kill")
    world.gateway.sent_after_close = 1
    world.run_ms(100)
    assert (phase(world), world.monitor.record.reason, world.feedd) == (
        Phase.KILLED,
        "sent_after_close",
        None,
    )
    kills = [note for note in world.notes if note.event == "kill"]
    assert len(kills) == (2 if phase_before == "killed" else 1)


def test_without_regions_to_count_from_a_venue_is_not_armed() -> None:
    world = made()
    world.tally = None
    assert any("can not count positions" in text for text in world.ask("arm")["arm_blockers"])


@pytest.mark.parametrize("session", [CONNECTING, int(VenueSession.LOGGED_OFF), 99])
def test_a_session_that_is_not_up_blocks_arming(session: int) -> None:
    world = made()
    world.gateway.venue_session = session
    assert any("venue session is" in text for text in world.ask("arm")["arm_blockers"])


# -- the report ---------------------------------------------------------------------------------------------------


def test_the_report_counts_from_the_closing() -> None:
    world = armed()
    world.run_ms(30)
    world.ask("kill")
    world.run_ms(20)
    told = world.report
    assert (told["open_at_kill"], told["cancelled"], told["drained"]) == (5, 5, True)
    assert (told["last_cancel_ms"], told["drained_ms"]) == (5.0, 5.0)
    assert told["cancel_on_disconnect_relied_on"] is False


def test_a_gateway_that_is_killed_leaves_its_orders_to_the_venue() -> None:
    world = armed()
    world.run_ms(30)
    world.gateway.slow_to_drain = True
    world.ask("kill")
    told = world.report
    assert (told["drained"], told["cancel_on_disconnect_relied_on"]) == (False, True)
    assert (told["feedd_died_by_itself"], told["open_orders"], told["drained_ms"]) == (False, 5, None)


def test_the_words_of_a_feedd_that_comes_meanwhile_are_not_the_dead_one_s() -> None:
    world = armed()
    world.run_ms(30)
    world.feedd.alive = False
    while phase(world) is Phase.ARMED:
        world.tick()
    world.start_feedd()
    world.run_ms(100)
    told = world.report
    assert (told["reason"], told["feedd_died_by_itself"], told["open_when_feedd_died"]) == (
        "process_died",
        True,
        5,
    )


def test_a_gateway_that_reconciles_still_is_not_said_to_be_drained_and_is_killed() -> None:
    world = made()
    world.gateway.reconciled, world.gateway.venue_session = False, CONNECTING
    world.ask("kill")
    told = world.report
    assert (told["drained"], told["open_orders"], "drain_deadline" in told["steps_us"]) == (False, 0, True)
    assert (told["cancel_on_disconnect_relied_on"], told["feedd_died_by_itself"], world.feedd) == (
        True,
        False,
        None,
    )


def test_a_gateway_that_has_not_joined_the_venue_may_know_less_than_rests() -> None:
    world = made()
    world.gateway.reconciled, world.gateway.venue_session = False, int(VenueSession.DOWN)
    world.ask("kill")
    assert world.report["cancel_on_disconnect_relied_on"] is True


@pytest.mark.parametrize("venue", [True, False])
def test_a_feedd_that_was_stopped_before_the_kill_did_not_die_by_itself(venue: bool) -> None:
    world = World(Settings(venue=venue), risk=RISK)
    world.start_watchd()
    world.run_ms(20)
    world.ask("kill")
    told = world.report
    assert "feedd_was_gone" in told["steps_us"]
    assert (told["feedd_died_by_itself"], told["open_when_feedd_died"]) == (False, None)
    assert told["cancel_on_disconnect_relied_on"] is (None if venue else False), "nobody knows"


@pytest.mark.parametrize(("venue", "left"), [(True, None), (False, 0)])
def test_a_feedd_that_died_before_its_gateway_was_seen_left_what_nobody_knows(
    venue: bool, left: int | None
) -> None:
    reason = int(CloseReason.PROCESS_DIED)
    kill = Kill(reason, "", "watchd", 0, "feedd", MS, MS, 1, was_open=False, steps_ns={"feedd_was_gone": 0})
    told = orders_of(kill, None, Settings(venue=venue))
    assert (told["feedd_died_by_itself"], told["open_when_feedd_died"]) == (True, left)
    assert told["cancel_on_disconnect_relied_on"] is (None if venue else False)
    kill.culprit = "braind"
    assert orders_of(kill, None, Settings(venue=venue))["feedd_died_by_itself"] is False


def test_a_gateway_that_lost_track_of_its_account_is_a_kill_once_it_has_lasted() -> None:
    world = made()
    world.ask("arm", by="alice")
    world.gateway.reconciled = False
    world.run_ms(900)
    world.gateway.reconciled = True
    world.run_ms(20)
    world.gateway.reconciled = False
    world.run_ms(900)
    assert world.monitor.phase is Phase.ARMED
    world.run_ms(200)
    assert (world.monitor.phase, world.monitor.record.reason) == (Phase.KILLED, "ledgers_disagree")


def test_a_gateway_without_a_session_is_not_in_doubt() -> None:
    world = made()
    world.ask("arm", by="alice")
    world.gateway.venue_session, world.gateway.reconciled = CONNECTING, False
    world.run_ms(5000)
    assert world.monitor.phase is Phase.ARMED
