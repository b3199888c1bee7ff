"""The model of fence, token, lease, epoch, state file, arm, clear and kill holds; and none of its rules is idle.

`make test` explores six slices of the bounds completely; `make model` (HFT_MODEL=large) larger ones. Both print what
they saw: states, transitions, depth, time.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from spin_runner import MODEL, Outcome, assertion_names, mutants, search

ONE = {"EPOCHS": 1, "FEEDDS": 1, "RINGS": 1, "INSTANCES": 1, "CRASHES": 0, "VETOES": 0}
SLICES = {
    "two watchds": ONE | {"EPOCHS": 2, "INSTANCES": 2, "CRASHES": 2},
    "generations": ONE | {"EPOCHS": 2, "FEEDDS": 2, "RINGS": 2},
    "vetoes": ONE | {"CRASHES": 1, "VETOES": 2},
    "power": ONE | {"EPOCHS": 2, "FEEDDS": 2, "POWERS": 1},
    "damage": ONE | {"CRASHES": 1, "DAMAGES": 1},
    "exclusion": ONE | {"INSTANCES": 2},
}
LARGE = {
    "three epochs": ONE | {"EPOCHS": 3, "INSTANCES": 2, "CRASHES": 2, "DAMAGES": 1},
    "generations and a crash": ONE | {"EPOCHS": 2, "FEEDDS": 2, "RINGS": 2, "CRASHES": 1},
    "vetoes over two epochs": ONE | {"EPOCHS": 2, "CRASHES": 1, "VETOES": 2},
    "power and vetoes": ONE | {"EPOCHS": 2, "FEEDDS": 2, "CRASHES": 1, "VETOES": 1, "POWERS": 1},
    "a longer lease": ONE | {"EPOCHS": 2, "INSTANCES": 2, "CRASHES": 2, "LEASE": 3},
    "armed by persons alone": ONE | {"EPOCHS": 2, "CRASHES": 2, "VETOES": 1, "ARM_ON_START": 0},
}
# Mutant: the slice in which it is seen, and what must fail there.
EXPECTED = {
    "ARM_DESPITE_VETO": ("vetoes", "CLEARED_FIRST"),
    "DISARM_WITHOUT_DRAIN": ("generations", "DISARMED_MEANS_NOTHING_OPEN"),
    "KILL_WITHOUT_DRAIN": ("generations", "KILLED_MEANS_NOTHING_OPEN"),
    "KILL_GIVES_UP": ("generations", "KILLED_MEANS_NOTHING_OPEN"),
    "CLEAR_WITHOUT_DRAIN": ("vetoes", "DISARMED_MEANS_NOTHING_OPEN"),
    "NO_LOCK": ("exclusion", "DISARMED_MEANS_NOTHING_OPEN"),
    "AUTO_AFTER_CLEAR": ("vetoes", "PERSON_AFTER_A_KILL"),
    "PAGE_FORGOTTEN": ("vetoes", "CLEARED_FIRST"),
    "START_RESUMES": ("vetoes", "ARMED_BY_ARMING_ALONE"),
    "MISSING_IS_DISARMED": ("damage", "CLEARED_FIRST"),
    "PAGE_NOT_TOLD": ("damage", "CLEARED_FIRST"),
    "DONE_BEFORE_FSYNC": ("generations", "ARMED_IS_DURABLE_FIRST"),
    "RENEW_LAPSED": ("generations", "LEASE_CURRENT"),
    "RENEW_FROM_NOW": ("generations", "LEASE_CURRENT"),
    "DISARM_BEFORE_CLOSE": ("generations", "DISARMED_MEANS_NOTHING_OPEN"),
    "DRAINED_SEEN_BEFORE": ("generations", "DISARMED_MEANS_NOTHING_OPEN"),
    "TOLD_BEFORE_DURABLE": ("power", "KILLED_SURVIVES_POWER"),
    "TOKEN_WITHOUT_FEEDD": ("generations", "OWN_FEEDD"),
    "TOKEN_WITHOUT_RING": ("generations", "OWN_QUEUE"),
    "TOKEN_IGNORED": ("exclusion", "OPEN"),
    "NO_LEASE_CHECK": ("generations", "LEASE_CURRENT"),
    "NO_LATCH": ("generations", "LATCHED_FOR_GOOD"),
    "NO_OPERATOR_VETO": ("vetoes", "NO_VETO"),
    "NO_BRAIND_VETO": ("generations", "NO_VETO"),
    "DRAINED_STICKS": ("generations", "DISARMED_MEANS_NOTHING_OPEN"),
    "TOLD_LATE": ("generations", "DISARMED_MEANS_NOTHING_OPEN"),
    "NO_EPOCH_CHECK": ("generations", "OWN_EPOCH"),
    "NO_LOOK_AFTER": ("generations", "WINDOW_IS_CANCELLED"),
    "ANY_VETO_TAKEN_BACK": ("vetoes", "CLEARED_FIRST"),
}
FROZEN = ONE | {"LIVENESS": 1, "EPOCHS": 2}


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """The outcome of every slice."""
    outcomes = {}
    for name, bounds in SLICES.items():
        outcomes[name] = search(tmp_path_factory.mktemp("model"), bounds)
    return outcomes


@pytest.mark.slow
@pytest.mark.parametrize("name", SLICES)
def test_every_state_of_a_slice_is_visited_and_nothing_fails(
    explored: dict[str, Outcome], name: str, figure: Callable[[str], None]
) -> None:
    figure(f"model, {name:28}{explored[name]}")
    assert (explored[name].failed, explored[name].complete) == ("", True)


def test_every_statement_of_the_model_is_reached_in_some_slice(explored: dict[str, Outcome]) -> None:
    never = frozenset.intersection(*(outcome.unreached for outcome in explored.values()))
    assert [text for _, text in never if text != "-end-"] == []


@pytest.mark.parametrize("mutant", EXPECTED)
def test_a_broken_rule_is_found(tmp_path: Path, mutant: str, figure: Callable[[str], None]) -> None:
    name, assertion = EXPECTED[mutant]
    outcome = search(tmp_path, SLICES[name] | {f"MUTANT_{mutant}": 1})
    figure(f"model, mutant {mutant:21}{outcome}")
    assert outcome.failed == assertion


def test_a_frozen_watchd_leads_to_silence(tmp_path: Path, figure: Callable[[str], None]) -> None:
    outcome = search(tmp_path, FROZEN, claim=True)
    figure(f"model, {'frozen watchd':28}{outcome}")
    assert (outcome.failed, outcome.complete) == ("", True)


def test_without_a_look_at_the_lease_a_frozen_watchd_leads_to_no_silence(tmp_path: Path) -> None:
    assert search(tmp_path, FROZEN | {"MUTANT_NO_LEASE_CHECK": 1}, claim=True).failed == "CYCLE"


def test_every_mutant_is_run_and_every_assertion_has_one() -> None:
    assert sorted(mutants()) == sorted(EXPECTED)
    assert "" not in assertion_names().values()
    assert set(assertion_names().values()) == {assertion for _, assertion in EXPECTED.values()}


def test_the_note_beside_the_model_names_every_assertion_and_every_mutant() -> None:
    named = set(re.findall(r"`([A-Z_]+)`", MODEL.with_name("README.md").read_text()))
    assert named >= set(assertion_names().values()) | set(mutants())


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("HFT_MODEL") != "large", reason="make model: minutes and gigabytes")
@pytest.mark.parametrize("name", LARGE)
def test_nothing_fails_within_larger_bounds(tmp_path: Path, name: str, figure: Callable[[str], None]) -> None:
    outcome = search(tmp_path, LARGE[name], compress=True)
    figure(f"model, {name:28}{outcome}")
    assert (outcome.failed, outcome.complete) == ("", True)
