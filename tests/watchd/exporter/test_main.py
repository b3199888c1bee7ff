"""The exporter as a process: where it listens, how it ends, what it refuses."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from exporter_harness import Exporter, Suite, check_metrics, run_exporter, series, wait_until
from prometheus_client.registry import CollectorRegistry

from watchd.exporter import server

Make = Callable[..., Exporter]


def test_once_prints_a_scrape_that_promtool_finds_nothing_to_say_about(suite: Suite) -> None:
    suite.save_kill()
    done = run_exporter("--config", suite.config, "--once")
    assert done.returncode == 0, done.stderr
    assert series(done.stdout)["hft_exporter_scrapes_total"] == 1
    assert check_metrics(done.stdout) == ""


def test_serving_ends_cleanly_at_sigterm(suite: Suite, make_exporter: Make) -> None:
    exporter = make_exporter(suite.config)
    assert exporter.scrape()["hft_suite_state_epoch"] == 7
    assert exporter.stop() == 0
    assert exporter.logged("stopped")


def test_systemd_hears_that_it_is_ready_only_when_it_answers(
    suite: Suite, make_exporter: Make, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        exporter = Exporter(suite.config).start(NOTIFY_SOCKET=str(tmp_path / "notify"))
        try:
            ready = systemd.recv(4096).decode().splitlines()
            assert ready == ["READY=1", f"STATUS=serving http://127.0.0.1:{exporter.port}/metrics"]
            assert exporter.get()[0] == 200
            assert systemd.recv(4096) == b"WATCHDOG=1"
            assert exporter.stop() == 0
            assert systemd.recv(4096) == b"STOPPING=1"
        finally:
            exporter.kill()


def test_one_that_can_take_no_request_is_not_called_alive(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ABLE_INTERVAL_S", 0.0)
    told: list[float] = []
    http = server.MetricsServer("127.0.0.1", 0, CollectorRegistry(), lambda: told.append(time.monotonic()))
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    with http:
        thread.start()
        try:
            wait_until(lambda: bool(told), "it is alive")
            clients = [
                socket.create_connection(("127.0.0.1", http.server_port)) for _ in range(server.CLIENTS_MAX)
            ]
            wait_until(lambda: time.monotonic() - told[-1] > 0.5, "nobody is told while all are busy")
            for client in clients:
                client.close()
            count = len(told)
            wait_until(lambda: len(told) > count, "it is alive again")
        finally:
            http.shutdown()
            thread.join()


def listening(pid: int) -> list[tuple[str, int]]:
    """Addresses and ports of the TCP sockets on which a process listens."""
    descriptors = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
    sockets = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    assert not [line for line in Path(f"/proc/{pid}/net/tcp6").read_text().splitlines()[1:]
                if f"socket:[{line.split()[9]}]" in descriptors]  # fmt: skip
    own = [
        fields[1].split(":")
        for fields in sockets
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in descriptors
    ]
    return [(socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)) for address, port in own]


def test_it_listens_where_it_is_told_and_nowhere_else(suite: Suite, make_exporter: Make) -> None:
    exporter = make_exporter(suite.config, listen="127.0.0.2:0")
    assert exporter.process is not None
    assert listening(exporter.process.pid) == [("127.0.0.2", exporter.port)]
    assert exporter.get()[0] == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", exporter.port), timeout=5)


def test_it_listens_where_the_configuration_says(suite: Suite) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    suite.config.write_text(suite.config.read_text() + f'listen = "127.0.0.1:{port}"\n')
    exporter = Exporter(suite.config)
    at = exporter.command.index("--listen")
    del exporter.command[at : at + 2]
    try:
        assert exporter.start().port == port
    finally:
        exporter.kill()


def test_an_address_in_use_is_named_and_exit_code_71(suite: Suite, make_exporter: Make) -> None:
    first = make_exporter(suite.config)
    done = run_exporter("--config", suite.config, "--listen", f"127.0.0.1:{first.port}")
    assert done.returncode == 71
    assert f"can not listen on 127.0.0.1:{first.port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_not_of_this_machine_is_exit_code_71(suite: Suite) -> None:
    done = run_exporter("--config", suite.config, "--listen", "203.0.113.7:9482")
    assert (done.returncode, "can not listen on 203.0.113.7:9482" in done.stderr) == (71, True)


def test_a_bad_configuration_is_named_by_its_key_and_exit_code_78(suite: Suite, tmp_path: Path) -> None:
    suite.config.write_text(suite.config.read_text() + "port = 1\n")
    done = run_exporter("--config", suite.config)
    assert (done.returncode, "watchd.exporter.port: unknown key" in done.stderr) == (78, True)
    absent = run_exporter("--config", tmp_path / "absent.toml", "--once")
    assert (absent.returncode, "can not read it" in absent.stderr, absent.stdout) == (78, True, "")


@pytest.mark.parametrize(
    "listen", ["", "9482", "localhost:9482", "127.0.0.1", "127.0.0.1:70000", "1.2.3:4", "::1:4"]
)
def test_what_is_not_an_address_is_a_usage_error(suite: Suite, listen: str) -> None:
    done = run_exporter("--config", suite.config, "--listen", listen)
    assert (done.returncode, "is not address:port" in done.stderr) == (2, True)


def test_paths_other_than_metrics_lead_to_it_or_nowhere(suite: Suite, make_exporter: Make) -> None:
    exporter = make_exporter(suite.config)
    status, page = exporter.get("/")
    assert (status, 'href="/metrics"' in page) == (200, True)
    assert exporter.get("/etc/passwd")[0] == 404


def test_scrapes_at_the_same_time_are_all_whole(suite: Suite, make_exporter: Make) -> None:
    exporter = make_exporter(suite.config)
    seen: list[dict[str, float]] = []
    threads = [
        threading.Thread(target=lambda: seen.extend(exporter.scrape() for _ in range(10))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 60
    assert {frozenset(scrape) for scrape in seen} == {frozenset(seen[0])}
    assert sorted(scrape["hft_exporter_scrapes_total"] for scrape in seen) == list(range(1, 61))


def closed_within(clients: list[socket.socket], seconds: float) -> int:
    """How many of them are hung up on."""
    end, closed = time.monotonic() + seconds, 0
    for client in clients:
        client.settimeout(max(end - time.monotonic(), 0.001))
        with suppress(TimeoutError):
            closed += client.recv(1) == b""
    return closed


def test_clients_that_say_nothing_are_bounded_and_do_not_keep_others_out(
    suite: Suite, make_exporter: Make
) -> None:
    exporter = make_exporter(suite.config)
    silent = [
        socket.create_connection(("127.0.0.1", exporter.port), timeout=60)
        for _ in range(server.CLIENTS_MAX - 1)
    ]
    assert exporter.process is not None
    tasks = Path(f"/proc/{exporter.process.pid}/task")
    wait_until(lambda: len(list(tasks.iterdir())) >= server.CLIENTS_MAX, "a thread for each silent client")
    assert exporter.get()[0] == 200  # the one place that is left
    more = [socket.create_connection(("127.0.0.1", exporter.port), timeout=30) for _ in range(5)]
    assert closed_within(more, 3.0) >= 4  # at its time-out any would be
    assert len(list(tasks.iterdir())) <= server.CLIENTS_MAX + 3
    assert silent[0].recv(1) == b""  # given up at its time-out
    wait_until(lambda: len(list(tasks.iterdir())) < server.CLIENTS_MAX, "their threads end")
    assert exporter.get()[0] == 200
    for client in (*silent, *more):
        client.close()
    assert "Traceback" not in exporter.log_path.read_text()


def test_a_problem_is_logged_when_it_changes_and_not_at_every_scrape(
    suite: Suite, make_exporter: Make
) -> None:
    exporter = make_exporter(suite.config)
    (suite.state / "state.json").write_text("{")
    for _ in range(3):
        exporter.scrape()
    suite.save_state()
    exporter.scrape()
    told = [(line["source"], line["problem"]) for line in exporter.logged("source unusable")]
    assert [source for source, _ in told] == ["state.json"]
    assert len(exporter.logged("source usable again")) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_user_who_may_only_read_sees_everything(suite: Suite, make_exporter: Make) -> None:
    group, nobody = 54321, 65534
    for path in (suite.directory, *suite.directory.rglob("*")):
        os.chown(path, 0, group)
        path.chmod(0o750 if path.is_dir() else 0o640)
    before = {path: path.read_bytes() for path in suite.run.rglob("*") if path.is_file()}
    as_nobody = ("setpriv", f"--reuid={nobody}", f"--regid={nobody}", f"--groups={group}")
    seen = make_exporter(suite.config, prefix=as_nobody).scrape()
    problems = {
        name: value for name, value in seen.items() if name.startswith("hft_exporter_up") and value != 1
    }
    assert problems == {}
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_user_who_may_not_read_is_told_so_source_by_source(suite: Suite, make_exporter: Make) -> None:
    (suite.run / "feedd" / "stats").chmod(0o600)
    for path in (suite.directory, suite.run, suite.state, *suite.run.iterdir()):
        path.chmod(0o755)
    exporter = make_exporter(
        suite.config, prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    )
    seen = exporter.scrape()
    assert seen['hft_exporter_up{source="feedd/stats"}'] == 0
    assert seen['hft_exporter_up{source="feedd/progress"}'] == 0  # 0640, and nobody's group
    problems = {str(line["source"]): str(line["problem"]) for line in exporter.logged("source unusable")}
    assert problems["feedd/stats"].endswith("Permission denied")


def test_it_opens_nothing_for_writing(suite: Suite, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=open,openat,creat,unlink,rename,truncate", "-o", trace]
    done = subprocess.run(
        [*command, *Exporter(suite.config).command, "--once"], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0
    lines = [line for line in trace.read_text().splitlines() if str(suite.directory) in line]
    assert len([line for line in lines if "O_RDONLY" in line]) > 10
    assert [
        line
        for line in lines
        if re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)|creat\(|unlink|rename|truncate", line)
    ] == []


def test_a_scrape_is_quick(suite: Suite, make_exporter: Make) -> None:
    exporter = make_exporter(suite.config)
    exporter.scrape()
    started = time.perf_counter()
    for _ in range(20):
        exporter.scrape()
    assert (time.perf_counter() - started) / 20 < 0.5
