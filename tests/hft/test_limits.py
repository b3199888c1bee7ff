"""watchd/limits and watchd/commands from Python: what is written reads back, tightening is told from loosening."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from hft.layout.dtypes import COMMANDS, LIMITS, CommandScope, RegionKind, dtype
from hft.limits import (
    ACCOUNT_FIELDS,
    INSTRUMENTS_MAX,
    NOT_SET,
    InstrumentLimits,
    Limits,
    adopt_commands,
    adopt_limits,
    loosened,
    read_limits,
    write_limits,
)
from hft.regions import RECORDS_OFFSET, CommandsReader, CommandsWriter, LimitsWriter, Region, RegionError


def _every_field_its_own(sequence: int = 0) -> Limits:
    values = {name: 2**64 - 100 - index for index, name in enumerate(ACCOUNT_FIELDS)}
    instruments = {7: InstrumentLimits(1, 2, 3), 4000: InstrumentLimits(position_max=0)}
    return Limits(sequence, **values, instruments=instruments)


def test_a_page_that_nobody_wrote_says_nothing(shm_directory: Path) -> None:
    assert read_limits(adopt_limits(shm_directory / "limits")) == Limits()
    assert {getattr(Limits(), name) for name in ACCOUNT_FIELDS} == {NOT_SET}


def test_what_is_written_reads_back_under_a_sequence_that_grows(shm_directory: Path) -> None:
    page = adopt_limits(shm_directory / "limits")
    reader = Region.open(str(shm_directory / "limits"), int(RegionKind.LIMITS))
    writer = LimitsWriter(page)
    first = write_limits(writer, _every_field_its_own())
    assert first.sequence == 1
    assert first.changed_ts_ns > 0
    assert read_limits(reader) == first == replace(_every_field_its_own(1), changed_ts_ns=first.changed_ts_ns)
    second = write_limits(writer, replace(first, loss_max=0, instruments={}))
    assert read_limits(reader) == second
    assert (second.sequence, second.loss_max, second.instruments) == (2, 0, {})


def test_the_page_is_the_same_over_its_writer_s_lives_and_so_is_its_sequence(shm_directory: Path) -> None:
    first = adopt_limits(shm_directory / "limits")
    written = write_limits(LimitsWriter(first), Limits(sequence=41))
    first.retire()
    again = adopt_limits(shm_directory / "limits")
    assert read_limits(again) == written
    assert write_limits(LimitsWriter(again), Limits(position_max=5)).sequence == 43


def test_every_limit_of_the_record_has_a_field(shm_directory: Path) -> None:
    control = {"version", "limits_sequence", "changed_ts_ns", "entries", "reserved", "instruments"}
    assert set(ACCOUNT_FIELDS) == set(LIMITS.names or ()) - control
    own = {field.name for field in fields(InstrumentLimits)}
    assert own == set(LIMITS["instruments"].base.names or ()) - {"instrument_id"}


def test_there_is_room_for_as_many_instruments_as_the_record_has_and_for_no_more(shm_directory: Path) -> None:
    page = adopt_limits(shm_directory / "limits")
    many = {index: InstrumentLimits(index, index, index) for index in range(INSTRUMENTS_MAX)}
    assert write_limits(LimitsWriter(page), Limits(instruments=many)) == read_limits(page)
    with pytest.raises(ValueError, match="at most 256"):
        write_limits(LimitsWriter(page), Limits(instruments=many | {999: InstrumentLimits()}))


def test_a_page_whose_writer_died_within_a_change_is_not_read_and_the_next_change_heals_it(
    shm_directory: Path,
) -> None:
    page = adopt_limits(shm_directory / "limits")
    write_limits(LimitsWriter(page), Limits(loss_max=1))
    page.bytes()[RECORDS_OFFSET] |= 1
    assert read_limits(page) is None
    healed = write_limits(LimitsWriter(page), Limits(loss_max=2))
    assert read_limits(page) == healed


def test_a_record_whose_sequence_does_not_grow_is_not_written(shm_directory: Path) -> None:
    page = adopt_limits(shm_directory / "limits")
    before = write_limits(LimitsWriter(page), Limits(loss_max=1))
    record = np.zeros(1, LIMITS)
    record["limits_sequence"] = before.sequence
    assert not LimitsWriter(page).write(record)
    assert read_limits(page) == before


@pytest.mark.parametrize("name", ACCOUNT_FIELDS)
def test_more_of_any_limit_is_loosening_and_less_is_not(name: str) -> None:
    before = replace(Limits(), **dict.fromkeys(ACCOUNT_FIELDS, 100))
    assert loosened(before, before) == []
    assert loosened(before, replace(before, **{name: 101})) == [name]
    assert loosened(before, replace(before, **{name: 99})) == []
    assert loosened(before, replace(before, **{name: NOT_SET})) == [name]


def test_an_instrument_that_leaves_the_list_or_gets_more_is_loosened() -> None:
    before = Limits(instruments={7: InstrumentLimits(position_max=10)})
    assert loosened(before, Limits()) == ["7.position_max"]
    assert loosened(before, Limits(instruments={7: InstrumentLimits(5, 5, 11)})) == ["7.position_max"]
    assert loosened(before, Limits(instruments={7: InstrumentLimits(5, 5, 10), 8: InstrumentLimits(0)})) == []
    assert loosened(Limits(), before) == []


def test_a_request_to_cancel_reaches_the_gateway_s_end_once(shm_directory: Path) -> None:
    page = adopt_commands(shm_directory / "commands")
    reader = CommandsReader(Region.open(str(shm_directory / "commands"), int(RegionKind.COMMANDS)))
    writer = CommandsWriter(page)
    assert reader.take()[0] == 0
    ticket = writer.cancel(int(CommandScope.INSTRUMENT), 7)
    assert reader.take() == (ticket, int(CommandScope.INSTRUMENT), 7, False)
    assert reader.take()[0] == 0
    later = [writer.cancel(int(CommandScope.STRATEGY), 1), writer.cancel(int(CommandScope.STRATEGY), 2)]
    assert reader.take() == (later[1], int(CommandScope.ALL), 0, False)


def test_a_ticket_is_the_word_on_the_page(shm_directory: Path) -> None:
    page = adopt_commands(shm_directory / "commands")
    ticket = CommandsWriter(page).cancel(int(CommandScope.ALL))
    assert page.records(COMMANDS)[0]["cancel_all"] == ticket
    assert ticket > 0


@pytest.mark.parametrize(("make", "kind", "writer"), [
    (adopt_limits, RegionKind.LIMITS, LimitsWriter), (adopt_commands, RegionKind.COMMANDS, CommandsWriter),
])  # fmt: skip
def test_who_only_reads_can_not_write_and_a_page_of_another_kind_is_refused(
    shm_directory: Path, make, kind, writer
) -> None:
    make(shm_directory / "page")
    with pytest.raises(RegionError, match="read-only"):
        writer(Region.open(str(shm_directory / "page"), int(kind)))
    fence = Region.adopt(str(shm_directory / "fence"), int(RegionKind.FENCE), dtype("Fence").itemsize)
    with pytest.raises(RegionError, match="can not be used so"):
        writer(fence)
