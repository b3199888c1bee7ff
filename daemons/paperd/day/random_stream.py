"""A random stream of our own for compiled code, so that a seed gives the same bytes wherever it runs.

SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): one 64-bit word of
state, passes BigCrush. Numba's own generator is thread-local and shared with every other compiled function.
The state is the field `random_word` of the record each function takes.
"""

import math

import numpy as np

from paperd.compiled import compiled

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3, _TO_53_BITS = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


@compiled
def uniform(stream: np.record) -> float:
    """A float in [0, 1)."""
    word = stream.random_word + _GOLDEN
    stream.random_word = word
    word = (word ^ (word >> _SHIFT_1)) * _MIX_1
    word = (word ^ (word >> _SHIFT_2)) * _MIX_2
    word ^= word >> _SHIFT_3
    return float(word >> _TO_53_BITS) * _UNIT


@compiled
def below(stream: np.record, bound: int) -> int:
    """An integer in [0, bound)."""
    return int(uniform(stream) * bound)


@compiled
def exponential(stream: np.record) -> float:
    """Mean 1."""
    return -math.log(1.0 - uniform(stream))


@compiled
def normal(stream: np.record) -> float:
    """Mean 0, variance 1 (Box-Muller, one of the pair)."""
    radius = math.sqrt(2.0 * exponential(stream))
    return radius * math.cos(2.0 * math.pi * uniform(stream))


@compiled
def geometric(stream: np.record, stop: float) -> int:
    """Failures (0, 1, 2, …) before the first success of probability `stop`."""
    return int(exponential(stream) / -math.log(1.0 - stop))
