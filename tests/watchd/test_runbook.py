"""docs/RUNBOOK.md is complete, and what it tells people to type is understood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hft.layout.dtypes import CloseReason, RefusalReason
from paperd.orders.checks import REASON_MAX
from watchd.ctl.arguments import HELP, parse
from watchd.ctl_words import EXIT_BAD_CONFIG, EXIT_NO_ANSWER, EXIT_NOT_PERMITTED
from watchd.states import is_kill, reason_name

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")
PARTS = ("Means", "Has happened", "Look", "Do", "Again")


def _sections(part: str) -> dict[str, str]:
    """Anchor -> text of the entries below a heading of the second level."""
    body = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)
    (chosen,) = [text for text in body if text.startswith(f"{part}\n")]
    entries = re.split(r"^### (.+)$", chosen, flags=re.MULTILINE)[1:]
    return dict(zip(entries[::2], entries[1::2], strict=True))


REASONS = _sections("Reasons")
REFUSALS = _sections("When a command is refused")


def test_every_reason_has_an_entry_and_every_entry_is_a_reason() -> None:
    expected = [reason_name(reason) for reason in CloseReason if reason >= CloseReason.LEASE_LAPSED]
    assert list(REASONS) == expected


def test_every_refusal_of_the_gateway_has_a_row_in_the_order_in_which_it_is_checked() -> None:
    table = RUNBOOK.split("## When the gateway refuses an order")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", table, flags=re.MULTILINE)
    expected = [reason.name.lower() for reason in RefusalReason if reason != RefusalReason.NONE]
    assert [name for name, _, _ in rows] == expected


def test_every_reject_code_of_the_venue_has_one_row() -> None:
    section = RUNBOOK.split("### the-venue-rejects-orders")[1].split("\n### ")[0]
    rows = re.findall(r"^\| (0x[^|]+) \| ([^|]+) \| ([^|]+) \|$", section, flags=re.MULTILINE)
    codes = sorted(int(code, 16) for row in rows for code in row[0].split(", "))
    assert codes == list(range(1, REASON_MAX + 1))


@pytest.mark.parametrize("reason", REASONS)
def test_every_entry_answers_the_same_questions(reason: str) -> None:
    assert re.findall(r"^- \*\*(.+?)\*\*:", REASONS[reason], flags=re.MULTILINE) == list(PARTS)


@pytest.mark.parametrize("reason", REASONS)
def test_a_kill_is_left_by_clear_and_arm_and_anything_else_by_arm(reason: str) -> None:
    again = REASONS[reason].split("**Again**")[1]
    assert ("watchd ctl clear" in again) == is_kill(CloseReason[reason.upper()])
    assert "watchd ctl arm" in again


def test_every_anchor_that_watchd_prints_is_there() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "daemons" / "watchd").rglob("*.py")]
    printed = set(re.findall(r"RUNBOOK\.md#([a-z_-]+)", "\n".join(sources)))
    assert printed >= {"arm-blockers", "not-permitted", "watchd-does-not-answer", "operator-veto-left-set"}
    headings = {heading.lower() for heading in re.findall(r"^### (.+)$", RUNBOOK, flags=re.MULTILINE)}
    assert {*REASONS, *REFUSALS} <= headings
    assert printed | set(re.findall(r"`#([a-z_-]+)`", RUNBOOK)) <= headings


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`(?:sudo )?watchd ctl ([^`]+)`", RUNBOOK))))
def test_every_command_it_names_is_understood(command: str) -> None:
    assert parse(command.replace("ID", "7").split()).verb in HELP


def test_the_table_has_every_command() -> None:
    table = RUNBOOK.split("## Commands")[1].split("## States")[0]
    assert [verb for verb in HELP if f"`watchd ctl {verb}" not in table] == []


def test_the_exit_codes_are_the_command_s() -> None:
    codes = RUNBOOK.split("Exit codes of `watchd ctl`")[1].split("## States")[0]
    for code in (EXIT_NO_ANSWER, EXIT_NOT_PERMITTED, EXIT_BAD_CONFIG):
        assert str(code) in codes
