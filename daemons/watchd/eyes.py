"""Shared memory read into a View. Every word is loaded atomically; nothing here waits, and nothing is written.

A registered daemon's regions are opened when they are there and belong to it (the header names its pid), tried
again while they are not, and opened anew when they are retired. What can not be read is absent from the view, and
the monitor's deadlines judge that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from hft.layout.dtypes import GATEWAY_ORDER, RegionKind, dtype
from hft.regions import RECORDS_OFFSET, Region, load_words
from watchd.ctl_protocol import Scope
from watchd.liveness import LOOP_NAMES
from watchd.region_follower import RegionFollower
from watchd.registry import Registered
from watchd.tally_eyes import TallyEyes
from watchd.view import DaemonLook, GatewayLook, LoopLook, OperatorVeto, View

RING_CONTROL_OFFSET = 256


def _word_index(struct: str, name: str) -> int:
    layout = dtype(struct).fields
    assert layout is not None
    return layout[name][1] // 8


def _word_indices(struct: str, wanted: type) -> list[int]:
    names = dtype(struct).names or ()
    return [_word_index(struct, one.name) for one in fields(wanted) if one.name in names]


_LOOP_WORDS = dtype("LoopProgress").itemsize // 8
_LOOP_INDICES = _word_indices("LoopProgress", LoopLook)
_THREAD_ID = _word_index("LoopProgress", "thread_id")
_PRODUCED = _word_index("LoopProgress", "produced")
_GATEWAY_WORDS = dtype("GatewayState").itemsize // 8
_GATEWAY_INDICES = _word_indices("GatewayState", GatewayLook)
_CLOSED_TS_NS = RECORDS_OFFSET + 8 * _word_index("Fence", "closed_ts_ns")
_VETO_WORDS = dtype("VetoNote").itemsize // 8


@dataclass(frozen=True)
class Pages:
    """Mapped for watchd's life."""

    veto: Region  # operator/veto
    fence: Region
    commands: Region


class Eyes:
    """Everything but the sockets."""

    def __init__(self, run_directory: Path, pages: Pages, tally: TallyEyes) -> None:
        self._run = run_directory
        self._pages = pages
        self._tally = tally
        self._regions: dict[str, dict[str, RegionFollower]] = {}
        self._iterations: dict[tuple[int, int], int] = {}  # by pid and loop, at the last look

    def watch(self, registered: Registered) -> None:
        """Its regions are looked at from now on."""
        directory, pid = self._run / registered.name, registered.pid
        kinds = {"progress": RegionKind.PROGRESS}
        kinds |= (
            {"gateway.state": RegionKind.GATEWAY_STATE, "gateway.orders": RegionKind.GATEWAY_ORDERS}
            if registered.name == "feedd"
            else {"intents.ring": RegionKind.INTENTS_RING}
        )
        self._regions[registered.name] = {
            name: RegionFollower(directory / name, int(kind), pid) for name, kind in kinds.items()
        }
        if registered.name == "feedd":
            self._tally.watch(pid)

    def forget(self, name: str) -> None:
        self._regions.pop(name, None)
        self._iterations.clear()
        if name == "feedd":
            self._tally.forget()

    def count_open(self, scopes: Iterable[Scope]) -> dict[Scope, int]:
        """Open orders of instruments and strategies, by a plain look at the table: racy, for people."""
        wanted = [scope for scope in scopes if not scope.all]
        region = self._region("feedd", "gateway.orders") if wanted else None
        if region is None:
            return {}
        orders = region.records(GATEWAY_ORDER)
        orders = orders[orders["state"] != 0]
        return {
            scope: int(
                (
                    orders["strategy_id"] == scope.strategy
                    if scope.instrument is None
                    else orders["instrument_id"] == scope.instrument
                ).sum()
            )
            for scope in wanted
        }

    def want(self, symbols: Mapping[str, int]) -> None:
        """Paused ones, with their last ids: the next looks are for their ids as well."""
        self._tally.want(symbols)

    def find(self, scope: Scope) -> Scope:
        """With the id that the board has for its symbol now, if it is a symbol's."""
        return scope if not scope.symbol else replace(scope, instrument=self._tally.id_of(scope.symbol))

    def names(self, instrument_ids: Iterable[int]) -> dict[int, str]:
        """Symbols of those that the board names."""
        names = {at: self._tally.name_of(at) for at in instrument_ids}
        return {at: symbol for at, symbol in names.items() if symbol}

    def look(
        self,
        now_ns: int,
        wall_ns: int,
        registered: Mapping[str, Registered],
        heartbeats: Mapping[str, list[int]],
    ) -> View:
        """One look. Requests and completions are the caller's to add."""
        # First of all: the words of a process that is dead by now are its last ones.
        alive = {name: one.alive for name, one in registered.items()}
        view = View(now_ns, wall_ns, operator=self._operator())
        view.fence_closed_ns = int(load_words(self._pages.fence, _CLOSED_TS_NS, 1)[0])
        view.command_ticket = int(load_words(self._pages.commands, RECORDS_OFFSET, 1)[0])
        intents = self._region("braind", "intents.ring")
        if "braind" in registered and intents is not None and not intents.retired:
            view.intents_generation, view.braind_veto = intents.generation, intents.veto
        offered = {
            "gateway": lambda: 0 if intents is None else int(load_words(intents, RING_CONTROL_OFFSET, 1)[0]),
            "brain": lambda: self._published(registered.get("feedd")),
        }
        if "feedd" in registered:
            view.gateway = self._gateway()
            view.tally, view.instrument_ids = self._tally.look(now_ns), self._tally.ids
            view.absent_symbols = self._tally.absent
            view.feedd = self._daemon(registered["feedd"], alive["feedd"], heartbeats, offered)
        if "braind" in registered:
            view.braind = self._daemon(registered["braind"], alive["braind"], heartbeats, offered)
        return view

    def _published(self, feedd: Registered | None) -> int:
        """What the market thread has put into its ring."""
        region = None if feedd is None else self._region("feedd", "progress")
        if feedd is None or region is None or region.generation != feedd.generation:
            return 0
        return int(load_words(region, RECORDS_OFFSET, _LOOP_WORDS)[_PRODUCED])

    def _region(self, daemon: str, name: str) -> Region | None:
        follower = self._regions.get(daemon, {}).get(name)
        return None if follower is None else follower.region()

    def _operator(self) -> OperatorVeto:
        word = self._pages.veto.veto
        if not word:
            return OperatorVeto()
        note = load_words(self._pages.veto, RECORDS_OFFSET, _VETO_WORDS)
        return OperatorVeto(word, int(note[0]), int(note[1]), int(note[2]))

    def _gateway(self) -> GatewayLook | None:
        region = self._region("feedd", "gateway.state")
        if region is None:
            return None
        words = load_words(region, RECORDS_OFFSET, _GATEWAY_WORDS).tolist()
        look = GatewayLook(region.generation, *(words[index] for index in _GATEWAY_INDICES))
        look.realized_value, look.marked_value = _signed(look.realized_value), _signed(look.marked_value)
        return look

    def _daemon(
        self,
        registered: Registered,
        alive: bool,
        heartbeats: Mapping[str, list[int]],
        offered: Mapping[str, Callable[[], int]],
    ) -> DaemonLook:
        """One look. `offered` comes after what was consumed, never before.

        The other way round, a record offered and consumed between the two would count as one that nobody takes.
        """
        name = registered.name
        region = self._region(name, "progress")
        loops: tuple[LoopLook, ...] = ()
        if region is not None and region.generation == registered.generation:
            words = load_words(region, RECORDS_OFFSET, _LOOP_WORDS * len(LOOP_NAMES[name])).tolist()
            loops = tuple(
                self._loop(
                    registered.pid,
                    i,
                    words[i * _LOOP_WORDS : (i + 1) * _LOOP_WORDS],
                    offered[loop]() if loop in offered else 0,
                    beats,
                )
                for i, (loop, beats) in enumerate(zip(LOOP_NAMES[name], heartbeats[name], strict=True))
            )
        return DaemonLook(registered.pid, registered.generation, registered.start_ts_ns, alive, loops)

    def _loop(self, pid: int, index: int, words: list[int], offered: int, heartbeats: int) -> LoopLook:
        iterations, consumed, produced, lag_records, state = (words[at] for at in _LOOP_INDICES)
        moved = self._iterations.get((pid, index)) != iterations
        self._iterations[pid, index] = iterations
        run_delay_ns = 0 if moved else _run_delay_ns(pid, words[_THREAD_ID])
        return LoopLook(iterations, consumed, produced, lag_records, state, offered, heartbeats, run_delay_ns)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >= 1 << 63 else word


def _run_delay_ns(pid: int, thread_id: int) -> int:
    """How long the thread has waited for a core (kernel: Documentation/scheduler/sched-stats); 0 = unknown."""
    try:
        with open(f"/proc/{pid}/task/{thread_id}/schedstat", encoding="ascii") as file:  # noqa: PTH123 - in a pass
            return int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
