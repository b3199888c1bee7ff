"""The kernel's lists of numbers: `0-3,8` (cpuset(7), "List format"), as in /sys and on the command line."""

from __future__ import annotations

from collections.abc import Iterable

NUMBER_MAX = 1 << 16


def parse(text: str) -> frozenset[int]:
    """The numbers of `0-3,8` or `0-6:2/3`; nothing for blanks. Raises ValueError for anything else."""
    numbers: set[int] = set()
    for part in filter(None, (part.strip() for part in text.strip().split(","))):
        span, _, stride = part.partition(":")
        used, _, group = stride.partition("/")
        first, dash, last = span.partition("-")
        start, end = int(first), int(last if dash else first)
        if not 0 <= start <= end < NUMBER_MAX:
            raise ValueError(f"{part!r} is not a range of numbers")
        width, every = (int(used), int(group)) if stride else (1, 1)
        if not 0 < width <= every:
            raise ValueError(f"{part!r} is not a range with a stride")
        numbers.update(n for n in range(start, end + 1) if (n - start) % every < width)
    return frozenset(numbers)


def render(numbers: Iterable[int]) -> str:
    """`0-3,8`; the empty string for none."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def parse_mask(text: str) -> frozenset[int]:
    """The numbers of a mask in hexadecimal, in groups of 32 bits (`ff,00000003`). Raises ValueError."""
    mask = int(text.strip().replace(",", ""), 16)
    return frozenset(bit for bit in range(mask.bit_length()) if mask >> bit & 1)
