"""The network: features → normalize → 32 → 32 → P(down), P(flat), P(up). Weights in numpy, graphs in torch.

Two graphs of the same weights are exported. `FusedRow` writes each layer as multiply-and-sum, which Inductor
fuses with everything around it into a single loop nest for the whole network; `GemmRow` uses matrix products,
which `--autotune` replaces by tuned templates. For one row of 16 features the fused graph is the faster one
on the machines measured so far, and needs no tuning.
"""

from __future__ import annotations

import io
import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

HIDDEN = (32, 32)
CLASSES = ("down", "flat", "up")
# Normalized inputs beyond this many standard deviations count as this many.
CLIP = 8.0

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """`mean`, `scale` (inputs,): normalized = (x - mean)·scale; `weights` each (out, in), `biases` (out,)."""

    mean: Array
    scale: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    @property
    def inputs(self) -> int:
        return int(self.mean.shape[0])

    def to_bytes(self) -> bytes:
        """An .npz (no pickled objects)."""
        named = {"mean": self.mean, "scale": self.scale}
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            named |= {f"weight{k}": weight, f"bias{k}": bias}
        buffer = io.BytesIO()
        np.savez(buffer, **named)  # type: ignore[arg-type]
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Network:
        """Raises ValueError, KeyError or OSError for bytes that `to_bytes` did not make."""
        with np.load(io.BytesIO(data), allow_pickle=False) as named:
            layers = sum(name.startswith("weight") for name in named)
            return cls(
                named["mean"],
                named["scale"],
                tuple(named[f"weight{k}"] for k in range(layers)),
                tuple(named[f"bias{k}"] for k in range(layers)),
            )


class TrainableNetwork(nn.Module):
    """Normalized batch (rows, inputs) → logits (rows, 3)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        sizes = (inputs, *HIDDEN, len(CLASSES))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))

    def forward(self, rows: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            rows = torch.relu(layer(rows))
        out: Tensor = self.layers[-1](rows)
        return out

    def network(self, mean: Array, scale: Array) -> Network:
        """A copy of the present weights with their normalization."""
        state = self.state_dict()
        arrays = {name: value.detach().numpy().astype(np.float32, copy=True) for name, value in state.items()}
        count = len(self.layers)
        return Network(
            mean.astype(np.float32),
            scale.astype(np.float32),
            tuple(arrays[f"layers.{k}.weight"] for k in range(count)),
            tuple(arrays[f"layers.{k}.bias"] for k in range(count)),
        )


class _Row(nn.Module, ABC):
    """One raw row (1, inputs) → probabilities (1, 3)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(network.mean.copy()))
        self.register_buffer("scale", torch.from_numpy(network.scale.copy()))
        self.weights = nn.ParameterList([_frozen(weight) for weight in network.weights])
        self.biases = nn.ParameterList([_frozen(bias) for bias in network.biases])

    def normalized(self, row: Tensor) -> Tensor:
        mean, scale = self.get_buffer("mean"), self.get_buffer("scale")
        return torch.clamp((row - mean) * scale, -CLIP, CLIP)

    @abstractmethod
    def layer(self, k: int, x: Tensor) -> Tensor:
        """Layer k without its activation."""

    def forward(self, row: Tensor) -> Tensor:
        x = self.normalized(row)
        last = len(self.weights) - 1
        for k in range(last):
            x = torch.relu(self.layer(k, x))
        out: Tensor = torch.softmax(self.layer(last, x), -1)
        return out


class FusedRow(_Row):
    """Layers as multiply-and-sum: one loop nest for everything."""

    def layer(self, k: int, x: Tensor) -> Tensor:
        products: Tensor = self.weights[k] * x
        out: Tensor = (products.sum(1) + self.biases[k]).reshape(1, -1)
        return out


class GemmRow(_Row):
    """Layers as matrix products: calls of tuned templates."""

    def layer(self, k: int, x: Tensor) -> Tensor:
        out: Tensor = nn.functional.linear(x, self.weights[k], self.biases[k])
        return out


def _frozen(array: Array) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(array.copy()), requires_grad=False)


def probabilities(network: Network, rows: Array) -> Array:
    """P(down, flat, up) of raw `rows` (n, inputs) in eager torch: the reference for the compiled graphs."""
    with torch.inference_mode():
        x = torch.clamp(
            (torch.from_numpy(rows) - torch.from_numpy(network.mean)) * torch.from_numpy(network.scale),
            -CLIP,
            CLIP,
        )
        out: Array = torch.softmax(_batch(network.weights, network.biases, x), -1).numpy()
    return out


def _batch(weights: Sequence[Array], biases: Sequence[Array], x: Tensor) -> Tensor:
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = nn.functional.linear(x, torch.from_numpy(weight), torch.from_numpy(bias))
        x = torch.relu(x) if k < len(weights) - 1 else x
    return x
