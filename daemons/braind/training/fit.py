"""Fitting the network: AdamW on cross-entropy, early stopping on validation; the seed decides all."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from braind.model.network import CLIP, Network, TrainableNetwork

# A network this small gains nothing from a second thread, and loses much where cores are shared.
THREADS = 1
# Small data in small batches: an epoch should be some steps, not one.
BATCH_ROWS_MAX = 2048
BATCH_ROWS_MIN = 32
STEPS_AN_EPOCH = 50
EPOCHS_MAX = 40
PATIENCE_EPOCHS = 5
LEARNING_RATE = 5e-4
WEIGHT_DECAY = 0.1
# A feature that never moves in training says nothing: it is scaled to 0 instead of divided by 0.
SPREAD_MIN = 1e-9


@dataclass(frozen=True)
class Fitted:
    """`stopped_by_time`: the time limit ended it, so another machine would have stopped elsewhere."""

    network: Network
    epochs: int
    seconds: float
    stopped_by_time: bool


def fit(
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    validation: tuple[NDArray[np.float32], NDArray[np.int64]],
    seed: int,
    seconds_max: float,
    progress: Callable[[int, float], None],
) -> Fitted:
    """Trains on (rows, labels). `progress(epoch, validation log loss)` after each epoch."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    mean, scale = _normalization(train[0])
    rows, labels = _tensors(train, mean, scale)
    validation_rows, validation_labels = _tensors(validation, mean, scale)
    module = TrainableNetwork(rows.shape[1])
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    loss_of = nn.CrossEntropyLoss()
    best_loss, best_weights, best_epoch, epoch = float("inf"), module.state_dict(), 0, 0
    batch_rows = max(BATCH_ROWS_MIN, min(BATCH_ROWS_MAX, len(labels) // STEPS_AN_EPOCH))
    start = time.monotonic()
    while (
        epoch < EPOCHS_MAX and epoch - best_epoch < PATIENCE_EPOCHS and time.monotonic() - start < seconds_max
    ):
        epoch += 1
        order = torch.randperm(len(labels))
        for chosen in (order[i : i + batch_rows] for i in range(0, len(order), batch_rows)):
            optimizer.zero_grad()
            loss_of(module(rows[chosen]), labels[chosen]).backward()
            optimizer.step()
        with torch.inference_mode():
            loss = float(loss_of(module(validation_rows), validation_labels))
        progress(epoch, loss)
        if loss < best_loss:
            best_loss, best_weights, best_epoch = loss, copy.deepcopy(module.state_dict()), epoch
    seconds = time.monotonic() - start
    module.load_state_dict(best_weights)
    by_time = epoch < EPOCHS_MAX and epoch - best_epoch < PATIENCE_EPOCHS
    return Fitted(module.network(mean, scale), epoch, seconds, by_time)


def _normalization(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    mean, spread = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    scale = np.where(spread > SPREAD_MIN, 1.0 / np.maximum(spread, SPREAD_MIN), 0.0)
    return mean.astype(np.float32), scale.astype(np.float32)


def _tensors(
    part: tuple[NDArray[np.float32], NDArray[np.int64]], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.clip((part[0] - mean) * scale, -CLIP, CLIP)), torch.from_numpy(part[1])
