"""Who is believed: registrations and heartbeats that are forged, repeated, malformed, or somebody else's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import zmq
from watchd_harness import Suite, wait_until

from hft import stats
from hft._native import HEARTBEAT_MAGIC, LAYOUT_HASH, REGISTRATION_MAGIC
from hft.layout.dtypes import HEARTBEAT, REGISTRATION, REGISTRATION_REPLY, DaemonId, RegistrationVerdict


def registration(pid: int, **fields: object) -> bytes:
    made = np.zeros(1, REGISTRATION)
    made["magic"], made["layout_hash"], made["generation"] = REGISTRATION_MAGIC, LAYOUT_HASH, 1
    made["pid"], made["daemon"], made["loops"] = pid, int(DaemonId.BRAIND), 1
    for name, value in fields.items():
        made[name] = value
    return made.tobytes()


def ask(suite: Suite, message: bytes, descriptors: list[int]) -> tuple[int, str]:
    """The verdict on a registration of this process, and the problem."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(5)
        connection.connect(str(suite.control / "register.sock"))
        socket.send_fds(connection, [message], descriptors)
        reply = np.frombuffer(connection.recv(4096), REGISTRATION_REPLY)[0]
    return int(reply["verdict"]), bytes(reply["problem"]).rstrip(b"\0").decode()


@pytest.fixture
def pidfd():
    made = os.pidfd_open(os.getpid())
    yield made
    os.close(made)


def test_without_the_daemon_s_lock_nobody_is_believed(suite: Suite, pidfd: int) -> None:
    suite.start()
    (suite.run / "braind").mkdir()
    (suite.run / "braind/lock").touch()
    verdict, problem = ask(suite, registration(os.getpid()), [pidfd])
    assert verdict == int(RegistrationVerdict.REFUSED)
    assert f"pid {os.getpid()} does not hold" in problem


def test_a_pidfd_of_somebody_else_is_refused(suite: Suite) -> None:
    suite.start()
    other = subprocess.Popen(["sleep", "60"])
    descriptor = os.pidfd_open(other.pid)
    try:
        assert "brought no pidfd" in ask(suite, registration(os.getpid()), [descriptor])[1]
    finally:
        os.close(descriptor)
        other.kill()
        other.wait()


def test_a_pid_that_the_kernel_contradicts_is_refused(suite: Suite, pidfd: int) -> None:
    suite.start()
    assert f"the kernel says {os.getpid()}" in ask(suite, registration(1), [pidfd])[1]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"hello", "5 bytes are not a registration"),
        (registration(os.getpid(), magic=7), "magic differs"),
        (registration(os.getpid(), layout_hash=7), "layout 0x0000000000000007 is another build's"),
        (registration(os.getpid(), daemon=9), "daemon 9"),
        (registration(os.getpid(), loops=200), "200 loops"),
    ],
    ids=["size", "magic", "layout", "daemon", "loops"],
)
def test_what_is_not_a_registration_is_refused_by_name(suite: Suite, message: bytes, problem: str) -> None:
    suite.start()
    assert problem in ask(suite, message, [])[1]


def open_files(suite: Suite) -> int:
    return sum(1 for _ in Path(f"/proc/{suite.watchd.pid}/fd").iterdir())


def test_no_descriptor_of_a_refused_registration_is_kept(suite: Suite) -> None:
    suite.start()
    before = open_files(suite)
    read, write = os.pipe()
    for _ in range(20):
        ask(suite, registration(os.getpid()), [read, write])
    os.close(read)
    os.close(write)
    wait_until(lambda: open_files(suite) <= before, "no descriptor leaks")


def test_connections_that_say_nothing_keep_nobody_out(suite: Suite) -> None:
    suite.start()
    silent = []
    for _ in range(50):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(5)
        connection.connect(str(suite.control / "register.sock"))
        silent.append(connection)
    assert suite.puppet("braind").alive
    for connection in silent:
        connection.close()


def test_a_second_living_daemon_of_one_name_is_refused(suite: Suite) -> None:
    suite.start()
    suite.puppet("braind")
    # The lock already keeps it from starting; here it lies about that, too.
    second = subprocess.run(
        [sys.executable, Path(__file__).parent / "puppet.py", "braind", suite.run, suite.control],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert second.returncode != 0
    assert "AlreadyRunning" in second.stderr


def rejected(suite: Suite, reason: str) -> int:
    value = stats.read(str(suite.run / "watchd/stats"))[
        f'watchd_heartbeats_rejected_total{{reason="{reason}"}}'
    ]
    assert isinstance(value, int)
    return value


def beat(**fields: object) -> bytes:
    made = np.zeros(1, HEARTBEAT)
    made["magic"], made["layout_hash"], made["daemon"] = HEARTBEAT_MAGIC, LAYOUT_HASH, int(DaemonId.BRAIND)
    for name, value in fields.items():
        made[name] = value
    return made.tobytes()


def send(suite: Suite, *messages: bytes) -> None:
    context = zmq.Context()
    with context.socket(zmq.PUSH) as push:
        push.connect(f"ipc://{suite.control}/heartbeat.sock")
        for message in messages:
            push.send(message)
    context.term()


def test_a_heartbeat_of_another_process_is_forged(suite: Suite) -> None:
    suite.start()
    braind = suite.puppet("braind")
    send(suite, *[beat(pid=braind.pid, sequence=1 << 40)] * 5, beat(pid=os.getpid()))
    wait_until(lambda: rejected(suite, "forged") >= 6, "the forged ones are counted")
    assert suite.status()["daemons"]["braind"]["registered"]


def test_forged_heartbeats_do_not_keep_a_mute_daemon_alive(suite: Suite) -> None:
    suite.configure(heartbeat_deadline_ms=1000)
    suite.armed()
    braind = suite.puppets["braind"]
    braind.tell("unlink")
    end = time.monotonic() + 30
    while braind.alive and time.monotonic() < end:
        send(suite, *[beat(pid=braind.pid, sequence=1 << 40)] * 3)
    assert not braind.alive
    suite.wait_for_state("killed")
    assert suite.record().reason == "heartbeats_lost"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "malformed"),
        (b"x" * HEARTBEAT.itemsize, "malformed"),
        (beat(magic=1), "malformed"),
        (beat(layout_hash=1), "layout"),
    ],
)
def test_what_is_no_heartbeat_is_counted(suite: Suite, message: bytes, reason: str) -> None:
    suite.start()
    send(suite, message)
    wait_until(lambda: rejected(suite, reason) == 1, f"counted as {reason}")


REPEATER = """
    import sys, time, zmq, numpy as np
    sys.path.insert(0, sys.argv[1])
    from pathlib import Path
    from puppet import Puppet
    from hft._native import HEARTBEAT_MAGIC, LAYOUT_HASH
    from hft.layout.dtypes import HEARTBEAT, DaemonId
    import os
    puppet = Puppet("braind", Path(sys.argv[2]), Path(sys.argv[3]))
    push = zmq.Context().socket(zmq.PUSH)
    push.connect(f"ipc://{sys.argv[3]}/heartbeat.sock")
    made = np.zeros(1, HEARTBEAT)
    made["magic"], made["layout_hash"], made["daemon"] = HEARTBEAT_MAGIC, LAYOUT_HASH, int(DaemonId.BRAIND)
    made["pid"], made["generation"], made["sequence"] = os.getpid(), puppet.progress.generation, 1
    while not puppet.link.registered:  # before, a beat is nobody's
        puppet.round()
        time.sleep(0.001)
    while True:
        puppet.round()
        push.send(made.tobytes())
        time.sleep(0.001)
"""


def test_a_heartbeat_sent_twice_counts_once(suite: Suite) -> None:
    suite.start()
    repeater = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(REPEATER), Path(__file__).parent, suite.run, suite.control]
    )
    try:
        wait_until(lambda: rejected(suite, "repeated") > 10, "repeated ones are counted")
        assert rejected(suite, "forged") == 0
    finally:
        repeater.kill()
        repeater.wait()


def test_a_flood_of_heartbeats_does_not_delay_a_kill(suite: Suite) -> None:
    suite.armed()
    flood = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent("""
            import sys, zmq
            push = zmq.Context().socket(zmq.PUSH)
            push.connect(f"ipc://{sys.argv[1]}/heartbeat.sock")
            while True:
                push.send(b"x" * int(sys.argv[2]))
        """), suite.control, str(HEARTBEAT.itemsize)]
    )  # fmt: skip
    try:
        wait_until(lambda: rejected(suite, "malformed") > 1000, "the flood arrives")
        asked = time.monotonic()
        assert suite.ask("kill", by="bob")["ok"]
        assert time.monotonic() - asked < 5.0
    finally:
        flood.kill()
        flood.wait()
