"""The replay: one thread, one loop over the lines and the retransmission server.

    waiting ──start──▶ sending ──last packet or stop──▶ draining ──linger over──▶ done
       └──────────────────────────stop────────────────────▲

A first stop request (a signal) ends the sending and drains as after the last message; a second one ends
at once. Idle lines heartbeat; while draining they repeat the end of the session instead, if that is on.
"""

import os
import select
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from paperd.capture import Capture
from paperd.faults import LineFaults, PacketDice, plan_line
from paperd.line import Address, Destination, Line
from paperd.mold import END_OF_SESSION, HEARTBEAT, RetransmissionStore
from paperd.pacing import Pacing, plan_packets
from paperd.retransmission import RetransmissionServer

BATCH_PACKETS = 32
"""Packets a line sends before the other line and the server get their turn."""
POLL_MAX_S = 0.05
"""Longest sleep: how late a stop request can be noticed."""
END_OF_SESSION_NS = 250_000_000
STATUS_NS = 1_000_000_000


class State(StrEnum):
    """`state` in the status; they follow one another in this order."""

    WAITING = "waiting"
    SENDING = "sending"
    DRAINING = "draining"
    DONE = "done"


@dataclass(frozen=True)
class ReplayConfig:
    """Where and how to replay.

    The sending starts `delay_ns` after the replay was made or, with `start_fd`, after a first byte was read
    from it. `faults` has one entry a destination.
    """

    session: bytes
    destinations: tuple[Destination, ...]
    request: Address
    pacing: Pacing
    faults: tuple[LineFaults, ...]
    fault_seed: int = 1
    loss_retransmission: float = 0.0
    heartbeat_ns: int = 1_000_000_000
    delay_ns: int = 1_000_000_000
    start_fd: int | None = None
    end_of_session: bool = True
    linger_ns: int = 3_000_000_000


class Replay:
    """Replays a capture once. Opens its sockets when made (OSError); `run` closes them.

    `progress` is told how many messages have been sent, after each turn that sent some.
    """

    def __init__(
        self,
        capture: Capture,
        config: ReplayConfig,
        now_ns: Callable[[], int],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._config = config
        self._now_ns = now_ns
        self._progress = progress
        self._messages = len(capture)
        packets = plan_packets(capture, config.pacing)
        self._packets = len(packets.due_ns)
        store = RetransmissionStore(capture, config.session, config.pacing.payload_bytes)
        dice = PacketDice(config.loss_retransmission, (), config.fault_seed, "retransmission")
        self._server = RetransmissionServer(config.request, store, capture.data, dice)
        self._lines: list[Line] = []
        for number, destination in enumerate(config.destinations):
            faults = config.faults[number]
            plan = plan_line(packets.due_ns, faults, config.fault_seed, number)
            name = chr(ord("a") + number)
            control_dice = PacketDice(faults.loss, faults.silences, config.fault_seed, name)
            line = Line(name, destination, config.session, capture.data, packets, plan, control_dice)
            self._lines.append(line)
        self._stops = 0
        self.state = State.WAITING
        self._start_ns = now_ns() + config.delay_ns if config.start_fd is None else None
        self._drain_ns = 0
        self._sending_ns = 0

    @property
    def stop_requested(self) -> bool:
        return self._stops > 0

    @property
    def released(self) -> int:
        """Distinct messages sent so far, whether or not a line lost them."""
        return max(line.next_sequence for line in self._lines) - 1

    def stop(self) -> None:
        """Ask for the end; safe in a signal handler."""
        self._stops += 1

    def run(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Work until done; `report` gets the status at the start, about once a second and at the end."""
        try:
            report_ns = self._now_ns()
            while self.state != State.DONE:
                now_ns = self._now_ns()
                if now_ns >= report_ns:
                    report(self.status())
                    report_ns = now_ns + STATUS_NS
                work = self._turn(now_ns)
                if work and self._progress is not None:
                    self._progress(self.released)
                self._poll(0.0 if work else self._sleep_s())
        finally:
            for line in self._lines:
                line.close()
            self._server.close()
        report(self.status())

    def _turn(self, now_ns: int) -> int:
        """Change state if it is time, send what is due; returns how many packets were."""
        work = 0
        if self.state in (State.WAITING, State.SENDING) and self._stops:
            self._drain(now_ns)
        elif self.state == State.WAITING and self._start_ns is not None and now_ns >= self._start_ns:
            self.state = State.SENDING
            for line in self._lines:
                line.start_ns = self._start_ns
        if self.state == State.SENDING:
            work = sum(line.send_due(now_ns, BATCH_PACKETS) for line in self._lines)
            self._sending_ns = now_ns - (self._start_ns or now_ns)
            if all(line.done for line in self._lines):
                self._drain(now_ns)
        if self.state == State.DRAINING and (self._stops > 1 or now_ns >= self._drain_ns):
            self.state = State.DONE
        self._say_idle(now_ns)
        return work

    def _drain(self, now_ns: int) -> None:
        self.state = State.DRAINING
        self._drain_ns = now_ns + self._config.linger_ns
        if self._config.end_of_session:
            for line in self._lines:
                line.send_control(now_ns, END_OF_SESSION)

    def _say_idle(self, now_ns: int) -> None:
        ending = self.state in (State.DRAINING, State.DONE) and self._config.end_of_session
        spacing_ns = self._config.heartbeat_ns
        if ending:
            spacing_ns = min(END_OF_SESSION_NS, spacing_ns)
        for line in self._lines:
            if now_ns - line.last_sent_ns >= spacing_ns:
                line.send_control(now_ns, END_OF_SESSION if ending else HEARTBEAT)

    def _sleep_s(self) -> float:
        due_ns = [line.next_due_ns for line in self._lines if line.next_due_ns is not None]
        if self.state != State.SENDING or self._start_ns is None or not due_ns:
            return POLL_MAX_S
        return min(max(0.0, (self._start_ns + min(due_ns) - self._now_ns()) / 1e9), POLL_MAX_S)

    def _poll(self, timeout_s: float) -> None:
        """Sleep until there is a request, a start or time is up. select(2), for its microseconds."""
        waiting: list[Any] = [self._server.socket]
        start_fd = self._config.start_fd
        if start_fd is not None and self._start_ns is None:
            waiting.append(start_fd)
        ready, _, _ = select.select(waiting, (), (), timeout_s)
        if self._server.socket in ready:
            self._server.serve(self.released)
        if start_fd is not None and start_fd in ready:
            self._take_start(start_fd)

    def _take_start(self, start_fd: int) -> None:
        """A byte starts; the end of the input means nobody will ever start us."""
        if os.read(start_fd, 4096):
            self._start_ns = self._now_ns() + self._config.delay_ns
        else:
            self.stop()

    def status(self) -> dict[str, Any]:
        """Where the replay stands, for scripts."""
        status: dict[str, Any] = {
            "state": self.state.value,
            "session": self._config.session.decode("ascii").rstrip(),
            "request": "{}:{}".format(*self._server.address),
            "messages": self._messages,
            "sent": self.released,
            "sending_s": round(self._sending_ns / 1e9, 6),
            "packets_planned": self._packets,
            "packets": max(line.packets_released for line in self._lines),
        }
        for line in self._lines:
            status |= line.status()
        return status | self._server.status()
