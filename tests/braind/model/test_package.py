"""A package loads where it fits and is refused everywhere else, with both sides named."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import torch
from msgspec import structs

from braind.features import registry
from braind.features.registry import FEATURE_NAMES
from braind.model import isa, package
from braind.model.package import PackageError, PackageMismatch

TORCH = str(torch.__version__)


@pytest.fixture
def copied(package_directory, tmp_path):
    return shutil.copytree(package_directory, tmp_path / "package")


def edit(directory, *path_and_value):
    *path, value = path_and_value
    manifest = json.loads((directory / "manifest.json").read_text())
    place = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (directory / "manifest.json").write_text(json.dumps(manifest))


def refused(directory, error=PackageMismatch, features=FEATURE_NAMES, torch_version=TORCH) -> str:
    with pytest.raises(error) as caught:
        package.load(directory, features, torch_version)
    return str(caught.value)


def test_a_package_loads_with_the_bytes_that_were_written(package_directory, compiled_network):
    manifest, binary = package.load(package_directory, FEATURE_NAMES, TORCH)
    assert binary == compiled_network.binary
    assert manifest.features == FEATURE_NAMES


def test_other_features_or_another_order_are_refused(package_directory):
    message = refused(package_directory, features=FEATURE_NAMES[::-1])
    assert str(list(FEATURE_NAMES)) in message
    assert str(list(FEATURE_NAMES[::-1])) in message


def test_other_formulas_are_refused(package_directory, monkeypatch):
    trained_on = registry.feature_hash(FEATURE_NAMES)
    monkeypatch.setattr(registry, "FORMULA_VERSION", 99)
    message = refused(package_directory)
    assert trained_on[:16] in message
    assert registry.feature_hash(FEATURE_NAMES)[:16] in message


def test_a_cpu_that_lacks_instructions_is_refused(copied):
    edit(copied, "binary", "isa", "flags", ["avx", "avx9000"])
    message = refused(copied)
    assert "avx avx9000" in message
    assert "this CPU lacks avx9000" in message
    assert "hft model export" in message


def test_another_architecture_is_refused(copied):
    edit(copied, "binary", "isa", "machine", "sparc64")
    assert "compiled for sparc64, this machine is" in refused(copied)


def test_another_torch_is_refused(package_directory):
    message = refused(package_directory, torch_version="9.9.9")
    assert TORCH in message
    assert "9.9.9" in message


def test_another_format_is_refused_whatever_else_it_holds(copied):
    (copied / "manifest.json").write_text('{"format_version": 2, "new": true}')
    assert "package format 2, this suite reads format 1" in refused(copied)


@pytest.mark.parametrize("name", ["model.pt2", "weights.npz"])
def test_a_changed_file_is_refused_by_its_hash(copied, name):
    with (copied / name).open("r+b") as file:
        file.seek(100)
        file.write(b"\xff\xfe")
    manifest = package.read_manifest(copied)
    read = {
        "model.pt2": lambda: package.load(copied, FEATURE_NAMES, TORCH),
        "weights.npz": lambda: package.read_weights(copied, manifest),
    }
    with pytest.raises(PackageError, match=f"{name}: SHA-256 is [0-9a-f]{{64}}, its manifest says"):
        read[name]()


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "not a manifest"), ("[]", "not a manifest"), ('{"format_version": 1}', "missing required field")],
)
def test_a_manifest_that_is_none_is_refused(copied, text, says):
    (copied / "manifest.json").write_text(text)
    assert says in refused(copied, PackageError)


def test_an_unknown_key_is_refused(copied):
    edit(copied, "comment", "hello")
    assert "comment" in refused(copied, PackageError)


def test_a_missing_package_is_refused_by_its_path(tmp_path):
    assert f"{tmp_path}/nothing/manifest.json" in refused(tmp_path / "nothing", PackageError)


def test_writing_replaces_a_package_whole_and_leaves_nothing_else(copied, compiled_network):
    manifest = structs.replace(package.read_manifest(copied), horizon_ms=77)
    package.write(copied, manifest, compiled_network.binary, (copied / "weights.npz").read_bytes())
    assert package.load(copied, FEATURE_NAMES, TORCH)[0].horizon_ms == 77
    assert os.listdir(copied.parent) == [copied.name]  # noqa: PTH208


def test_a_directory_that_is_no_package_is_never_replaced(package_directory, tmp_path, compiled_network):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    manifest = package.read_manifest(package_directory)
    with pytest.raises(PackageError, match="not a model package"):
        package.write(precious, manifest, compiled_network.binary, b"")
    assert os.listdir(tmp_path) == ["precious"]  # noqa: PTH208
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_this_cpu_has_what_native_means_here():
    assert isa.missing_here(isa.native()) == ""
    assert "sse2" in isa.native().flags or isa.native().machine != "x86_64"
