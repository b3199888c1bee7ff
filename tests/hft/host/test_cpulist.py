"""hft.host.cpulist: the kernel's lists of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft.host import cpulist


@given(st.frozensets(st.integers(0, 1023)))
def test_what_is_rendered_is_read_back(numbers: frozenset[int]) -> None:
    assert cpulist.parse(cpulist.render(numbers)) == numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", set()), (" \n", set()), ("0", {0}), ("0-3,8", {0, 1, 2, 3, 8}), ("3,1-2,2", {1, 2, 3}),
        ("0-6:2/3", {0, 1, 3, 4, 6}), (" 1 , 2 ", {1, 2}),
    ],
)  # fmt: skip
def test_the_kernels_notation_is_read(text: str, numbers: set[int]) -> None:
    assert cpulist.parse(text) == numbers


@pytest.mark.parametrize("text", ["a", "1-", "-1", "3-1", "0-99999", "1;2", "0-3:0/2", "0-3:3/2", "(null)"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cpulist.parse(text)


MASKS = [("0", set()), ("3", {0, 1}), ("1,00000002", {1, 32}), ("f0", {4, 5, 6, 7})]


@pytest.mark.parametrize(("text", "numbers"), MASKS)
def test_masks_are_read(text: str, numbers: set[int]) -> None:
    assert cpulist.parse_mask(text) == numbers
