"""What `hft doctor --report` wrote about the host, at the last preflight or since. Every field is doubted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from watchd.exporter.readings import Reading, gauge, one_hot
from watchd.exporter.state import read_document, utc_seconds

CHECKS_MAX: Final = 128
PROFILES: Final = ("isolated", "untuned")
SEVERITIES: Final = ("fatal", "warning", "info")
STATES: Final = ("passed", "failed", "hidden", "not_asked")
_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")


def read_doctor_report(path: Path) -> list[Reading]:
    """Raises OSError (FileNotFoundError: nobody asked yet), ValueError when it can not be believed.

    What is not visible counts as not passed; what the plan does not ask for is absent.
    """
    report = read_document(path)
    checks = report.get("checks")
    if not isinstance(checks, list) or len(checks) > CHECKS_MAX or not all(map(_believable, checks)):
        raise ValueError(f"{path.name}: checks is not a list of checks")
    if len({check["id"] for check in checks}) != len(checks) or not isinstance(report.get("fit"), bool):
        raise ValueError(f"{path.name}: names a check twice, or does not say whether the host is fit")
    return [
        gauge("hft_doctor_report_timestamp_seconds", utc_seconds(report.get("at"))),
        gauge("hft_doctor_fit", float(report["fit"])),
        *one_hot("hft_doctor_profile", "profile", PROFILES, str(report.get("profile"))),
        gauge("hft_doctor_hidden_checks", sum(check["state"] == "hidden" for check in checks)),
        *(
            gauge(
                "hft_doctor_check_passed",
                float(check["state"] == "passed"),
                check=check["id"],
                severity=check["severity"],
            )
            for check in checks
            if check["state"] != "not_asked"
        ),
    ]


def _believable(check: Any) -> bool:
    return (
        isinstance(check, dict)
        and _ID.fullmatch(str(check.get("id"))) is not None
        and check.get("severity") in SEVERITIES
        and check.get("state") in STATES
    )
