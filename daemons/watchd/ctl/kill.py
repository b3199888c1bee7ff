"""`watchd ctl kill`: stops everything, with watchd, beside it or without it.

    1. request → watchd's socket          it finds the person's name when it sees
    2. operator/veto := OPERATOR          from here on the gateway refuses, whoever lives
    3. watchd's answer within --timeout   fence closed, braind dead, latched: done
    4. none: SIGKILL to the holder of braind's lock

The request goes first, so that watchd can name who it was in the same pass in which it finds the veto. Nothing is
printed before 4 is decided, ctrl-C only ends the wait of 3, and a terminal that goes away stops nothing. feedd is left
alone: it must live to cancel what is open. No failure of one step, foreseen or not, keeps the next from being
taken: therefore `except Exception`, and therefore the extension is imported where it is used.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from watchd.ctl.arguments import Options
from watchd.ctl.kill_holder import kill_holder
from watchd.ctl.settings import Settings
from watchd.ctl.wire import Line, NoAnswer, request_of
from watchd.ctl_words import ALREADY, DONE, EXIT_DONE, EXIT_NO_ANSWER, EXIT_NOT_PERMITTED, NOT_PERMITTED

DEATH_S = 2.0


class Kill:
    """What was done, in order, for the person and for --json."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.steps: list[dict[str, Any]] = []
        self.answer: dict[str, Any] | None = None
        self.problem = ""
        self.exit_code = EXIT_NO_ANSWER

    def note(self, step: str, text: str, *, ok: bool) -> None:
        after_ms = round((time.monotonic() - self._started) * 1e3, 3)
        self.steps.append({"step": step, "ok": ok, "text": text, "after_ms": after_ms})

    def document(self) -> dict[str, Any]:
        head = self.answer or {
            "ok": False,
            "code": "no_answer",
            "text": f"watchd does not answer: {self.problem}",
        }
        return {**head, "steps": self.steps}

    def text(self) -> str:
        if self.answer is not None:
            lines = [str(self.answer.get("text", ""))]
            if self.exit_code == EXIT_DONE:
                lines.append("next: watchd ctl clear --by NAME --reason TEXT   → docs/RUNBOOK.md#operator")
            else:
                lines += [*self._step_lines(), "→ docs/RUNBOOK.md#not-permitted"]
            return "\n".join(lines)
        lines = [f"watchd does not answer: {self.problem}", *self._step_lines()]
        if not all(step["ok"] for step in self.steps if step["step"] != "request"):
            lines.append("what could not be done here, root can: sudo watchd ctl kill")
        lines.append("→ docs/RUNBOOK.md#watchd-does-not-answer")
        return "\n".join(lines)

    def _step_lines(self) -> list[str]:
        return [f"  {step['step']:<14} {step['text']}" for step in self.steps if step["step"] != "request"]


def kill(options: Options, settings: Settings) -> Kill:
    """Does it. Never raises for what the system refuses: `exit_code` and steps say what was done."""
    _hold_on()
    done = Kill()
    line = Line(settings.ctl_socket, request_of(options))
    not_permitted = [_send(line, done), _set_veto(settings.veto, done)]
    if not done.problem:
        _await(line, options.timeout_s, done)
    code = done.answer["code"] if done.answer else ""
    if code in (DONE, ALREADY):
        done.exit_code = EXIT_DONE
    elif code == NOT_PERMITTED:
        done.exit_code = EXIT_NOT_PERMITTED
    else:
        if done.answer:
            done.problem, done.answer = f"it answered: {done.answer.get('text', code)}", None
        not_permitted.append(_kill_braind(settings.braind_lock, done))
        done.exit_code = EXIT_NOT_PERMITTED if all(not_permitted) else EXIT_NO_ANSWER
    return done


def _hold_on() -> None:
    """From here on neither ctrl-C nor the end of the terminal leaves a kill half done."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


def _send(line: Line, done: Kill) -> bool:
    """True: not permitted."""
    try:
        sent = line.try_send()
    except Exception as error:  # noqa: BLE001
        done.problem = _told(error)
        done.note("request", done.problem, ok=False)
        return isinstance(error, NoAnswer) and error.not_permitted
    done.note("request", "sent to watchd" if sent else "watchd's queue is full", ok=sent)
    return False


def _set_veto(path: str, done: Kill) -> bool:
    """True: not permitted."""
    try:
        from hft import _native

        _native.set_operator_veto(path)
    except Exception as error:  # noqa: BLE001
        done.note("operator veto", _told(error), ok=False)
        return _may_not_write(path)
    done.note("operator veto", "set: the gateway refuses every order", ok=True)
    return False


def _kill_braind(path: str, done: Kill) -> bool:
    """True: not permitted."""
    try:
        braind = kill_holder(path, DEATH_S)
    except Exception as error:  # noqa: BLE001
        done.note("braind", _told(error), ok=False)
        return False
    done.note("braind", braind.text, ok=braind.dead is not False)
    return braind.not_permitted


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def _may_not_write(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def _await(line: Line, timeout_s: float, done: Kill) -> None:
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            done.answer = line.answer(time.monotonic() + timeout_s)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except Exception as error:  # noqa: BLE001
        done.problem = _told(error)
    except KeyboardInterrupt:
        done.problem = "not waited for any longer"
