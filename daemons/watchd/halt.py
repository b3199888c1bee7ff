"""`watchd halt --unit NAME`: what hft-halt@.service runs when systemd finds that a daemon of the suite has failed.

The outer net, in seconds. Usually watchd has done everything long before (it sees a death through a pidfd). So it is
asked first: when it answers and the fence is closed, nothing is left to do, and nothing is latched that watchd did not
latch. When it still has the fence open, or does not answer, this kills as `watchd ctl kill` does: through watchd, and
without it by the operator's veto and a SIGKILL to braind.

Exit codes: 0 nothing was left to do, or it is done; those of `watchd ctl kill` otherwise.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping, Sequence

from hft.locks import lock_holder
from watchd.ctl.arguments import DEFAULT_CONFIG, Options
from watchd.ctl.kill import kill
from watchd.ctl.settings import Settings, SettingsError, read
from watchd.ctl.wire import NoAnswer, ask

# A watchd that has failed is started again by systemd: its successor closes the fence before anything else.
SUCCESSOR_S = 3.0
PAUSE_S = 0.1
ANSWER_S = 1.0


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="watchd halt", description=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("--unit", required=True, metavar="NAME", help="the unit that failed")
    parser.add_argument("--config", default=DEFAULT_CONFIG, metavar="FILE")
    given = parser.parse_args(arguments)
    try:
        settings = read(given.config)
    except SettingsError as error:
        settings = Settings()
        print(f"watchd halt: {error}; going on with the defaults")
    return halt(settings, f"{given.unit} {_what_happened(os.environ)}")


def _what_happened(environment: Mapping[str, str]) -> str:
    """In systemd's words ($MONITOR_*); a unit that a dependency kept from starting has no exit code."""
    if environment.get("MONITOR_SERVICE_RESULT", "success") == "success":  # of an earlier run, or of none
        return "did not start"
    return f"failed: {environment.get('MONITOR_SERVICE_RESULT')} ({environment.get('MONITOR_EXIT_STATUS')})"


def halt(settings: Settings, why: str) -> int:
    """Asks, and kills when it must."""
    state, fence_open = _asked(settings)
    if state and not fence_open:
        print(
            f"{why}; the fence is closed and the suite is {state}: nothing is left to do (watchd ctl status)"
        )
        return 0
    if not state and not any(_runs(f"{settings.run_directory}/{name}/lock") for name in ("feedd", "braind")):
        print(f"{why}; neither watchd nor feedd nor braind runs: nothing is left to do")
        return 0
    print(f"{why}; " + ("the fence is still open" if state else "watchd does not answer") + ": killing")
    options = Options("kill")
    options.by, options.reason = "systemd", why
    done = kill(options, settings)
    print(done.text())
    return done.exit_code


def _runs(lock: str) -> bool:
    """Whether somebody holds the daemon's lock; a lock that can not be looked at counts as held."""
    try:
        return lock_holder(lock) != 0
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _asked(settings: Settings) -> tuple[str, bool]:
    """(state, whether the fence is open) in watchd's words; ("", True) when none answers."""
    until = time.monotonic() + SUCCESSOR_S
    while True:
        options = Options("status")
        options.timeout_s = ANSWER_S
        try:
            document = ask(settings.ctl_socket, options)
        except NoAnswer:
            if time.monotonic() >= until:
                return "", True
            time.sleep(PAUSE_S)
            continue
        fence = document.get("fence") or {}
        state, is_open = str(document.get("state", "")), bool(fence.get("open", True))
        if not is_open or time.monotonic() >= until:
            return state, is_open
        time.sleep(PAUSE_S)  # it may see the death in its next pass
