"""Read a flatc `.bfbs` and print the layout of every struct: the golden text, its hash, a C++ header.

Depends on `flatbuffers` alone, because CMake runs this file as a script before anything is installed:

    python reflection.py hft.bfbs --golden OUT.txt     the canonical layout text
    python reflection.py hft.bfbs --header OUT.hpp     LAYOUT_HASH and the .bfbs bytes for C++

The PyPI package `flatbuffers` ships no reflection module, so the few tables needed are read through
`flatbuffers.table.Table` (vtable slots from flatbuffers' own reflection.fbs).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flatbuffers import encode, number_types, packer  # type: ignore[import-untyped]
from flatbuffers.table import Table  # type: ignore[import-untyped]

# reflection.fbs BaseType -> (name, size in bytes); what structs may hold.
SCALARS = {
    2: ("bool", 1), 3: ("i8", 1), 4: ("u8", 1), 5: ("i16", 2), 6: ("u16", 2),
    7: ("i32", 4), 8: ("u32", 4), 9: ("i64", 8), 10: ("u64", 8), 11: ("f32", 4), 12: ("f64", 8),
}  # fmt: skip
BASE_OBJECT, BASE_ARRAY = 15, 17


@dataclass(frozen=True)
class Field:
    """One struct field: `type` is a scalar name or a struct's name, `count` is 0 unless it is an array."""

    name: str
    offset_bytes: int
    type: str
    count: int
    enum: str


@dataclass(frozen=True)
class Struct:
    """One struct with its fields in memory order."""

    name: str
    size_bytes: int
    align_bytes: int
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Enum:
    """One enum with its underlying scalar type and its (name, value) pairs."""

    name: str
    type: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Schema:
    """All structs and enums of one `.bfbs`, sorted by name (without the namespace)."""

    structs: dict[str, Struct]
    enums: dict[str, Enum]

    def golden_text(self) -> str:
        """The canonical text: one line a struct, field or enum value. Its hash is the layout hash."""
        lines = []
        for struct in self.structs.values():
            lines.append(f"struct {struct.name} size {struct.size_bytes} align {struct.align_bytes}")
            for field in struct.fields:
                array = f"[{field.count}]" if field.count else ""
                enum = f" ({field.enum})" if field.enum else ""
                lines.append(f"  {field.offset_bytes:5d} {field.name} {field.type}{array}{enum}")
        for listed in self.enums.values():
            lines.append(f"enum {listed.name} {listed.type}")
            lines += [f"  {value:5d} {name}" for name, value in listed.values]
        return "\n".join(lines) + "\n"

    def layout_hash(self) -> int:
        """First 8 bytes, big-endian, of SHA-256 over the golden text."""
        return int.from_bytes(hashlib.sha256(self.golden_text().encode()).digest()[:8], "big")


class _Reader:
    """A flatbuffers table with accessors by vtable slot."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def _offset(self, slot: int) -> int:
        return int(self._table.Offset(slot))

    def text(self, slot: int) -> str:
        offset = self._offset(slot)
        return bytes(self._table.String(offset + self._table.Pos)).decode() if offset else ""

    def number(self, slot: int, flags: Any, default: int = 0) -> int:
        offset = self._offset(slot)
        return int(self._table.Get(flags, offset + self._table.Pos)) if offset else default

    def child(self, slot: int) -> _Reader | None:
        offset = self._offset(slot)
        if not offset:
            return None
        return _Reader(Table(self._table.Bytes, self._table.Indirect(offset + self._table.Pos)))

    def children(self, slot: int) -> list[_Reader]:
        offset = self._offset(slot)
        if not offset:
            return []
        start, length = self._table.Vector(offset), self._table.VectorLen(offset)
        return [_Reader(Table(self._table.Bytes, self._table.Indirect(start + 4 * i))) for i in range(length)]


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def parse(bfbs: bytes) -> Schema:
    """Parse `.bfbs` bytes. Raises ValueError when they are not a flatbuffers schema."""
    if len(bfbs) < 8 or bfbs[4:8] != b"BFBS":
        raise ValueError("not a flatbuffers binary schema (no BFBS identifier)")
    root = _Reader(Table(bytearray(bfbs), encode.Get(packer.uoffset, bfbs, 0)))
    objects, enums = root.children(4), root.children(6)
    object_names = [_short(item.text(4)) for item in objects]
    enum_names = [_short(item.text(4)) for item in enums]
    structs = {}
    for item in objects:
        struct = _parse_struct(item, object_names, enum_names)
        structs[struct.name] = struct
    return Schema(
        structs=dict(sorted(structs.items())),
        enums={enum.name: enum for enum in sorted(map(_parse_enum, enums), key=lambda e: e.name)},
    )


def _parse_struct(item: _Reader, object_names: list[str], enum_names: list[str]) -> Struct:
    name = _short(item.text(4))
    if not item.number(8, number_types.BoolFlags):
        raise ValueError(f"{name} is a table: shared memory holds structs only")
    fields = [_parse_field(field, object_names, enum_names) for field in item.children(6)]
    return Struct(
        name=name,
        size_bytes=item.number(12, number_types.Int32Flags),
        align_bytes=item.number(10, number_types.Int32Flags),
        fields=tuple(sorted(fields, key=lambda f: f.offset_bytes)),
    )


def _parse_field(item: _Reader, object_names: list[str], enum_names: list[str]) -> Field:
    kind = item.child(6)
    assert kind is not None, "a field has a type"
    base = kind.number(4, number_types.Int8Flags)
    count = kind.number(10, number_types.Uint16Flags)
    element = kind.number(6, number_types.Int8Flags) if base == BASE_ARRAY else base
    index = kind.number(8, number_types.Int32Flags, default=-1)
    enum = enum_names[index] if element != BASE_OBJECT and index >= 0 else ""
    return Field(
        name=item.text(4),
        offset_bytes=item.number(10, number_types.Uint16Flags),
        type=object_names[index] if element == BASE_OBJECT else SCALARS[element][0],
        count=count,
        enum=enum,
    )


def _parse_enum(item: _Reader) -> Enum:
    values = tuple((v.text(4), v.number(6, number_types.Int64Flags)) for v in item.children(6))
    kind = item.child(10)
    assert kind is not None, "an enum has an underlying type"
    return Enum(_short(item.text(4)), SCALARS[kind.number(4, number_types.Int8Flags)][0], values)


def _header_text(bfbs: bytes, schema: Schema) -> str:
    rows = [", ".join(f"0x{byte:02x}" for byte in bfbs[i : i + 24]) for i in range(0, len(bfbs), 24)]
    body = ",\n    ".join(rows)
    return f"""// Made by daemons/hft/layout/reflection.py from schema/*.fbs. Do not edit.
#pragma once
#include <cstdint>

namespace hft {{

inline constexpr std::uint64_t LAYOUT_HASH = 0x{schema.layout_hash():016x}ull;

inline constexpr unsigned char SCHEMA_BFBS[] = {{
    {body}}};

}}  // namespace hft
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bfbs", type=Path)
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--header", type=Path)
    arguments = parser.parse_args()
    bfbs = arguments.bfbs.read_bytes()
    schema = parse(bfbs)
    if arguments.golden:
        arguments.golden.write_text(schema.golden_text())
    if arguments.header:
        arguments.header.write_text(_header_text(bfbs, schema))
    return 0


if __name__ == "__main__":
    sys.exit(main())
