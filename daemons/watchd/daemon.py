"""watchd's process: one thread that looks, decides and acts every pass; the scribe's thread for disk and network.

Exit codes (as feedd's): 0 clean, 2 usage, 71 the system refused (socket, region, directory), 75 another watchd runs
in this directory, 78 configuration (the message names the key).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sdnotify  # type: ignore[import-untyped]
import structlog
import zmq

from hft.config import Config, ConfigError
from hft.config import load as load_config
from hft.control import CTL_SOCKET, HEARTBEAT_SOCKET, REGISTER_SOCKET
from hft.layout.dtypes import CloseReason, RegionKind, dtype
from hft.limits import adopt_commands, adopt_limits
from hft.log import logger
from hft.regions import (
    AlreadyRunning,
    CommandsWriter,
    DaemonLock,
    FenceWriter,
    Region,
    RegionError,
    monotonic_ns,
    read_control_record,
)
from watchd.actions import CloseFence, Note
from watchd.alert import Alert, AlertConfigError, webhook_address
from watchd.ctl_server import CtlServer
from watchd.event_journal import EventJournal
from watchd.eyes import Eyes, Pages
from watchd.hands import Hands, OrderPages, try_realtime
from watchd.heartbeats import Heartbeats
from watchd.limits_start import restore_limits
from watchd.metrics import Metrics
from watchd.monitor import Monitor
from watchd.registry import Registered, Registry
from watchd.reload import Reload
from watchd.restore import Restored, restored
from watchd.scribe import Scribe
from watchd.settings import Settings
from watchd.state_file import StateFile, StateUnreadable
from watchd.states import is_kill
from watchd.surroundings import require_unwritable_by_others
from watchd.tally_eyes import TallyEyes

EXIT_CLEAN, EXIT_SYSTEM, EXIT_ALREADY_RUNNING, EXIT_BAD_CONFIG = 0, 71, 75, 78
STATUS_INTERVAL_NS = 1_000_000_000
STOP_GRACE_NS = 2_000_000_000
MCL_CURRENT, MCL_FUTURE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """`watchd --config FILE`."""
    parser = argparse.ArgumentParser(prog="watchd", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="the suite's configuration (hft.toml)")
    options = parser.parse_args(arguments)
    log = logger("watchd")
    try:
        return run(load_config(options.config), options.config)
    except AlreadyRunning as error:
        return _refuse(log, EXIT_ALREADY_RUNNING, error)
    except (ConfigError, AlertConfigError, ValueError) as error:
        return _refuse(log, EXIT_BAD_CONFIG, error)
    except (RegionError, OSError, zmq.ZMQError) as error:
        return _refuse(log, EXIT_SYSTEM, error)


def run(config: Config, path: Path) -> int:
    """Of the configuration at `path`. Until SIGTERM or SIGINT. Raises what `main` turns into exit codes."""
    directory = Path(config.run.directory)
    directory.mkdir(mode=0o750, exist_ok=True)
    with DaemonLock(str(directory / "watchd")):
        # Closed before anything else: whoever opened it is dead, or we would not hold the lock.
        huge = config.run.huge_pages == "require"
        fence = Region.adopt(
            str(directory / "watchd/fence"), int(RegionKind.FENCE), dtype("Fence").itemsize, huge
        )
        writer = FenceWriter(fence)
        writer.close(int(CloseReason.DIED_ARMED))
        require_unwritable_by_others(directory / "watchd/fence")
        watchd = Watchd(config, path, fence, writer)
        try:
            watchd.run()
        finally:
            watchd.close()
    return EXIT_CLEAN


class LoggedJournal(EventJournal):
    """Every event is a log line, too; both are written by the scribe's thread, so that no pipe delays a pass."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._log = logger("watchd")

    def append(self, event: Mapping[str, Any], *, durable: bool) -> None:
        self._log.info(event["event"], **{k: v for k, v in event.items() if k not in ("event", "at")})
        super().append(event, durable=durable)


class Watchd:
    """Everything that has to be there before the first pass."""

    def __init__(self, config: Config, path: Path, fence: Region, writer: FenceWriter) -> None:
        self._config = config
        directory, huge = Path(config.run.directory), config.run.huge_pages == "require"
        self._fence_writer = writer
        self._settings = Settings.of(config)
        page = read_control_record(fence, "Fence")
        state_directory = Path(config.watchd.state_directory)
        state_directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        state_file = StateFile(state_directory)
        found = _restore(state_file, page["reason"], page["epoch"])
        if found.kill_reason:
            writer.set_reason(found.kill_reason)
        hooks, environment = config.watchd.alert, dict(os.environ)
        alert = Alert(
            hooks.command, webhook_address(hooks.webhook, environment), hooks.timeout_s, self._prepare_thread
        )
        self._scribe = Scribe(state_file, LoggedJournal(state_directory), alert, self._prepare_thread)
        self._registered: dict[str, Registered] = {}
        self._metrics = Metrics(directory / "watchd/stats", huge)
        limits = adopt_limits(directory / "watchd/limits", huge)
        commands = adopt_commands(directory / "watchd/commands", huge)
        for name in ("limits", "commands"):
            require_unwritable_by_others(directory / "watchd" / name)
        restored_limits = restore_limits(limits, state_directory, self._scribe)
        tally = TallyEyes(directory, config.risk.symbols, self._settings.disagree_ns)
        self._eyes = Eyes(directory, Pages(_operator_veto(directory, huge), fence, commands), tally)
        control = Path(config.run.control_directory)
        control.mkdir(mode=0o755, parents=True, exist_ok=True)
        require_unwritable_by_others(control)
        self._registry = Registry(control / REGISTER_SOCKET, directory, self._is_taken, self._on_refused)
        self._heartbeats = Heartbeats(control / HEARTBEAT_SOCKET)
        self._ctl = CtlServer(
            control / CTL_SOCKET,
            config.watchd.operators_group,
            lambda fields: self._scribe.event("request_refused", fields, durable=True),
        )
        self._hands = Hands(
            writer, OrderPages(restored_limits.writer, CommandsWriter(commands)), self._scribe, self._ctl,
            self._registered, self._forget, tally.rebase, realtime=config.watchd.realtime_priority > 0,
        )  # fmt: skip
        self._hands.reset_pauses(found.record.paused)
        self._monitor = Monitor(
            self._settings, found.record, page["epoch"], monotonic_ns(), durable=found.durable,
            risk=config.risk, tightened=restored_limits.tightened, limits_durable=restored_limits.durable,
        )  # fmt: skip
        self._notifier = sdnotify.SystemdNotifier()
        if self._notifier.socket is not None:
            self._notifier.socket.setblocking(False)
        self._reload = Reload(
            path, config, alert, self._notifier.notify,
            lambda name, fields: self._scribe.event(name, fields, durable=True),
        )  # fmt: skip
        self._status_due_ns = 0
        self._wakeup = _wake_on_signals()

    # -- the loop -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Passes until the monitor has stopped, or SIGTERM was STOP_GRACE_NS and a drain ago."""
        self._take_privileges()
        self._scribe.event(
            "started", {"pid": os.getpid(), "state": str(self._monitor.record.state)}, durable=True
        )
        self._notifier.notify("READY=1")
        interval_ns = self._settings.pass_interval_ns
        due_ns, last_ns = monotonic_ns(), monotonic_ns()
        stop_by_ns = 0
        while not self._monitor.stopped and (stop_by_ns == 0 or last_ns < stop_by_ns):
            silence_due_ns = self._monitor.roster.due_in_ns()
            self._wait(due_ns if silence_due_ns is None else min(due_ns, last_ns + max(0, silence_due_ns)))
            now_ns = monotonic_ns()
            if now_ns >= due_ns:
                due_ns = max(due_ns + interval_ns, now_ns)
            self._pass(now_ns, now_ns - last_ns)
            last_ns = now_ns
            if stop_by_ns == 0 and self._monitor.stopping:
                stop_by_ns = now_ns + self._settings.drain_deadline_ns + STOP_GRACE_NS

    def _wait(self, until_ns: int) -> None:
        timeout_s = max(0, until_ns - monotonic_ns()) / 1e9
        pidfds = [one.pidfd for one in self._registered.values() if one.alive]
        descriptors = [
            self._wakeup,
            self._ctl.fileno(),
            self._scribe.fileno(),
            *self._registry.descriptors(),
            *pidfds,
        ]
        readable, _, _ = select.select(descriptors, [], [], timeout_s)
        if self._wakeup in readable:
            numbers = set(os.read(self._wakeup, 64))
            if signal.SIGHUP in numbers:
                self._scribe.run(self._reload)
            if numbers != {int(signal.SIGHUP)}:
                self._notifier.notify("STOPPING=1")
                self._monitor.stop()

    def _pass(self, now_ns: int, gap_ns: int) -> None:
        for registered in self._registry.poll():
            self._welcome(registered)
        self._heartbeats.drain()
        self._eyes.want(self._monitor.record.paused.symbols)
        view = self._eyes.look(now_ns, time.time_ns(), self._registered, self._heartbeats.accepted)
        view.completions = self._scribe.completions()
        # Requests last: a veto that the view shows has its request, sent before it, in here.
        view.requests = [
            replace(request, scope=self._eyes.find(request.scope)) for request in self._ctl.poll()
        ]
        asked = {request.scope for request in view.requests if request.verb in ("cancel-all", "flatten")}
        if scopes := asked | self._monitor.cancels.scopes:
            view.open_in = self._eyes.count_open(scopes)
        paused = [
            request.scope for request in view.requests if request.verb in ("pause", "resume", "flatten")
        ]
        view.names = self._eyes.names(scope.instrument for scope in paused if scope.instrument is not None)
        for action in self._monitor.step(view):
            self._hands.do(action)
            if isinstance(action, CloseFence) and is_kill(action.reason):
                self._metrics.add_kill(action.reason)
            if isinstance(action, Note) and action.event == "phase":
                self._status_due_ns = 0
        if (deadline_ns := self._monitor.renew(monotonic_ns())) is not None:
            self._fence_writer.renew(deadline_ns)
        self._metrics.add_pass(
            self._monitor, self._heartbeats, len(view.requests), monotonic_ns() - now_ns, gap_ns, view.tally
        )
        self._tell_systemd(now_ns)

    def _tell_systemd(self, now_ns: int) -> None:
        """STATUS when the phase changed and once a second, with the keep-alive."""
        if now_ns < self._status_due_ns:
            return
        self._status_due_ns = now_ns + STATUS_INTERVAL_NS // 2
        monitor = self._monitor
        watched = ", ".join(sorted(self._registered)) or "nobody"
        self._notifier.notify(
            f"WATCHDOG=1\nSTATUS={monitor.phase} (epoch {monitor.epoch}, {monitor.record.reason}), watching {watched}"
        )

    # -- daemons come and go --------------------------------------------------------------------------------------

    def _welcome(self, registered: Registered) -> None:
        if (before := self._registered.pop(registered.name, None)) is not None:
            before.close()  # dead, or the registry would have refused
        self._registered[registered.name] = registered
        self._eyes.watch(registered)
        self._heartbeats.expect(registered)

    def _forget(self, name: str) -> None:
        if (registered := self._registered.pop(name, None)) is not None:
            registered.close()
        self._eyes.forget(name)
        self._heartbeats.forget(name)

    def _is_taken(self, name: str) -> bool:
        registered = self._registered.get(name)
        return registered is not None and registered.alive

    def _on_refused(self, problem: str) -> None:
        self._metrics.add_refused()
        self._scribe.event("registration_refused", {"problem": problem}, durable=False)

    # -- beginning and end ----------------------------------------------------------------------------------------

    def _take_privileges(self) -> None:
        """Memory locked, real-time priority, cores, a collector that stays away. What is refused is told."""
        locked = ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE) == 0
        if not locked:
            self._scribe.event(
                "memory_not_locked", {"advice": "raise RLIMIT_MEMLOCK (LimitMEMLOCK=infinity)"}
            )
        if self._config.cores.housekeeping:
            try:
                os.sched_setaffinity(0, set(self._config.cores.housekeeping))
            except OSError as error:
                raise ConfigError("cores.housekeeping", f"can not be used here: {error.strerror}") from error
        priority = self._config.watchd.realtime_priority
        if priority and (problem := try_realtime(priority)):
            self._scribe.event("no_realtime_priority", {"asked": priority, "problem": problem})
            priority = 0
        self._metrics.set_privileges(locked, priority)
        sys.setswitchinterval(0.0005)
        gc.collect()
        gc.freeze()
        gc.disable()

    def _prepare_thread(self) -> None:
        """Every thread of watchd has the loop's priority: each may hold the interpreter's lock for a moment."""
        if self._config.watchd.realtime_priority:
            try_realtime(self._config.watchd.realtime_priority)

    def close(self) -> None:
        """The fence is closed whatever led here."""
        self._fence_writer.close(int(CloseReason.STOPPED))
        self._scribe.event("stopped", {"state": str(self._monitor.record.state)}, durable=True)
        self._scribe.close(5.0)
        for name in list(self._registered):
            self._forget(name)
        self._registry.close()
        self._heartbeats.close()
        self._ctl.close()
        self._metrics.retire()
        gc.unfreeze()  # or the interpreter's end finds objects that nobody collects
        gc.enable()


def _restore(state_file: StateFile, fence_reason: int, fence_epoch: int) -> Restored:
    try:
        record, problem = state_file.load(), ""
    except StateUnreadable as error:
        record, problem = None, str(error)
    return restored(record, problem, fence_reason, fence_epoch, time.time_ns())


def _operator_veto(directory: Path, huge: bool) -> Region:
    """operator/veto, made when it is not there. In production its directory is the operators' (tmpfiles.d)."""
    operators = directory / "operator"
    operators.mkdir(mode=0o750, exist_ok=True)
    require_unwritable_by_others(operators, group_may=True)
    path, kind = str(operators / "veto"), int(RegionKind.VETO)
    if Path(path).exists():
        require_unwritable_by_others(Path(path), group_may=True)
        return Region.open(path, kind)
    return Region.create(path, kind, 1, dtype("VetoNote").itemsize, huge, mode=0o660)


def _wake_on_signals() -> int:
    """A descriptor that gives the numbers of SIGTERM, SIGINT and SIGHUP as bytes."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    return reader


def _refuse(log: structlog.stdlib.BoundLogger, code: int, error: Exception) -> int:
    log.error("refused to start", reason=str(error))
    return code


if __name__ == "__main__":
    sys.exit(main())
