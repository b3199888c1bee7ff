"""`watchd check`: what a start of hft.target has come to, in one message and one exit code (hft-check.service).

0: feedd, braind and watchd run. The message says whether orders can flow, and when not, what is between: a kill that
nobody has cleared, a suite that waits to be armed, `mode = "observe"`. 1: a member does not run, and why. The message
goes to standard output and to systemd as STATUS=; with `--under UNIT` also into that unit's journal. A refusal is
always told under hft.target.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from watchd.ctl.arguments import DEFAULT_CONFIG, Options
from watchd.ctl.settings import SettingsError, read
from watchd.ctl.wire import NoAnswer, ask

MEMBERS = ("hft-watchd.service", "hft-feedd.service", "hft-braind.service")
BEFORE = ("hft-hugepages.service", "hft-preflight.service")
TARGET = "hft.target"
JOURNAL = "/run/systemd/journal/socket"
SETTLE_S = 10.0  # from the last READY to armed, where nothing stands in the way
PAUSE_S = 0.1
BARRIER_MS = 2000
NOTICE, WARNING, ERROR = 5, 4, 3
_PROPERTIES = "ActiveState,Result,ExecMainStatus,ExecMainCode,StatusText"

Unit = Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="watchd check", description=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("--config", default=DEFAULT_CONFIG, metavar="FILE")
    parser.add_argument("--under", default="", metavar="UNIT", help="into this unit's journal, too (root)")
    given = parser.parse_args(arguments)
    units = {name: look(name) for name in (*BEFORE, *MEMBERS)}
    if problems := missing(units):
        tell(f"not started: {'; '.join(problems)}", ERROR, TARGET)
        return 1
    try:
        socket_path = read(given.config).ctl_socket
    except SettingsError as error:
        tell(f"not started: {error}", ERROR, TARGET)
        return 1
    text, priority = verdict(settled(socket_path))
    tell(text, priority, given.under)
    return 0


def look(name: str) -> Unit:
    """The unit's properties, as systemd has them now."""
    asked = subprocess.run(
        ["systemctl", "show", "-p", _PROPERTIES, name], capture_output=True, text=True, check=False
    )
    return dict(line.split("=", 1) for line in asked.stdout.splitlines() if "=" in line)


def missing(units: Mapping[str, Unit]) -> list[str]:
    """Why not all members run, the first cause first; empty = they do."""
    if all(units[name].get("ActiveState") == "active" for name in MEMBERS):
        return []
    found = [name for name in BEFORE if units[name].get("ActiveState") == "failed"]
    found += [name for name in MEMBERS if units[name].get("ActiveState") != "active"]
    return [described(name, units[name]) for name in found]


def described(name: str, unit: Unit) -> str:
    """`hft-feedd.service failed (exit-code 78): what it said → journalctl -u …`."""
    state, result = unit.get("ActiveState", "unknown"), unit.get("Result", "")
    code = unit.get("ExecMainStatus", "0")
    how = f" ({result}{' ' + code if code != '0' else ''})" if state == "failed" else ""
    said = f": {unit['StatusText']}" if state == "failed" and unit.get("StatusText") else ""
    look_at = "" if state == "inactive" else f" → journalctl -u {name.removesuffix('.service')} -n 20"
    return f"{name.removesuffix('.service')} {'did not start' if state == 'inactive' else state}{how}{said}{look_at}"


def settled(path: str) -> dict[str, Any]:
    """The status document, awaited while it is about to arm by itself; {} when it does not answer."""
    until = time.monotonic() + SETTLE_S
    document: dict[str, Any] = {}
    while True:
        try:
            document = ask(path, Options("status"))
        except NoAnswer:
            document = {}
        state = document.get("state", "")
        about_to_arm = state == "disarmed" and bool(document.get("arms_by_itself"))
        if not (about_to_arm or state in ("", "arming", "disarming", "killing")) or time.monotonic() >= until:
            return document
        time.sleep(PAUSE_S)


def verdict(document: Mapping[str, Any]) -> tuple[str, int]:
    """(what to say, how loudly)."""
    state, blockers = document.get("state"), "; ".join(document.get("arm_blockers") or ())
    if state == "armed":
        return f"started and armed: orders flow under epoch {document.get('epoch')}", NOTICE
    if state == "killed":
        by, detail = document.get("by"), document.get("detail")
        why = (
            f"{document.get('reason')}{': ' + str(detail) if detail else ''}{' by ' + str(by) if by else ''}"
        )
        return (
            f"started CANCEL-ONLY AND OBSERVING: killed at {document.get('at')} ({why}). No order is sent until a "
            "person says so: watchd ctl clear --by NAME --reason TEXT, then watchd ctl arm --by NAME"
        ), WARNING
    if state == "disarmed":
        return f"started, observing: disarmed. {blockers or 'watchd ctl arm --by NAME'}", WARNING
    return f"started, observing: {state or 'watchd does not answer'}. {blockers}".rstrip(), WARNING


def notify(state: str) -> None:
    """To systemd, until it is read (sd_notify_barrier(3)): nothing is taken of a sender that is gone."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    reader, writer = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, contextlib.suppress(OSError):
        line.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        line.send(state.encode())
        socket.send_fds(line, [b"BARRIER=1"], [writer])
    os.close(writer)
    waiting = select.poll()
    waiting.register(reader, select.POLLHUP)
    waiting.poll(BARRIER_MS)  # systemd closes its end when it has come so far
    os.close(reader)


def tell(text: str, priority: int, under: str) -> None:
    """To whoever looks: this unit's output and status, and the journal of the unit `under` ("" = none)."""
    print(f"<{priority}>{text}", flush=True)
    notify(f"STATUS={text}")
    if not under:
        return
    fields = {"MESSAGE": text, "PRIORITY": priority, "OBJECT_SYSTEMD_UNIT": under, "SYSLOG_IDENTIFIER": "hft"}
    # The journal's simple form: a line a field.
    entry = "".join(f"{key}={' '.join(str(value).split())}\n" for key, value in fields.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, contextlib.suppress(OSError):
        line.sendto(entry.encode(), JOURNAL)  # without a journal, what was printed is what there is
