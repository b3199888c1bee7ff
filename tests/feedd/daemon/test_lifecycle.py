"""Start, stop, crash and refusal: what people, watchd and systemd see of the process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from feedd_harness import BIN, Feed, Feedd, free_ports, region_is_retired, wait_until

from hft.layout.dtypes import RegionKind

Make = Callable[..., Feedd]
EX_USAGE, EX_OSERR, EX_TEMPFAIL, EX_CONFIG = 2, 71, 75, 78
REGIONS = {
    "market.ring": RegionKind.MARKET_RING,
    "market.board": RegionKind.MARKET_BOARD,
    "updates.ring": RegionKind.UPDATES_RING,
    "gateway.state": RegionKind.GATEWAY_STATE,
    "stats": RegionKind.STATS,
    "progress": RegionKind.PROGRESS,
}


def feedd_says(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [BIN / "feedd", *arguments], capture_output=True, text=True, check=False, timeout=30
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_signal_ends_it_within_a_second_and_retires_its_regions(
    make_feedd: Make, feed: Feed, signal_number: int
) -> None:
    feedd = make_feedd(feed.keys())
    for attempt in range(2):
        feedd.start()
        assert feedd.process is not None
        began = time.monotonic()
        feedd.process.send_signal(signal_number)
        assert feedd.process.wait(10) == 0
        took_s = time.monotonic() - began
        if took_s < 1.0:
            break
        warnings.warn(f"attempt {attempt + 1}: it took {took_s:.2f} s to end", stacklevel=1)
    assert took_s < 1.0
    directory = feedd.run_directory / "feedd"
    assert {
        name: region_is_retired(directory / name, kind) for name, kind in REGIONS.items()
    } == dict.fromkeys(REGIONS, True)
    assert feedd.log()[-1]["event"] == "stopped"


def test_a_second_instance_refuses_and_names_the_first(make_feedd: Make, feed: Feed) -> None:
    feedd = make_feedd(feed.keys()).start()
    code, said = feedd_says("--config", str(feedd.config))
    assert code == EX_TEMPFAIL
    assert f"already held by pid {feedd.pid}" in said
    assert not feedd.ended()


def test_after_a_crash_a_new_generation_takes_over_and_the_old_one_is_retired(
    make_feedd: Make, feed: Feed
) -> None:
    feedd = make_feedd(feed.keys()).start()
    old = {name: feedd.region(name, kind) for name, kind in REGIONS.items()}
    feedd.kill()
    assert not any(region.retired for region in old.values())
    feedd.start()
    assert all(region.retired for region in old.values())
    for name, kind in REGIONS.items():
        assert feedd.region(name, kind).generation > old[name].generation


def test_regions_and_directory_are_for_owner_and_group_only(make_feedd: Make, feed: Feed) -> None:
    feedd = make_feedd(feed.keys()).start()
    assert feedd.run_directory.stat().st_mode & 0o777 == 0o750
    assert (feedd.run_directory / "feedd" / "market.ring").stat().st_mode & 0o777 == 0o640


def test_its_threads_have_names(make_feedd: Make, feed: Feed) -> None:
    feedd = make_feedd(feed.keys()).start()
    names = {(task / "comm").read_text().strip() for task in Path(f"/proc/{feedd.pid}/task").iterdir()}
    assert names == {"feedd", "feedd-market", "feedd-gateway", "feedd-helper", "hft-watchd-link"}


def test_hot_threads_stay_on_their_cores_and_are_brought_back(make_feedd: Make, feed: Feed) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        pytest.skip("needs two cores")
    feedd = make_feedd(feed.keys(), market=allowed[0], gateway=allowed[1]).start()
    market = feedd.thread_id("feedd-market")
    assert os.sched_getaffinity(market) == {allowed[0]}
    assert os.sched_getaffinity(feedd.thread_id("feedd-gateway")) == {allowed[1]}
    os.sched_setaffinity(market, {allowed[1]})
    repairs = 'feedd_thread_affinity_repairs_total{thread="market"}'
    wait_until(lambda: feedd.stat(repairs) == 1, "the helper notices")
    assert os.sched_getaffinity(market) == {allowed[0]}
    wait_until(lambda: feedd.stat('feedd_thread_affinity_ok{thread="market"}') == 1, "it is back")


def test_a_core_that_is_not_there_is_refused_by_its_key(make_feedd: Make, feed: Feed) -> None:
    feedd = make_feedd(feed.keys(), market=1023).launch()
    assert feedd.process is not None
    assert feedd.process.wait(30) == EX_CONFIG
    assert "cores.market: core 1023 can not be used here" in feedd.log_path.read_text()


def test_a_line_that_is_taken_is_refused_and_leaves_no_live_region(make_feedd: Make) -> None:
    (port,) = free_ports(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as owner:
        owner.bind(("127.0.0.1", port))
        feedd = make_feedd({"line_a": f"127.0.0.1:{port}"}).launch()
        assert feedd.process is not None
        assert feedd.process.wait(30) == EX_OSERR
    assert f"127.0.0.1:{port}: bind: Address already in use" in feedd.log_path.read_text()
    assert region_is_retired(feedd.run_directory / "feedd" / "market.ring", RegionKind.MARKET_RING)


def test_small_pages_are_refused_unless_allowed_and_visible_when_they_are(
    make_feedd: Make, feed: Feed
) -> None:
    feedd = make_feedd(feed.keys()).start()
    assert feedd.stat("feedd_huge_pages") == 0
    assert len(feedd.logged("small_pages")) == 1
    feedd.stop()
    feedd.config.write_text(feedd.config.read_text().replace("allow_small", "require"))
    code, said = feedd_says("--config", str(feedd.config))
    assert code == EX_OSERR
    assert 'not on hugetlbfs, and run.huge_pages = "require"' in said


def test_too_little_shared_memory_is_an_error_that_says_how_much(
    make_feedd: Make, feed: Feed, tiny_tmpfs: Path
) -> None:
    feedd = make_feedd(feed.keys())
    text = feedd.config.read_text().replace(str(feedd.run_directory), str(tiny_tmpfs / "run"))
    feedd.config.write_text(text)
    code, said = feedd_says("--config", str(feedd.config))
    assert code == EX_OSERR
    assert "market.ring: allocate 134221824 bytes" in said
    assert "No space left on device" in said


@pytest.mark.parametrize(
    "arguments", [(), ("--config",), ("--nonsense",), ("--config", "a", "b"), ("--check-config",)]
)
def test_a_wrong_command_line_shows_the_right_one(arguments: tuple[str, ...]) -> None:
    code, said = feedd_says(*arguments)
    assert code == EX_USAGE
    assert "usage: feedd --config FILE" in said


def test_version_and_help_need_no_configuration() -> None:
    code, said = feedd_says("--version")
    assert code == 0
    assert said.startswith("feedd ")
    assert feedd_says("--help")[0] == 0


def test_the_service_manager_hears_ready_watchdog_status_and_stopping(
    make_feedd: Make, feed: Feed, tmp_path: Path
) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)
        feedd = make_feedd(feed.keys()).start(NOTIFY_SOCKET=path)
        heard = [manager.recv(4096).decode()]
        while "WATCHDOG=1" not in heard:
            heard.append(manager.recv(4096).decode())
        feedd.stop()
        while "STOPPING=1" not in heard:
            heard.append(manager.recv(4096).decode())
    assert heard[0] == "READY=1"
    status = next(line for line in heard if line.startswith("STATUS="))
    assert status.startswith("STATUS=cancel-only: fence not there, ")
    assert "events published" in status
