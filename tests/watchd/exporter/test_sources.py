"""What is read from fence, gateway, vetoes, loops, locks, headers and files is what is exposed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from exporter_harness import Scraper, Suite

from hft.layout.dtypes import CloseReason, LoopState, RegionKind, VetoReason, dtype
from hft.limits import InstrumentLimits, Limits, write_limits
from hft.regions import LimitsWriter, Region, monotonic_ns
from hft.stats import StatsBuilder
from watchd.exporter.document import rows
from watchd.states import SuiteState

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "METRICS.md"


@pytest.fixture
def scraper(suite: Suite) -> Scraper:
    return Scraper(suite.config)


def test_an_open_fence_shows_epoch_and_what_is_left_of_its_lease(suite: Suite, scraper: Scraper) -> None:
    suite.fence.open(8, 12345, monotonic_ns() + 60_000_000_000)
    seen = scraper.scrape()
    assert (seen["hft_fence_open"], seen["hft_fence_epoch"]) == (1, 8)
    assert 30 < seen["hft_fence_lease_remaining_seconds"] <= 60
    assert "hft_fence_closed_timestamp_seconds" not in seen


def test_a_lapsed_lease_is_negative(suite: Suite, scraper: Scraper) -> None:
    suite.fence.open(8, 12345, monotonic_ns() - 5_000_000_000)
    assert -30 < scraper.scrape()["hft_fence_lease_remaining_seconds"] <= -5


def test_a_closed_fence_shows_why_and_since_when(suite: Suite, scraper: Scraper) -> None:
    suite.fence.open(8, 12345, monotonic_ns())
    suite.fence.close(int(CloseReason.LOOP_SILENT))
    seen = scraper.scrape()
    assert (seen["hft_fence_open"], seen["hft_fence_lease_remaining_seconds"]) == (0, 0)
    assert seen['hft_fence_close_reason{reason="loop_silent"}'] == 1
    assert sum(value for name, value in seen.items() if name.startswith("hft_fence_close_reason")) == 1
    assert abs(seen["hft_fence_closed_timestamp_seconds"] - time.time()) < 30


def test_pauses_are_counted(suite: Suite, scraper: Scraper) -> None:
    suite.fence.pause_all(True)
    for instrument in (0, 63, 64, 65535):
        suite.fence.pause_instrument(instrument, True)
    suite.fence.pause_strategy(1023, True)
    seen = scraper.scrape()
    assert seen["hft_fence_paused_all"] == 1
    assert (seen["hft_fence_paused_instruments"], seen["hft_fence_paused_strategies"]) == (4, 1)


def test_the_gateways_words_are_exposed(suite: Suite, scraper: Scraper) -> None:
    suite.write_gateway(
        fence_open=1, fence_token_seen=99, fence_epoch_seen=8, epoch_latched=6, drained=7, reconciled=1, open_orders=3,
        intents_generation=5, intents_cursor=41, intents_refused=4, intents_would_send=37, updates_watermark=42,
        veto_seen=5, venue_session=5, unacknowledged=2, orders_sent=9, cancels_sent=8, sent_after_close=1,
        sent_in_window=6, open_at_close=11, limits_sequence=4, realized_value=2**64 - 15_000, marked_value=25_000,
    )  # fmt: skip
    seen = scraper.scrape()
    gateway = {
        name.removeprefix("hft_gateway_"): value
        for name, value in seen.items()
        if "hft_gateway_" in name and 'hft_gateway_venue_session{state="' not in name
    }
    assert seen['hft_gateway_venue_session{state="up"}'] == 1
    assert seen['hft_gateway_venue_session{state="down"}'] == 0
    assert gateway == {
        "fence_open": 1, "fence_token_seen": 1, "fence_epoch": 8, "latched_epoch": 6, "drained_epoch": 7,
        "reconciled": 1, "open_orders": 3, "intents_attached": 1, "intents_cursor": 41, "intents_refused_total": 4,
        "intents_would_send_total": 37, "updates_published_total": 42, 'veto_seen{by="operator"}': 1,
        'veto_seen{by="braind"}': 0, 'veto_seen{by="feedd"}': 1, "unacknowledged_messages": 2, "orders_sent_total": 9,
        "cancels_sent_total": 8, "sent_after_close_total": 1, "sent_in_window_total": 6, "open_at_close_orders": 11,
        "limits_sequence": 4, "realized_value": -1.5, "marked_value": 2.5,
    }  # fmt: skip


def test_a_value_that_the_gateway_does_not_know_and_limits_that_it_can_not_read_are_told_apart(
    suite: Suite, scraper: Scraper
) -> None:
    suite.write_gateway(marked_value=2**63, limits_sequence=2**64 - 1)
    seen = scraper.scrape()
    assert "hft_gateway_marked_value" not in seen
    assert seen["hft_gateway_limits_sequence"] == -1


def test_positions_are_exposed_with_the_board_s_symbols(suite: Suite, scraper: Scraper) -> None:
    rows = suite.positions.records(dtype("GatewayPosition"))
    rows[3]["instrument_id"], rows[3]["position"], rows[3]["mark_price"] = 3, -40, 1_234_500
    rows[3]["bought_quantity"], rows[3]["sold_quantity"] = 60, 100
    suite.board.records(dtype("BoardEntry"))[3]["symbol"][:4] = list(b"AAPL")
    seen = scraper.scrape()
    labels = '{instrument="3",symbol="AAPL"}'
    shown = {
        name: seen[f"hft_position{name}{labels}"]
        for name in ("", "_bought_quantity", "_sold_quantity", "_mark_price")
    }
    assert shown == {"": -40, "_bought_quantity": 60, "_sold_quantity": 100, "_mark_price": 123.45}
    assert len([name for name in seen if name.startswith("hft_position{")]) == 1


def test_tightened_limits_are_exposed_in_the_configuration_s_units(suite: Suite, scraper: Scraper) -> None:
    assert scraper.scrape()["hft_limits_sequence"] == 0
    own = {3: InstrumentLimits(order_notional_max=50_000)}
    write_limits(LimitsWriter(suite.limits), Limits(loss_max=70_000, position_max=0, instruments=own))
    seen = scraper.scrape()
    limits = {name: value for name, value in seen.items() if name.startswith("hft_limit")}
    assert limits == {
        "hft_limits_sequence": 1,
        'hft_limit_tightened{instrument="",limit="loss_max"}': 7,
        'hft_limit_tightened{instrument="",limit="position_max"}': 0,
        'hft_limit_tightened{instrument="3",limit="order_notional_max"}': 5,
    }


def test_a_page_of_limits_within_a_change_is_an_error_of_its_source(suite: Suite, scraper: Scraper) -> None:
    suite.limits.records(dtype("Limits"))["version"] = 1
    assert scraper.scrape()['hft_exporter_up{source="watchd/limits"}'] == 0


def test_what_became_of_the_orders_of_a_kill_is_exposed(suite: Suite, scraper: Scraper) -> None:
    suite.save_kill(
        open_at_kill=5, cancelled=4, last_cancel_ms=12.5, sent_after_fence=0, sent_in_window=1,
        cancel_on_disconnect_relied_on=True, feedd_died_by_itself=False,
    )  # fmt: skip
    seen = {name.removeprefix("hft_last_kill_"): value for name, value in scraper.scrape().items()}
    assert (seen["open_at_kill"], seen["cancelled"], seen["last_cancel_seconds"]) == (5, 4, 0.0125)
    assert (seen["sent_after_fence"], seen["sent_in_window"]) == (0, 1)
    assert (seen["cancel_on_disconnect_relied_on"], seen["feedd_died_by_itself"]) == (1, 0)


def test_what_nobody_knows_of_a_kill_is_not_exposed(suite: Suite, scraper: Scraper) -> None:
    suite.save_kill(open_at_kill=None, cancel_on_disconnect_relied_on=None, feedd_died_by_itself=False)
    seen = {name.removeprefix("hft_last_kill_") for name in scraper.scrape()}
    assert "feedd_died_by_itself" in seen
    assert not seen & {"open_at_kill", "cancel_on_disconnect_relied_on"}


def test_each_veto_is_told_apart_by_who_says_no_and_why(suite: Suite, scraper: Scraper) -> None:
    suite.veto_by_operator()
    suite.intents.set_veto(int(VetoReason.NUMBERS_NOT_FINITE))
    suite.gateway.set_veto(77)
    seen = scraper.scrape()
    assert [seen[f'hft_veto{{by="{by}"}}'] for by in ("operator", "braind", "feedd")] == [1, 1, 1]
    assert seen['hft_veto_reason{by="operator",reason="operator"}'] == 1
    assert seen['hft_veto_reason{by="braind",reason="numbers_not_finite"}'] == 1
    assert seen['hft_veto_reason{by="feedd",reason="unknown"}'] == 1
    assert seen["hft_operator_veto_timestamp_seconds"] == 1_700_000_000.25
    suite.veto.set_veto(0)
    assert scraper.scrape()['hft_veto{by="operator"}'] == 0


def test_a_loop_shows_its_progress_and_its_state(suite: Suite, scraper: Scraper) -> None:
    suite.market.enter(int(LoopState.READY))
    suite.market.round(1000, 900, 5)
    seen = scraper.scrape()
    loop = '{daemon="feedd",loop="market"}'
    assert [seen[f"hft_loop_{name}{loop}"] for name in ("iterations_total", "consumed_total", "produced_total")] == [
        1, 1000, 900,
    ]  # fmt: skip
    assert seen[f"hft_loop_lag_records{loop}"] == 5
    assert seen['hft_loop_state{daemon="feedd",loop="market",state="ready"}'] == 1
    assert seen['hft_loop_state{daemon="feedd",loop="market",state="draining"}'] == 0
    assert seen['hft_loop_state{daemon="feedd",loop="gateway",state="none"}'] == 1
    assert abs(seen[f"hft_loop_state_timestamp_seconds{loop}"] - time.time()) < 30


def test_a_loop_that_stands_still_is_unmoved_for_longer_at_every_scrape(
    suite: Suite, scraper: Scraper
) -> None:
    name = 'hft_loop_unmoved_seconds{daemon="braind",loop="brain"}'
    first = scraper.scrape()[name]
    suite.brain.idle_round()
    moved = scraper.scrape()[name]
    time.sleep(0.02)
    still = scraper.scrape()[name]
    assert (first, moved) == (0, 0)
    assert 0.02 <= still < 10
    suite.brain.idle_round()
    assert scraper.scrape()[name] == 0


def test_the_state_file_is_exposed_as_one_of_its_states(suite: Suite, scraper: Scraper) -> None:
    suite.save_state(state=SuiteState.KILLED, reason="loop_silent")
    seen = scraper.scrape()
    states = ("disarmed", "armed", "killed", "unknown")
    assert [seen[f'hft_suite_state{{state="{state}"}}'] for state in states] == [0, 0, 1, 0]
    assert seen['hft_suite_state_reason{reason="loop_silent"}'] == 1
    assert (seen["hft_suite_state_timestamp_seconds"], seen["hft_suite_state_epoch"]) == (1_795_532_400.25, 7)


def test_the_last_kill_is_exposed_with_its_steps(suite: Suite, scraper: Scraper) -> None:
    assert not [name for name in scraper.scrape() if "last_kill" in name]
    suite.save_kill()
    seen = scraper.scrape()
    assert seen['hft_last_kill_step_seconds{step="braind_dead"}'] == 0.0015
    assert seen['hft_last_kill_reason{reason="loop_silent"}'] == 1
    assert seen["hft_last_kill_timestamp_seconds"] == 1_795_536_000
    assert (seen["hft_last_kill_fence_was_open"], seen["hft_last_kill_drained"]) == (1, 1)
    assert seen["hft_last_kill_open_orders"] == 0
    suite.save_kill(open_orders=None)
    assert "hft_last_kill_open_orders" not in scraper.scrape()


def test_a_region_shows_its_birth_pages_and_writer(suite: Suite, scraper: Scraper) -> None:
    seen = scraper.scrape()
    assert abs(seen['hft_region_created_timestamp_seconds{region="watchd/fence"}'] - time.time()) < 60
    assert seen['hft_region_page_bytes{region="watchd/fence"}'] == 4096
    assert seen['hft_region_size_bytes{region="watchd/fence"}'] == suite.fence_region.size_bytes
    assert seen['hft_region_writer_alive{region="watchd/fence"}'] == 1
    assert seen['hft_region_retired{region="feedd/stats"}'] == 0
    suite.feedd_stats.retire()
    assert scraper.scrape()['hft_region_retired{region="feedd/stats"}'] == 1


def test_rings_are_listed_without_being_mapped(suite: Suite, scraper: Scraper) -> None:
    Region.create(str(suite.run / "feedd" / "market.ring"), int(RegionKind.MARKET_RING), 1024, 128)
    assert scraper.scrape()['hft_region_size_bytes{region="feedd/market.ring"}'] == 4096 + 1024 * 128
    mapped = Path("/proc/self/maps").read_text()
    assert str(suite.run / "feedd" / "stats") in mapped
    assert str(suite.run / "feedd" / "market.ring") not in mapped


def test_a_daemon_lives_while_it_holds_its_lock(suite: Suite, scraper: Scraper) -> None:
    hold = "import sys; from hft.regions import DaemonLock; l = DaemonLock(sys.argv[1]); print(1, flush=True); input()"
    command = [sys.executable, "-c", hold, str(suite.run / "braind")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"1\n"
        seen = scraper.scrape()
        assert [seen[f'hft_daemon_alive{{daemon="{name}"}}'] for name in ("feedd", "braind", "watchd")] == [
            0,
            1,
            0,
        ]
        holder.kill()
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # dead, and still a zombie
        assert scraper.scrape()['hft_daemon_alive{daemon="braind"}'] == 0


def test_what_does_not_exist_is_absent_and_said_to_be_missing(suite: Suite, scraper: Scraper) -> None:
    (suite.run / "watchd" / "fence").unlink()
    (suite.state / "state.json").unlink()
    seen = scraper.scrape()
    assert not [name for name in seen if name.startswith(("hft_fence_", "hft_suite_"))]
    assert seen['hft_exporter_up{source="watchd/fence"}'] == seen['hft_exporter_up{source="state.json"}'] == 0
    assert seen['hft_exporter_errors_total{source="watchd/fence"}'] == 0
    assert seen['hft_exporter_up{source="feedd/stats"}'] == 1


def test_a_region_that_goes_away_takes_its_values_with_it(suite: Suite, scraper: Scraper) -> None:
    assert "hft_fence_open" in scraper.scrape()
    (suite.run / "watchd" / "fence").unlink()
    assert "hft_fence_open" not in scraper.scrape()


def test_a_new_generation_takes_the_place_of_the_old_one(suite: Suite, scraper: Scraper) -> None:
    packets = 'hft_feedd_packets_total{line="a"}'
    suite.feedd_stats.add(0, 5)
    first = scraper.scrape()
    again = suite.stats("feedd", [("counter", "feedd_packets_total", "packets", 'line="a"')])
    again.add(0, 2)
    second = scraper.scrape()
    assert (first[packets], second[packets]) == (5, 2)
    born = 'hft_region_created_timestamp_seconds{region="feedd/stats"}'
    assert second[born] > first[born]


def test_a_retired_region_without_a_successor_keeps_its_last_values(suite: Suite, scraper: Scraper) -> None:
    suite.feedd_stats.add(0, 5)
    suite.feedd_stats.retire()
    assert Scraper(suite.config).scrape()['hft_feedd_packets_total{line="a"}'] == 5


def test_a_daemon_that_nobody_planned_is_exposed_by_its_own_name(suite: Suite, scraper: Scraper) -> None:
    suite.stats("recorder", [("counter", "segments_total", "segments", "")]).add(0, 3)
    text = scraper.text()
    assert "hft_recorder_segments_total 3.0\n" in text
    assert "# HELP hft_recorder_segments_total Counter segments_total of recorder in segments; docs" in text
    assert scraper.scrape()['hft_exporter_up{source="recorder/stats"}'] == 1


def test_a_directory_can_not_pass_its_statistics_off_as_the_exporters(suite: Suite, scraper: Scraper) -> None:
    suite.stats("exporter", [("gauge", "exporter_dropped_series", "", "")]).set(0, 3)
    suite.stats("fence_x", [("gauge", "open", "", "")]).set(0, 3)
    seen = scraper.scrape()
    assert seen["hft_exporter_dropped_series"] == 0
    assert "hft_fence_x_open" not in seen


def test_statistics_of_one_name_after_translation_are_exposed_once(suite: Suite, scraper: Scraper) -> None:
    suite.stats("braind", [("gauge", "braind_x_ns", "ns", ""), ("gauge", "braind_x_seconds", "s", "")])
    seen = scraper.scrape()
    assert (seen["hft_braind_x_seconds"], seen["hft_exporter_dropped_series"]) == (0, 1)


def test_labels_arrive_as_they_were_meant(suite: Suite, scraper: Scraper) -> None:
    suite.stats("recorder", [("gauge", "recorder_file", "", 'path="C:\\\\a \\"b\\"",kind="x,y"')]).set(0, 1)
    assert 'hft_recorder_file{kind="x,y",path="C:\\\\a \\"b\\""} 1.0\n' in scraper.text()
    assert scraper.scrape()['hft_recorder_file{kind="x,y",path="C:\\a "b""}'] == 1


def test_a_region_that_declares_too_much_is_cut_and_said_to_be(suite: Suite, scraper: Scraper) -> None:
    builder = StatsBuilder()
    for index in range(1500):
        builder.counter("flood_drops_total", "drops", 0, f'n="{index}"')
    (suite.run / "flood").mkdir()
    builder.create(str(suite.run / "flood" / "stats"))
    seen = scraper.scrape()
    assert len([name for name in seen if name.startswith("hft_flood_drops_total")]) == 1024
    assert seen['hft_exporter_up{source="flood/stats"}'] == 0
    assert scraper.problems == [("flood/stats", "476 declared values can not be used")]


def test_no_scrape_has_more_series_than_the_bound(suite: Suite, scraper: Scraper) -> None:
    for daemon in range(10):
        builder = StatsBuilder()
        for index in range(1000):
            builder.counter("flood_drops_total", "drops", 0, f'n="{index}"')
        (suite.run / f"flood{daemon}").mkdir()
        builder.create(str(suite.run / f"flood{daemon}" / "stats"))
    seen = scraper.scrape()
    assert len([name for name in seen if not name.startswith(("hft_exporter_", "hft_build_"))]) == 5000
    assert seen["hft_exporter_dropped_series"] > 4000


def test_the_doctors_report_is_exposed_and_what_it_could_not_see_has_not_passed(
    suite: Suite, scraper: Scraper
) -> None:
    assert not [name for name in scraper.scrape() if "doctor" in name]
    suite.save_doctor()
    seen = scraper.scrape()
    assert {name: value for name, value in seen.items() if name.startswith("hft_doctor_check_passed")} == {
        'hft_doctor_check_passed{check="clock_source",severity="fatal"}': 1,
        'hft_doctor_check_passed{check="memory_swap",severity="fatal"}': 0,
        'hft_doctor_check_passed{check="power_governor",severity="warning"}': 0,
    }
    assert (seen["hft_doctor_fit"], seen["hft_doctor_hidden_checks"]) == (0, 1)
    assert seen['hft_doctor_profile{profile="isolated"}'] == 1
    assert seen["hft_doctor_report_timestamp_seconds"] == 1_795_536_000


def test_the_document_names_exactly_what_the_exporter_exposes_of_its_own(
    suite: Suite, scraper: Scraper
) -> None:
    orders = {
        "open_at_kill": 1,
        "cancelled": 1,
        "last_cancel_ms": 1.5,
        "sent_after_fence": 0,
        "sent_in_window": 0,
    }
    suite.save_kill(**orders, cancel_on_disconnect_relied_on=False, feedd_died_by_itself=False)
    suite.save_doctor()
    suite.positions.records(dtype("GatewayPosition"))["instrument_id"][3] = 3
    write_limits(LimitsWriter(suite.limits), Limits(loss_max=1))
    suite.veto_by_operator()
    suite.fence.open(8, 12345, monotonic_ns())
    suite.fence.close(int(CloseReason.OPERATOR))
    documented = {name for name, *_ in rows(DOCUMENT.read_text()) if name.startswith("hft_")}
    exposed = {name.partition("{")[0] for name in scraper.scrape()}
    assert {name for name in exposed if not name.startswith(("hft_feedd_", "hft_braind_"))} == documented


def test_the_document_names_the_labels_of_the_exporters_own_metrics(suite: Suite, scraper: Scraper) -> None:
    suite.save_kill()
    suite.save_doctor()
    exposed: dict[str, set[str]] = {}
    for name in scraper.scrape():
        base, _, labels = name.partition("{")
        exposed.setdefault(base, set()).update(re.findall(r'(\w+)="', labels))
    documented = {
        name: set(re.findall(r"`(\w+)`", labels)) for name, labels, *_ in rows(DOCUMENT.read_text())
    }
    own = exposed.keys() & documented.keys()
    assert len(own) > 50
    assert {name: exposed[name] for name in own} == {name: documented[name] for name in own}
