"""Which instructions a compiled model may use, and whether this CPU has them.

AOTInductor compiles with ``-march=native`` and its loader only warns on another CPU, where the first decision
would then be an illegal instruction. So the package names what its binary was compiled for, and loading it
where something is missing is refused.
"""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path

import msgspec

# Flags of /proc/cpuinfo that name instructions a compiler may choose (not modes, mitigations or clocks).
_INSTRUCTIONS = re.compile(
    r"pni|ssse3|sse\d?|sse4_\d|sse4a|avx\w*|fma4?|f16c|bmi[12]|abm|movbe|popcnt|adx|aes|vaes|gfni|sha_ni|"
    r"pclmulqdq|vpclmulqdq|rdrand|rdseed|amx\w*|lahf_lm|cx16|clwb|clflushopt"
)
# x86-64-v3 of the System V psABI, by the names of /proc/cpuinfo ("abm" holds LZCNT, "pni" is SSE3).
_X86_64_V3 = frozenset(
    {"pni", "ssse3", "sse", "sse2", "sse4_1", "sse4_2", "popcnt", "cx16", "lahf_lm",
     "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}
)  # fmt: skip
PORTABLE_MARCH = "x86-64-v3"


class Isa(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`machine` as of uname, `march` as given to the compiler, `flags` that the CPU must have."""

    machine: str
    march: str
    flags: tuple[str, ...]


@cache
def cpu_flags() -> frozenset[str]:
    """Instruction-set flags of this CPU (Linux, first core)."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(flag for flag in value.split() if _INSTRUCTIONS.fullmatch(flag))
    return frozenset()


def native() -> Isa:
    """What ``-march=native`` means here."""
    return Isa(platform.machine(), "native", tuple(sorted(cpu_flags())))


def portable() -> Isa:
    """x86-64-v3, which every x86 server CPU since 2013 (Haswell) or 2015 (Excavator) has."""
    return Isa("x86_64", PORTABLE_MARCH, tuple(sorted(_X86_64_V3)))


def missing_here(isa: Isa) -> str:
    """Why a binary for `isa` must not run on this CPU; empty when it may."""
    if isa.machine != platform.machine():
        return f"compiled for {isa.machine}, this machine is {platform.machine()}"
    if lacking := sorted(set(isa.flags) - cpu_flags()):
        return f"compiled for {isa.march} with {' '.join(isa.flags)}; this CPU lacks {' '.join(lacking)}"
    return ""
