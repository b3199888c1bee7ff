"""The compiled network against eager torch, and what happens with a broken library."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from braind.model.export import cached_binary
from braind.model.inference import ModelError, NativeModel
from braind.model.network import Network, probabilities


def test_the_compiled_network_gives_eager_torchs_probabilities(model, network):
    rows = np.random.default_rng(1).normal(0, 30, (200, network.inputs)).astype(np.float32)
    rows[0] = 1e30  # far beyond the clip
    compiled = np.array([model.scores(row) for row in rows])
    np.testing.assert_allclose(compiled, probabilities(network, rows), atol=2e-6)


def test_the_same_row_gives_the_same_bytes(model, network):
    row = np.linspace(-50, 50, network.inputs).astype(np.float32)
    first = model.scores(row).tobytes()
    assert all(model.scores(row).tobytes() == first for _ in range(100))


def test_numbers_that_are_none_come_out_as_none(model, network):
    row = np.zeros(network.inputs, np.float32)
    row[3] = np.nan
    assert np.isnan(model.scores(row)).all()


def test_two_models_in_one_process_keep_apart(model, network):
    weights = tuple(2 * weight for weight in network.weights)
    second = replace(network, weights=weights)
    other = NativeModel(cached_binary(second).binary, network.inputs)
    row = np.linspace(-20, 20, network.inputs).astype(np.float32)
    expected = model.scores(row)
    np.testing.assert_allclose(other.scores(row), probabilities(second, row[None])[0], atol=2e-6)
    assert np.abs(other.scores(row) - expected).max() > 0.01
    other.close()
    assert model.scores(row).tobytes() == expected.tobytes()


def test_weights_survive_their_bytes(network):
    again = Network.from_bytes(network.to_bytes())
    assert again.to_bytes() == network.to_bytes()


def test_a_compiled_network_comes_from_the_cache_the_second_time(network):
    assert cached_binary(network).binary == cached_binary(network).binary


@pytest.mark.parametrize(
    ("names", "says"), [([], "one compiled library"), (["a.so", "b.so"], "one"), (["a.so"], "does not load")]
)
def test_an_archive_without_its_library_is_refused(names, says):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"not an ELF file")
    with pytest.raises(ModelError, match=says):
        NativeModel(buffer.getvalue(), 16)
