"""The suite as three users: who can write, read, ask and kill what. Root proves nothing here; it skips loudly without.

The real braind runs while rights are looked at; for the kills after that a stand-in runs as braind's user.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from material import Material
from outcome import check_killed, check_nothing_passed_since_closing
from people import STRANGER, Identity, People, operator
from suite import DEADLINES, Suite, wait_until

from hft.layout.dtypes import CloseReason
from watchd.states import SuiteState

CAP_KILL = 1 << 5
LONG_MS = 3000

# Prints what the user it runs as can do below the given directories: {path: letters}, r read, w write (a file's bytes,
# or a directory's entries), c connect. Nothing is changed by trying.
PROBE = """
import json, os, socket, stat, sys
found = {}
def tried(path):
    mode = os.lstat(path).st_mode
    if stat.S_ISSOCK(mode):
        kind = socket.SOCK_STREAM if path.endswith("heartbeat.sock") else socket.SOCK_SEQPACKET
        with socket.socket(socket.AF_UNIX, kind) as one:
            return "c" if one.connect_ex(path) == 0 else ""
    if stat.S_ISDIR(mode):
        return ("r" if os.access(path, os.R_OK) else "") + ("w" if os.access(path, os.W_OK | os.X_OK) else "")
    letters = ""
    for letter, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY)):
        try:
            os.close(os.open(path, flags))
            letters += letter
        except OSError:
            pass
    return letters
for path in json.load(sys.stdin):
    try:
        found[path] = tried(path)
    except OSError:
        found[path] = ""
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def house(material: Material, three_users: People) -> Iterator[Suite]:
    """With long deadlines: while rights are looked at, much is started, and nobody is to be killed."""
    made = Suite(material, three_users)
    made.configure(**dict.fromkeys(DEADLINES, LONG_MS))
    yield made
    made.end()


@pytest.fixture(scope="module")
def soon(house: Suite) -> None:
    """From here on with deadlines as in other tests: who is stopped is to be killed."""
    if house.alive("watchd"):
        house.stop("watchd")
    house.configure(deadline_ms=500, stall_deadline_ms=2000, heartbeat_deadline_ms=2000, lease_ms=500)


@pytest.fixture(scope="module")
def paths(house: Suite) -> list[str]:
    """Everything there is below run, control and state, of the armed suite with the real braind."""
    house.armed()
    roots = (house.run, house.control, house.state)
    return sorted(str(path) for root in roots for path in (root, *root.rglob("*")))


def rights(house: Suite, paths: list[str], identity: Identity | None) -> dict[str, str]:
    """What someone can do, by path relative to the suite; what they can do nothing with is left out."""
    assert identity is not None
    done = subprocess.run(
        [*identity.prefix(), sys.executable, "-c", PROBE],
        input=json.dumps(paths), capture_output=True, text=True, check=True, cwd="/",
    )  # fmt: skip
    found = json.loads(done.stdout)
    return {os.path.relpath(path, house.directory): letters for path, letters in found.items() if letters}


def writable(found: dict[str, str]) -> set[str]:
    return {path for path, letters in found.items() if "w" in letters}


def readable(found: dict[str, str]) -> set[str]:
    return {path for path, letters in found.items() if "r" in letters}


def below(paths: set[str], *directories: str) -> set[str]:
    return {
        path
        for path in paths
        for directory in directories
        if path == directory or path.startswith(f"{directory}/")
    }


def everything(house: Suite, paths: list[str]) -> set[str]:
    return {os.path.relpath(path, house.directory) for path in paths}


def test_three_users_run_it_and_watchd_alone_may_kill(house: Suite, paths: list[str]) -> None:
    assert len(paths) > 20
    for name, uid in (("feedd", 54341), ("braind", 54342), ("watchd", 54343)):
        lines = Path(f"/proc/{house.pid(name)}/status").read_text().splitlines()
        words = {line.split(":")[0]: line.split(":")[1].split() for line in lines}
        assert words["Uid"] == [str(uid)] * 4
        assert (
            int(words["CapEff"][0], 16)
            == int(words["CapPrm"][0], 16)
            == (CAP_KILL if name == "watchd" else 0)
        )


def test_braind_writes_its_own_regions_and_nothing_else(house: Suite, paths: list[str]) -> None:
    found, all_paths = rights(house, paths, house.people.braind), everything(house, paths)
    assert writable(found) == below(all_paths, "run/braind")
    assert {"run/watchd/fence", "run/feedd/gateway.state", "run/feedd/market.ring"} <= readable(found)
    assert below(readable(found), "run/operator", "state") == set()
    assert {path for path, letters in found.items() if "c" in letters} == {
        "control/register.sock",
        "control/heartbeat.sock",
    }


def test_feedd_writes_its_own_regions_and_the_operators_no(house: Suite, paths: list[str]) -> None:
    """It reads the veto as one of the operators' group, which may write it: everyone may say no."""
    found, all_paths = rights(house, paths, house.people.feedd), everything(house, paths)
    assert writable(found) == below(all_paths, "run/feedd") | {"run/operator/veto"}
    assert {"run/watchd/fence", "run/braind/intents.ring"} <= readable(found)


def test_watchd_writes_neither_feedd_s_nor_braind_s_memory(house: Suite, paths: list[str]) -> None:
    found, all_paths = rights(house, paths, house.people.watchd), everything(house, paths)
    assert writable(found) == below(all_paths, "run/watchd", "run/operator", "control", "state") - {
        path for path in all_paths if path.endswith(".sock")
    }


def test_an_operator_may_veto_ask_and_read_what_happened(house: Suite, paths: list[str]) -> None:
    found = rights(house, paths, operator())
    assert writable(found) == {"run/operator/veto"}
    assert {"state/state.json", "state/events.jsonl"} <= readable(found)
    assert below(readable(found), "run/feedd", "run/braind", "run/watchd") == set()
    assert {path for path, letters in found.items() if "c" in letters} == {"control/ctl.sock"}


def test_a_stranger_can_read_write_and_connect_to_nothing(house: Suite, paths: list[str]) -> None:
    assert rights(house, paths, STRANGER) == {"control": "r"}


def test_the_veto_is_the_operators_and_nobody_else_s(house: Suite, paths: list[str]) -> None:
    about = (house.run / "operator/veto").stat()
    assert stat.S_IMODE(about.st_mode) == 0o660
    assert (about.st_uid, about.st_gid) == (54343, operator().groups[0])


@pytest.mark.parametrize("who", ["stranger", "braind"])
def test_who_is_no_operator_is_refused_at_the_socket(house: Suite, paths: list[str], who: str) -> None:
    """braind above all may not arm itself. (What it may is end itself: a `kill` of its own user's is not tried.)"""
    house.armed()
    identity = STRANGER if who == "stranger" else house.people.braind
    for verb in ("arm", "disarm", "pause", *(["kill"] if who == "stranger" else [])):
        done = house.ctl(verb, "--by", "mallory", identity=identity)
        assert done.returncode == 77, (verb, done.stdout, done.stderr)
    assert (house.status()["state"], house.status()["vetoes"]["operator"]) == ("armed", 0)
    house.wait_for_flow()


def test_braind_stopped_is_killed_by_capability(house: Suite, soon: None) -> None:
    house.armed()
    house.signal("braind", signal.SIGSTOP)
    check_killed(house, CloseReason.LOOP_SILENT, "braind/brain: no round for")
    assert house.processes["braind"].returncode == -signal.SIGKILL


def test_an_operator_kills_clears_and_arms_by_name(house: Suite) -> None:
    house.armed("standin")
    carol = operator()
    killed = house.ctl("kill", "--by", "carol", "--reason", "drill", identity=carol)
    assert killed.returncode == 0, killed.stdout
    check_killed(house, CloseReason.OPERATOR, "drill", by="carol")
    assert house.record().uid == carol.uid
    cleared = house.ctl("clear", "--by", "carol", "--reason", "drill", identity=carol)
    assert cleared.returncode == 0, cleared.stdout
    house.whole("standin").wait_until_armable()
    armed = house.ctl("arm", "--by", "carol", identity=carol)
    assert armed.returncode == 0, armed.stdout
    house.wait_for_flow()


def test_feedd_stopped_is_killed_by_capability(house: Suite, soon: None) -> None:
    house.armed("standin")
    house.signal("feedd", signal.SIGSTOP)
    check_killed(house, CloseReason.LOOP_SILENT, "feedd/", dead=["braind", "feedd"], alive=["watchd"])


def test_without_cap_kill_watchd_says_so_and_the_fence_holds(house: Suite, soon: None) -> None:
    house.stop("watchd")
    house.people = house.people.without_cap_kill()
    house.armed("standin")
    house.signal("braind", signal.SIGSTOP)
    house.wait_for_state("killed")
    wait_until(lambda: house.status()["state_durable"], "the state is on the disk, and the report before it")
    assert (house.fence()["token"], house.record().state) == (0, SuiteState.KILLED)
    assert house.alive("braind")
    (event,) = [event for event in house.events("can_not_kill") if event["pid"] == house.pid("braind")]
    assert event["daemon"] == "braind"
    assert "CAP_KILL" in event["problem"]
    assert "braind_does_not_die" in house.report()["steps_us"]
    refused, sent = house.gateway()["intents_refused"], house.gateway()["intents_would_send"]
    house.signal("braind", signal.SIGCONT)  # it lives, and goes on as if nothing had happened
    wait_until(lambda: house.gateway()["intents_refused"] > refused + 20, "its intents come, and are refused")
    time.sleep(0.05)
    assert house.gateway()["intents_would_send"] == sent
    check_nothing_passed_since_closing(house)
    assert house.ask("arm", by="alice")["code"] == "refused"
