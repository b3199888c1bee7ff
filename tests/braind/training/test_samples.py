"""Labels by hand, the split's honesty, the baselines' arithmetic, and training end to end."""

from __future__ import annotations

import numpy as np
import pytest

from braind.features.registry import FEATURE_NAMES
from braind.training.baselines import baseline_scores, scores_of
from braind.training.samples import DOWN, FLAT, UP, Samples, make_samples, split_by_time
from hft.layout.dtypes import MARKET_EVENT, BookValidity, EventFlags, EventKind, TradeState

FEATURES = ("spread", "queue_imbalance")
MS = 1_000_000
OPEN_NS = 10**18


def tops(mids, instrument_id=1, step_ns=10 * MS):
    events = np.zeros(len(mids), MARKET_EVENT)
    events["instrument_id"], events["kind"] = instrument_id, EventKind.ADD
    events["flags"], events["validity"] = EventFlags.TOP_CHANGED, BookValidity.VALID
    events["trade_state"] = TradeState.TRADING
    events["exchange_ts_ns"] = OPEN_NS + np.arange(len(mids)) * step_ns
    events["bid_price"], events["ask_price"] = np.array(mids) - 100, np.array(mids) + 100
    events["bid_quantity"], events["ask_quantity"] = 100, 200
    return events


def labels(events, horizon_ms=10, dead_band=0.25):
    samples = make_samples([events], FEATURES, horizon_ms * MS, dead_band, 0)
    return dict(zip(((samples.ts_ns - OPEN_NS) // MS).tolist(), samples.labels.tolist(), strict=True))


def test_a_label_is_the_sign_of_the_mids_move_over_the_horizon():
    events = tops([10_000, 10_100, 10_100, 9_900, 9_950, 10_000])
    assert labels(events) == {0: UP, 10: FLAT, 20: DOWN, 30: UP, 40: UP}
    assert labels(events, horizon_ms=20) == {0: UP, 10: DOWN, 20: DOWN, 30: UP}


def test_moves_inside_the_dead_band_are_flat():
    assert labels(tops([10_000, 10_050, 10_150]), dead_band=0.5) == {0: FLAT, 10: UP}


def test_the_mid_in_force_counts_until_the_next_top():
    assert labels(tops([10_000, 10_100, 10_200]), horizon_ms=19)[0] == UP
    assert labels(tops([10_000, 10_000, 10_200]), horizon_ms=19)[0] == FLAT


def test_a_top_that_goes_one_sided_before_the_horizon_has_no_label():
    events = tops([10_000, 10_100, 10_200, 10_300])
    events["bid_quantity"][1] = 0
    assert labels(events, horizon_ms=20) == {}
    assert labels(events, horizon_ms=10) == {20: UP}


def test_nothing_is_labelled_across_a_gap():
    gap = tops([0])
    gap["instrument_id"], gap["kind"], gap["flags"] = 0, EventKind.GAP, 0
    gap["exchange_ts_ns"] = OPEN_NS + 15 * MS
    events = np.concatenate([tops([10_000, 10_100]), gap, tops([0] * 2 + [10_200, 10_300])[2:]])
    assert labels(events) == {0: UP, 20: UP}


def test_instruments_do_not_lend_each_other_their_mids():
    one, two = tops([10_000] * 4, 1), tops([20_000, 20_100, 20_200, 20_300], 2)
    both = np.concatenate([one, two])
    both = both[np.argsort(both["exchange_ts_ns"], kind="stable")]
    samples = make_samples([both], FEATURES, 10 * MS, 0.25, 0)
    assert sorted(samples.labels.tolist()) == [FLAT] * 3 + [UP] * 3


def test_batches_may_be_cut_anywhere(stream):
    events = stream(4, 3000)
    whole = make_samples([events], FEATURE_NAMES, 5 * MS, 0.25, 0)
    parts = make_samples(np.array_split(events, 17), FEATURE_NAMES, 5 * MS, 0.25, 0)
    assert len(whole) > 500
    assert whole.rows.tobytes() == parts.rows.tobytes()
    assert whole.labels.tobytes() == parts.labels.tobytes()


def test_an_empty_day_gives_no_samples():
    assert len(make_samples([], FEATURES, MS, 0.25, 0)) == 0


def test_no_label_of_one_part_reaches_into_the_next():
    ts_ns = OPEN_NS + np.sort(np.random.default_rng(1).integers(0, 10**10, 5000))
    samples = Samples(np.zeros((5000, 1), np.float32), ts_ns, np.zeros(5000, np.int64), 5000, 5000)
    split, purge_ns = split_by_time(samples, 50 * MS), 50 * MS
    assert ts_ns[split.train].max() + purge_ns < ts_ns[split.validation].min()
    assert ts_ns[split.validation].max() + purge_ns < ts_ns[split.test].min()
    assert [round(len(part) / 1000) for part in (split.train, split.validation, split.test)] == [3, 1, 1]


def test_scores_are_accuracy_and_log_loss():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    scores = scores_of(probabilities, np.array([0, 1]))
    assert scores.accuracy == 0.5
    assert scores.log_loss == pytest.approx(-(np.log(0.5) + np.log(0.1)) / 2)


def test_a_baseline_knows_only_the_training_part():
    features = ("mid_deviation_1s", "queue_imbalance")
    train = (np.array([[1, 0], [1, 0], [-1, 0], [-1, 0]], np.float32), np.array([UP, UP, DOWN, DOWN]))
    test = (np.array([[2, 0], [-2, 0]], np.float32), np.array([UP, DOWN]))
    scores = baseline_scores(features, train, test)
    assert scores["momentum"].accuracy == 1.0
    assert scores["momentum"].log_loss == pytest.approx(-np.log(3 / 5))
    assert scores["class_priors"].log_loss == pytest.approx(-np.log(3 / 7))
    assert list(baseline_scores(("spread",), train, test)) == ["class_priors"]
