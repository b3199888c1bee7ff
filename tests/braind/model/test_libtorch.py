"""PyTorch's library without its package says and does what the package would."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
import torch

from braind.model import libtorch


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing is remembered, before and after."""
    remembered = (libtorch.version, libtorch.library, libtorch._package)
    for each in remembered:
        each.cache_clear()
    yield
    for each in remembered:
        each.cache_clear()


def test_the_version_is_the_packages() -> None:
    assert libtorch.version() == torch.__version__


def test_one_thread_is_one_thread_for_the_package_too() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        libtorch.use_one_thread()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("fresh")
def test_without_pytorch_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for ask in (libtorch.version, libtorch.library):
        with pytest.raises(libtorch.LibtorchError, match="PyTorch is not installed"):
            ask()
