"""All checks on one host, and the verdict. A check that can not see is not passed: `fit` fails closed."""

from __future__ import annotations

from hft.host.doctor.check import Check, Result, Severity, State
from hft.host.doctor.checks import CHECKS
from hft.host.doctor.subject import Subject
from hft.host.tree import Hidden


def examine(subject: Subject, checks: tuple[Check, ...] = CHECKS) -> list[Result]:
    """One result a check, in the order of `checks`."""
    return [_result(check, subject) for check in checks]


def unfit(results: list[Result], *, strict: bool = False) -> list[Result]:
    """What speaks against trading on this host: fatal, or with `strict` also a warning, failed or not visible."""
    held = (Severity.FATAL, Severity.WARNING) if strict else (Severity.FATAL,)
    return [r for r in results if r.severity in held and r.state in (State.FAILED, State.HIDDEN)]


def _result(check: Check, subject: Subject) -> Result:
    severity = check.severity
    if severity is Severity.FATAL and not check.always and not subject.isolated_profile:
        severity = Severity.WARNING
    try:
        verdict = check.look(subject)
    except Hidden as hidden:
        return Result(check, severity, State.HIDDEN, "", f"not visible here: {hidden}")
    if verdict is None:
        return Result(check, severity, State.NOT_ASKED, "", "not part of this plan")
    state = State.PASSED if verdict.passed else State.FAILED
    return Result(check, severity, state, verdict.required, verdict.current)
