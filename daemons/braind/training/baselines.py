"""What a prediction is worth: accuracy and log loss, of the model and of rules that need no model.

Each baseline is a table of class frequencies counted on the training part, so that its log loss is fair:
    class_priors      always the same frequencies
    momentum          by the sign of the mid's deviation from its 1 s average: up stays up
    queue_imbalance   by the tenth of [-1, 1] that the queue imbalance is in
A baseline whose feature the strategy does not use is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from braind.model.network import CLASSES
from braind.model.package import Scores

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]


def scores_of(probabilities: NDArray[np.floating], labels: Labels) -> Scores:
    """Accuracy and mean log loss (nats) of class probabilities (n, 3)."""
    chosen = np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-12, 1.0)
    accuracy = float((probabilities.argmax(1) == labels).mean())
    return Scores(accuracy, float(-np.log(chosen).mean()))


def baseline_scores(
    features: tuple[str, ...], train: tuple[Rows, Labels], test: tuple[Rows, Labels]
) -> dict[str, Scores]:
    """Scores on `test` of each baseline counted on `train`."""
    cells = {"class_priors": (np.zeros(len(train[1]), np.int64), np.zeros(len(test[1]), np.int64))}
    if "mid_deviation_1s" in features:
        column = features.index("mid_deviation_1s")
        cells["momentum"] = (_sign(train[0][:, column]), _sign(test[0][:, column]))
    if "queue_imbalance" in features:
        column = features.index("queue_imbalance")
        cells["queue_imbalance"] = (_tenth(train[0][:, column]), _tenth(test[0][:, column]))
    return {
        name: scores_of(_frequencies(at_train, train[1])[at_test], test[1])
        for name, (at_train, at_test) in cells.items()
    }


def _sign(values: Rows) -> Labels:
    return np.sign(values).astype(np.int64) + 1


def _tenth(values: Rows) -> Labels:
    return np.clip(((values + 1.0) * 5.0).astype(np.int64), 0, 9)


def _frequencies(cells: Labels, labels: Labels, cells_max: int = 10) -> NDArray[np.float64]:
    """Class frequencies (cells, 3) with one pseudo-count, so that nothing is impossible."""
    counts = np.ones((cells_max, len(CLASSES)))
    np.add.at(counts, (cells, labels), 1.0)
    frequencies: NDArray[np.float64] = counts / counts.sum(1, keepdims=True)
    return frequencies
