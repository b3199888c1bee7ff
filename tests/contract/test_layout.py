"""One layout everywhere: the schema's sources, the golden file, the extension, numpy and the C++ compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hft import _native
from hft.layout.dtypes import dtype, schema
from hft.layout.reflection import Field, Struct, parse

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "schema" / "layout.golden.txt"


def test_the_built_extension_holds_the_golden_layout() -> None:
    assert schema().golden_text() == GOLDEN.read_text()


def test_the_schema_sources_compile_to_the_golden_layout(tmp_path: Path) -> None:
    flatc = Path(sys.executable).with_name("flatc")
    subprocess.run(
        [flatc, "--binary", "--schema", "-o", tmp_path, ROOT / "schema" / "hft.fbs"],
        check=True,
        capture_output=True,
    )
    assert parse((tmp_path / "hft.bfbs").read_bytes()).golden_text() == GOLDEN.read_text()


def test_the_layout_hash_is_that_of_the_golden_layout() -> None:
    assert schema().layout_hash() == _native.LAYOUT_HASH


@pytest.mark.parametrize("struct", schema().structs.values(), ids=lambda struct: struct.name)
def test_numpy_has_the_schema_s_offsets_and_no_hole(struct: Struct) -> None:
    made = dtype(struct.name)
    assert made.itemsize == struct.size_bytes
    end = 0
    for field in struct.fields:
        subtype, offset = made.fields[field.name][:2]
        assert offset == field.offset_bytes == end
        end = offset + subtype.itemsize
    assert end == struct.size_bytes, "padding is a named field"


@pytest.mark.parametrize(
    ("name", "pairs"), [("MarketEvent", 1), ("OrderIntent", 1), ("OrderUpdate", 2), ("LoopInput", 1)]
)
def test_a_ring_record_is_pairs_of_cache_lines_with_its_control_word_first(name: str, pairs: int) -> None:
    struct = schema().structs[name]
    assert struct.size_bytes == 128 * pairs
    assert (struct.fields[0].name, struct.fields[0].offset_bytes, struct.fields[0].type) == (
        "sequence",
        0,
        "u64",
    )


def _measure(struct: Struct, field: Field) -> str:
    """C++ that prints the field's offset as the compiler has it: where a write through it lands."""
    change = (
        f"offset = reinterpret_cast<char*>(s.mutable_{field.name}()) - base;"
        if field.count
        else f"s.mutate_{field.name}(static_cast<std::remove_cvref_t<decltype(s.{field.name}())>>(value));"
    )
    value = "1.1" if field.type.startswith("f") else "-1"
    return f"""{{
      hft::schema::{struct.name} s; char* base = reinterpret_cast<char*>(&s); long offset = -1;
      [[maybe_unused]] const auto value = {value};
      {change}
      for (long i = 0; offset < 0 && i < static_cast<long>(sizeof s); ++i) if (base[i] != 0) offset = i;
      std::printf("{struct.name} {field.name} %ld %zu\\n", offset, sizeof s);
    }}"""


def test_the_cpp_compiler_has_the_schema_s_offsets(contract_build: Path, tmp_path: Path) -> None:
    parts = [(struct, field) for struct in schema().structs.values() for field in struct.fields]
    body = "\n".join(_measure(struct, field) for struct, field in parts)
    source = tmp_path / "offsets.cpp"
    source.write_text(
        "#include <cstdio>\n#include <type_traits>\n"
        f'#include "hft/schema/hft_generated.h"\nint main() {{\n{body}\n}}\n'
    )
    includes = [
        "-I",
        contract_build / "schema" / "include",
        "-I",
        Path(sys.executable).parents[1] / "include",
    ]
    subprocess.run(
        ["c++", "-std=c++20", "-O0", *map(str, includes), "-o", tmp_path / "offsets", source], check=True
    )
    printed = subprocess.run([tmp_path / "offsets"], capture_output=True, text=True, check=True).stdout
    expected = [f"{s.name} {f.name} {f.offset_bytes} {s.size_bytes}" for s, f in parts]
    assert printed.splitlines() == expected
