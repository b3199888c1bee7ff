"""A model package of random weights that is of different opinions: good enough for everything but trading."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from braind.features.registry import FEATURE_NAMES, feature_hash
from braind.model import package
from braind.model.export import Compiled, cached_binary
from braind.model.network import CLASSES, Network, TrainableNetwork
from braind.model.package import Manifest, Scores, Training


def tiny_network() -> Network:
    """16-32-32-3, seeded; random weights are never sure of anything, so a threshold of 0.36 is reached now and then."""
    torch.manual_seed(1)
    inputs = len(FEATURE_NAMES)
    random = TrainableNetwork(inputs).network(np.zeros(inputs, np.float32), np.full(inputs, 0.05, np.float32))
    return replace(
        random, weights=tuple(3 * w for w in random.weights), biases=tuple(0 * b for b in random.biases)
    )


def write_package(directory: Path, network: Network) -> Path:
    """A sound package of it for this machine."""
    weights, compiled = network.to_bytes(), cached_binary(network)
    package.write(directory, tiny_manifest(network, weights, compiled), compiled.binary, weights)
    return directory


def tiny_manifest(network: Network, weights: bytes, compiled: Compiled) -> Manifest:
    return Manifest(
        format_version=package.FORMAT_VERSION,
        features=FEATURE_NAMES,
        feature_hash=feature_hash(FEATURE_NAMES),
        mean=tuple(map(float, network.mean)),
        scale=tuple(map(float, network.scale)),
        classes=CLASSES,
        horizon_ms=10,
        dead_band_ticks=0.25,
        weights_sha256=package.sha256(weights),
        training=Training(
            "none", "0" * 64, ("2026-01-05",), 1, 1, 1, 1, 10, 0.0, 0, (1.0, 0.0, 0.0), Scores(0.5, 1.0),
            {"class_priors": Scores(0.4, 1.1)}, "",
        ),
        binary=compiled.description,
    )  # fmt: skip
