"""A brain with its strategy and model, as a configuration names them: for the daemon and for a replay of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from braind.brain import Brain, OwnLimits
from braind.checkpoint import state_arrays
from braind.controls import NO_CONTROLS
from braind.features.state import FeatureState
from braind.identity import Identity, identify
from braind.model import libtorch
from braind.model.inference import NativeModel
from braind.model.package import load
from braind.policy import find_strategy, make_strategy
from hft.config import Braind


@dataclass(frozen=True)
class Assembled:
    """The brain, and who it is."""

    brain: Brain
    identity: Identity


def assemble(
    braind: Braind,
    instruments_max: int,
    histograms: NDArray[np.uint64],
    controls: NDArray[np.uint64] = NO_CONTROLS,
) -> Assembled:
    """Compiles nothing yet but the model's call. Raises StrategyError, PackageError, ModelError, LibtorchError."""
    libtorch.use_one_thread()
    strategy_class = find_strategy(braind.strategy, braind.strategy_path)
    manifest, binary = load(Path(braind.model), strategy_class.features, libtorch.version())
    strategy = make_strategy(strategy_class, braind, manifest)
    brain = Brain(
        FeatureState.unresolved(len(braind.symbols), instruments_max),
        NativeModel(binary, len(manifest.features)),
        strategy,
        braind.accept_partial_books,
        braind.decision_interval_us,
        histograms,
        controls,
        OwnLimits(braind.shadow_orders, braind.position_max, braind.divergences_max, braind.answer_ms_max),
    )
    return Assembled(brain, identify(braind, instruments_max, strategy, manifest, state_arrays(brain)))
