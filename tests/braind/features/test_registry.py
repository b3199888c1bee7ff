"""The registry's promises, and that nobody changes a formula without saying so."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from braind.features.ranges import features_of_range
from braind.features.registry import (
    FEATURE_NAMES,
    FEATURES,
    FORMULA_VERSION,
    feature_hash,
    selection,
    warmup_top_updates,
)
from braind.features.state import FeatureState

# FORMULA_VERSION -> digest of all features over a fixed stream. A formula that changes needs a new version.
DIGESTS = {1: "d0d906933ff214ad"}


def test_every_feature_says_what_it_is():
    for feature in FEATURES:
        assert all([feature.name, feature.formula, feature.unit, feature.source]), feature
        assert feature.warmup_top_updates >= 1
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) == 16


def test_the_hash_tells_features_and_their_order_apart():
    a, b = FEATURE_NAMES[:2]
    assert len({feature_hash([a]), feature_hash([b]), feature_hash([a, b]), feature_hash([b, a])}) == 4


@pytest.mark.parametrize("names", [[], ["nonsense"], ["spread", "spread"]])
def test_a_feature_list_that_is_empty_unknown_or_repeated_is_refused(names):
    with pytest.raises(ValueError, match="feature"):
        selection(names)


def test_the_warm_up_of_a_list_is_its_slowest_feature():
    assert (warmup_top_updates(["spread"]), warmup_top_updates(["spread", "ofi_1s"])) == (1, 32)


def test_a_formula_does_not_change_without_a_new_formula_version(stream):
    events = stream(20_260_105, 3000, instruments=3)
    state = FeatureState.following([1, 2, 3], 8)
    rows, ready = np.zeros((len(events), len(FEATURES))), np.zeros(len(events), np.bool_)
    features_of_range(
        events, state.slot_of_instrument, state.values, state.clocks, state.tick, 1, rows, ready
    )
    # Rounded: the last bits of exp() belong to the C library.
    digest = hashlib.sha256(np.round(rows, 4).tobytes() + ready.tobytes()).hexdigest()[:16]
    assert digest == DIGESTS[FORMULA_VERSION]
