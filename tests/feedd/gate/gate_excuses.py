"""Mutants that nobody can tell from the original, each with the reason; and what is not mutated at all."""

from __future__ import annotations

from typing import Final

# Blanked out before mutation (regular expressions).
UNTOUCHED: Final = (
    r"static std::size_t index_of.*?\n  \}",  # the hash: any is right, a bad one only fills its sets sooner
)

_SIZE: Final = "the table's size: any is right, a smaller one only fills up sooner"
_EMPTY: Final = "an empty place is one whose quantity is 0, whatever else it says"

# (file, the line, the change): why.
EXCUSES: Final[dict[tuple[str, str, str], str]] = {
    (
        "gate.cpp",
        "const std::uint64_t apart_ns = up_to_date_ns > now_ns ? up_to_date_ns - now_ns : now_ns - up_to_date_ns;",
        "> → >=",
    ): "of two equal stamps both differences are 0",
    (
        "message_bucket.hpp",
        "if (now_ns <= refilled_ns_) return;",
        "<= → <",
    ): "while no time passes nothing comes, however it is computed",
    (
        "duplicate_window.hpp",
        "if (place.sent_ts_ns < chosen->sent_ts_ns) chosen = &place;",
        "< → <=",
    ): "of equally old places any may be given up",
    (
        "duplicate_window.hpp",
        "return window_ns_ != 0 && !(now_ns > sent_ts_ns && now_ns - sent_ts_ns >= window_ns_);",
        "> → >=",
    ): "of equal stamps the difference, 0, is less than any window",
    ("duplicate_window.hpp", "std::uint32_t instrument_id = 0;", "0 → 1"): _EMPTY,
    ("duplicate_window.hpp", "std::uint64_t price = 0;", "0 → 1"): _EMPTY,
    (
        "duplicate_window.hpp",
        "std::uint64_t sent_ts_ns = 0;",
        "0 → 1",
    ): "an empty place must be older than any order: the same from the second nanosecond after boot on",
    (
        "duplicate_window.hpp",
        "std::uint64_t blind_since_ns = 0;",
        "0 → 1",
    ): "not looked at before it is set",
    ("duplicate_window.hpp", "static constexpr std::size_t WAYS = 8;", "8 → 7"): _SIZE,
    ("duplicate_window.hpp", "static constexpr std::size_t WAYS = 8;", "8 → 9"): _SIZE,
}
