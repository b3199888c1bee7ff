"""Nothing that can stand in a run directory or a state file ends the exporter or spoils what else it says."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from exporter_harness import Scraper, Suite, check_metrics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hft.layout.dtypes import RegionKind, dtype
from hft.regions import Region

REGIONS = (
    "watchd/fence",
    "operator/veto",
    "feedd/gateway.state",
    "braind/intents.ring",
    "feedd/progress",
    "feedd/stats",
)
HEADER_BYTES = dtype("RegionHeader").itemsize


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """Written once; each example spoils a copy."""
    made = Suite(tmp_path_factory.mktemp("pristine"))
    made.save_kill()
    return made


def restore(suite: Suite, name: str, pristine: bytes) -> None:
    """The bytes of a whole region under its name, as a new file: an owner does not write over a mapped one."""
    path = suite.run / name
    path.unlink()
    path.write_bytes(pristine)


@pytest.mark.parametrize("name", REGIONS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_a_region_with_spoiled_bytes_leaves_the_others_readable(
    pristine: Suite, name: str, seed: int
) -> None:
    chance = random.Random(seed)
    before = (pristine.run / name).read_bytes()
    spoiled = bytearray(before)
    for _ in range(chance.choice((1, 1, 3, 40))):
        at = chance.randrange(chance.choice((HEADER_BYTES, 4096 + 256, len(spoiled))))
        spoiled[at] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
    try:
        restore(pristine, name, bytes(spoiled))
        scraper = Scraper(pristine.config)
        seen = scraper.scrape()
        others = [
            seen[f'hft_exporter_up{{source="{other}"}}']
            for other in (*REGIONS, "state.json")
            if other != name
        ]
        assert others == [1] * len(REGIONS)
    finally:
        restore(pristine, name, before)


@pytest.fixture
def broken(suite: Suite) -> tuple[Suite, Scraper]:
    return suite, Scraper(suite.config)


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize(
    "what", ["empty", "short", "zeros", "noise", "text", "truncated", "directory", "pipe", "loop"]
)
def test_what_is_not_a_region_is_one_source_that_is_not_up(
    broken: tuple[Suite, Scraper], name: str, what: str
) -> None:
    suite, scraper = broken
    path = suite.run / name
    before = path.read_bytes()
    path.unlink()
    match what:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case _:
            path.write_bytes(
                {"empty": b"", "short": before[:300], "zeros": bytes(8192), "noise": random.Random(1).randbytes(8192),
                 "text": b"hello" * 2000, "truncated": before[: len(before) // 2 // 4096 * 4096]}[what]
            )  # fmt: skip
    text = scraper.text()
    seen = scraper.scrape()
    assert seen[f'hft_exporter_up{{source="{name}"}}'] == 0
    assert seen[f'hft_exporter_errors_total{{source="{name}"}}'] == 2
    assert check_metrics(text) == ""


def test_another_builds_region_is_refused_by_both_hashes_and_told_once(broken: tuple[Suite, Scraper]) -> None:
    suite, scraper = broken
    spoiled = bytearray((suite.run / "feedd" / "stats").read_bytes())
    spoiled[8:16] = b"\x11" * 8
    restore(suite, "feedd/stats", bytes(spoiled))
    scraper.scrape()
    scraper.scrape()
    told = [problem for source, problem in scraper.problems if source == "feedd/stats"]
    assert len(told) == 1
    assert "0x1111111111111111 was written by another build" in told[0]
    facts = [problem for source, problem in scraper.problems if source == "regions"]
    assert len(facts) == 1
    assert "0x1111111111111111 was written by another build" in facts[0]
    suite.stats("feedd", [("gauge", "feedd_x", "", "")])
    assert scraper.scrape()['hft_exporter_up{source="feedd/stats"}'] == 1
    assert scraper.problems[-1] == ("feedd/stats", "")


def test_a_region_that_is_cut_while_it_is_mapped_is_not_read_any_more(broken: tuple[Suite, Scraper]) -> None:
    suite, scraper = broken
    assert "hft_fence_open" in scraper.scrape()
    os.truncate(suite.run / "watchd" / "fence", 0)
    seen = scraper.scrape()
    assert "hft_fence_open" not in seen
    assert seen['hft_exporter_up{source="watchd/fence"}'] == 0


def test_a_descriptor_of_nonsense_does_not_take_its_neighbours_with_it(broken: tuple[Suite, Scraper]) -> None:
    suite, scraper = broken
    writer = suite.stats("feedd", [("gauge", f"feedd_{name}", "", "") for name in "abcdefg"])
    raw = bytearray(Path(writer.path).read_bytes())
    layout = dtype("StatDescriptor")

    def spoil(index: int, field: str, value: bytes) -> None:
        offset = 4096 + index * layout.itemsize + (layout.fields or {})[field][1]
        raw[offset : offset + len(value)] = value

    spoil(0, "name", b"\xff\xfe")
    spoil(1, "name", b"1abc")
    spoil(2, "kind", b"\x09")
    spoil(3, "labels", b'le="x"')
    spoil(4, "value_words", b"\xff\xff")
    spoil(5, "value_offset_bytes", b"\xff" * 8)
    restore(suite, "feedd/stats", bytes(raw))
    seen = scraper.scrape()
    assert [name for name in seen if name.startswith("hft_feedd_")] == ["hft_feedd_g"]
    assert ("feedd/stats", "6 declared values can not be used") in scraper.problems


def test_more_loops_than_any_daemon_has_are_not_believed(broken: tuple[Suite, Scraper]) -> None:
    suite, scraper = broken
    Region.create(
        str(suite.run / "braind" / "progress"), int(RegionKind.PROGRESS), 1000, dtype("LoopProgress").itemsize
    )
    seen = scraper.scrape()
    assert seen['hft_exporter_up{source="braind/progress"}'] == 0
    assert not [name for name in seen if name.startswith("hft_loop_") and "braind" in name]


@pytest.mark.parametrize("name", ["state.json", "last_kill.json"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 60_000,
        b"{}" + b" " * (1 << 16),
        b'{"at": "then"}',
    ],
)
def test_a_file_that_can_not_be_believed_exposes_nothing(
    broken: tuple[Suite, Scraper], name: str, content: bytes
) -> None:
    suite, scraper = broken
    suite.save_kill()
    (suite.state / name).write_bytes(content)
    seen = scraper.scrape()
    prefix = "hft_suite_" if name == "state.json" else "hft_last_kill_"
    assert not [series for series in seen if series.startswith(prefix)]
    assert seen[f'hft_exporter_up{{source="{name}"}}'] == 0


def test_a_state_that_watchd_would_not_believe_is_not_exposed(broken: tuple[Suite, Scraper]) -> None:
    suite, scraper = broken
    file = suite.state / "state.json"
    file.write_text(file.read_text().replace('"disarmed"', '"armed"', 1))
    seen = scraper.scrape()
    assert not [series for series in seen if series.startswith("hft_suite_")]
    assert seen['hft_exporter_up{source="state.json"}'] == 0
    assert "checksum" in dict(scraper.problems)["state.json"]


@pytest.mark.parametrize(
    "steps", [[], {"Bad Step": 1}, {f"s{n}": 1 for n in range(17)}, {"dead": "1"}, {"dead": None}]
)
def test_steps_of_nonsense_make_the_kill_report_unbelievable(
    broken: tuple[Suite, Scraper], steps: object
) -> None:
    suite, scraper = broken
    suite.save_kill(steps_us=steps)
    assert scraper.scrape()['hft_exporter_up{source="last_kill.json"}'] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"checks": None},
        {"checks": [1]},
        {"checks": [{"id": "Bad Id", "severity": "fatal", "state": "passed"}]},
        {"checks": [{"id": "a", "severity": "grave", "state": "passed"}]},
        {"checks": [{"id": "a", "severity": "fatal", "state": "fine"}]},
        {"checks": [{"id": "a", "severity": "fatal", "state": "passed"}] * 2},
        {"checks": [{"id": f"a{n}", "severity": "fatal", "state": "passed"} for n in range(129)]},
        {"fit": "yes"},
        {"at": "then"},
    ],
)
def test_a_doctors_report_of_nonsense_exposes_nothing(
    broken: tuple[Suite, Scraper], changes: dict[str, object]
) -> None:
    suite, scraper = broken
    suite.save_doctor(**changes)
    seen = scraper.scrape()
    assert not [name for name in seen if name.startswith("hft_doctor")]
    assert seen['hft_exporter_up{source="doctor"}'] == 0


def test_strange_names_in_the_run_directory_are_passed_over(broken: tuple[Suite, Scraper]) -> None:
    suite, scraper = broken
    stats = (suite.run / "feedd" / "stats").read_bytes()
    for name in ("UPPER", "with space", ".hidden", 'quote"', "new\nline", "x" * 200):
        (suite.run / name).mkdir()
        (suite.run / name / "stats").write_bytes(stats)
        (suite.run / "feedd" / name).write_bytes(stats)
    seen = scraper.scrape()
    assert [
        name for name in seen if name.startswith('hft_exporter_up{source="') and name.endswith('/stats"}')
    ] == [
        'hft_exporter_up{source="feedd/stats"}',
        'hft_exporter_up{source="braind/stats"}',
    ]


def test_no_directory_at_all_is_a_scrape_that_says_so(broken: tuple[Suite, Scraper]) -> None:
    suite, scraper = broken
    shutil.rmtree(suite.run)
    shutil.rmtree(suite.state)
    text = scraper.text()
    assert check_metrics(text) == ""
    assert scraper.scrape()['hft_exporter_up{source="feedd/stats"}'] == 0
