"""hft tune plan: what it proposes for machines laid down as files, and that its proposals hold."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft.config import Host, parse
from hft.host import cpulist
from hft.host.plan.command import as_toml, run_plan
from hft.host.plan.machine import Core, Machine, look
from hft.host.plan.nics import Nic
from hft.host.plan.propose import Proposal, propose
from hft.host.tree import Hidden, Tree

CPU = "sys/devices/system/cpu"
FEED = '[feedd.feed]\nline_a = "127.0.0.1:26477"\n'


def lay(root: Path, files: dict[str, str]) -> Tree:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text + "\n")
    return Tree(root)


def machine_files(
    cores: dict[int, tuple[int, str, str]], online: str, nics: dict[str, tuple[int, int]] | None = None
) -> dict[str, str]:
    """`cores`: node, siblings, CPUs of its last-level cache, by number. `nics`: node and Mbit/s by name."""
    files = {f"{CPU}/online": online, f"{CPU}/present": cpulist.render(cores)}
    for number, (node, siblings, cache) in cores.items():
        files |= {
            f"{CPU}/cpu{number}/topology/physical_package_id": str(node),
            f"{CPU}/cpu{number}/topology/thread_siblings_list": siblings,
            f"{CPU}/cpu{number}/cache/index0/level": "1",
            f"{CPU}/cpu{number}/cache/index0/shared_cpu_list": siblings,
            f"{CPU}/cpu{number}/cache/index3/level": "3",
            f"{CPU}/cpu{number}/cache/index3/shared_cpu_list": cache,
        }
    for node in {node for node, *_ in cores.values()}:
        members = [number for number, (where, *_) in cores.items() if where == node]
        files[f"sys/devices/system/node/node{node}/cpulist"] = cpulist.render(members)
    for name, (node, speed) in (nics or {}).items():
        files |= {
            f"sys/class/net/{name}/operstate": "up",
            f"sys/class/net/{name}/speed": str(speed),
            f"sys/class/net/{name}/device/numa_node": str(node),
            f"sys/class/net/{name}/device/ptp/ptp0/name": "clock",
        }
    return files


def sections(proposal: Proposal) -> tuple[dict[str, object], dict[str, object]]:
    tree = tomllib.loads(as_toml(proposal))
    return tree["cores"], tree["host"]


# Two sockets of eight cores, two threads each, Linux's usual numbering: node 0 has 0-7 and 16-23.
TWO_SOCKETS = {
    n: (n % 16 // 8, f"{n % 16},{n % 16 + 16}", "0-7,16-23" if n % 16 < 8 else "8-15,24-31")
    for n in range(32)
}


def test_two_sockets_with_smt_keep_to_the_nics_node(tmp_path: Path) -> None:
    files = machine_files(TWO_SOCKETS, "0-31", {"eno1": (0, 1000), "enp129s0": (1, 25000)})
    proposal = propose(look(lay(tmp_path, files | {"proc/9/comm": "ptp4l"})))
    assert sections(proposal) == (
        {"market": 13, "gateway": 14, "brain": 15, "housekeeping": [8, 9, 24, 25]},
        {
            "profile": "isolated", "numa_node": 1, "reserved_cores": [29, 30, 31],
            "system_cores": [*range(8), 10, 11, 12, *range(16, 24), 26, 27, 28], "huge_pages": 0,
            "kernel_arguments": [], "interfaces": ["enp129s0"], "nic_queues": 1, "nic_ring_entries": 4096,
            "clock": "ptp", "clock_offset_us_max": 1000,
        },
    )  # fmt: skip
    assert (
        "NIC enp129s0, on node 1, 25000 Mbit/s: the fastest that is up; --interface names another."
        in proposal.reasons
    )


def test_the_nic_that_was_asked_for_decides_the_node(tmp_path: Path) -> None:
    files = machine_files(TWO_SOCKETS, "0-31", {"eno1": (0, 1000), "enp129s0": (1, 25000)})
    proposal = propose(look(lay(tmp_path, files)), ("eno1",))
    assert (proposal.host.numa_node, proposal.cores.market, proposal.host.interfaces) == (0, 5, ("eno1",))
    with pytest.raises(ValueError, match="eth9 is no hardware interface"):
        propose(look(Tree(tmp_path)), ("eth9",))


def test_four_cores_of_one_socket_are_just_enough(tmp_path: Path) -> None:
    files = machine_files({n: (0, str(n), "0-3") for n in range(4)}, "0-3")
    proposal = propose(look(lay(tmp_path, files)))
    cores, host = sections(proposal)
    assert cores == {"market": 1, "gateway": 2, "brain": 3, "housekeeping": [0]}
    assert (host["profile"], host["reserved_cores"], host["system_cores"], host["numa_node"]) == (
        "isolated",
        [],
        [],
        -1,
    )
    assert any("share them" in reason for reason in proposal.reasons)


@pytest.mark.parametrize("threads", [1, 2])
def test_two_physical_cores_are_not_enough_whatever_their_threads(tmp_path: Path, threads: int) -> None:
    cores = {
        n: (0, cpulist.render({n % 2, n % 2 + 2} if threads == 2 else {n}), "0-3") for n in range(2 * threads)
    }
    proposal = propose(look(lay(tmp_path, machine_files(cores, cpulist.render(cores)))))
    assert proposal.host == Host(profile="untuned")
    assert any("2 of the 4 physical cores" in reason for reason in proposal.reasons)


def test_slow_and_offline_cores_are_never_hot(tmp_path: Path) -> None:
    """A hybrid: four fast cores with two threads (0-7), eight slow ones (8-15), one fast core switched off."""
    cores = {n: (0, cpulist.render({n // 2 * 2, n // 2 * 2 + 1}), "0-15") for n in range(8)}
    cores |= {n: (0, str(n), "0-15") for n in range(8, 16)}
    files = machine_files(cores, "0-5,8-15") | {"sys/devices/cpu_atom/cpus": "8-15"}
    proposal = propose(look(lay(tmp_path, files)))
    assert proposal.host.profile == "untuned"  # cores 1 and 2 are left beside CPU 0's
    files[f"{CPU}/online"] = "0-15"
    proposal = propose(look(lay(tmp_path, files)))
    assert (proposal.cores.market, proposal.cores.gateway, proposal.cores.brain) == (2, 4, 6)
    assert proposal.host.reserved_cores == (3, 5, 7)
    assert "8-15 are slow cores" in proposal.reasons[0]


def test_caches_that_three_cores_share_are_preferred_to_bigger_nodes(tmp_path: Path) -> None:
    """Chiplets: caches of 0-1, 2-5 and 6-7."""
    groups = {0: "0-1", 1: "0-1", 2: "2-5", 3: "2-5", 4: "2-5", 5: "2-5", 6: "6-7", 7: "6-7"}
    files = machine_files({n: (0, str(n), cache) for n, cache in groups.items()}, "0-7")
    proposal = propose(look(lay(tmp_path, files)))
    assert (proposal.cores.market, proposal.cores.gateway, proposal.cores.brain) == (3, 4, 5)
    assert any("share a last-level cache" in reason for reason in proposal.reasons)


def test_a_machine_that_shows_nothing_is_not_guessed_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Hidden):
        look(Tree(tmp_path))
    assert run_plan(argparse.Namespace(root=tmp_path, interface=[], json=False)) == 1
    assert "sys/devices/system/cpu/online" in capsys.readouterr().err


def test_the_command_proposes_something_for_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_plan(argparse.Namespace(root=Path("/"), interface=[], json=False)) == 0
    parse(FEED + capsys.readouterr().out)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Any regular machine: nodes, physical cores a node, threads, caches of some cores, some cores off or slow."""
    nodes, per_node, threads = draw(st.integers(1, 4)), draw(st.integers(1, 12)), draw(st.integers(1, 2))
    share = draw(st.integers(1, per_node))
    physical = nodes * per_node
    off = draw(st.frozensets(st.integers(1, physical - 1), max_size=3)) if physical > 1 else frozenset()
    slow = draw(st.frozensets(st.integers(0, physical - 1), max_size=physical))
    alive = [n for n in range(physical) if n not in off]

    def group(of: int) -> frozenset[int]:
        same = [
            n
            for n in alive
            if n // per_node == of // per_node and n % per_node // share == of % per_node // share
        ]
        return frozenset(n + physical * t for n in same for t in range(threads))

    cores = {
        n + physical * t: Core(
            n + physical * t, n // per_node, n // per_node,
            frozenset(n + physical * other for other in range(threads)), group(n), n in slow,
        )
        for n in alive for t in range(threads)
    }  # fmt: skip
    nics = tuple(
        Nic(
            f"eth{i}", draw(st.integers(-1, nodes - 1)), draw(st.booleans()),
            draw(st.sampled_from([0, 1000, 25000])), draw(st.booleans()),
        )
        for i in range(draw(st.integers(0, 3)))
    )  # fmt: skip
    return Machine(cores, frozenset(off), nics, "", draw(st.sampled_from(["none", "ntp", "ptp"])))


@settings(max_examples=200, deadline=None)
@given(machines())
def test_every_proposal_is_a_good_configuration_that_keeps_to_the_rules(machine: Machine) -> None:
    proposal = propose(machine)
    config = parse(FEED + as_toml(proposal))
    assert (config.cores, config.host) == (proposal.cores, proposal.host)
    hot = [config.cores.market, config.cores.gateway, config.cores.brain]
    if config.host.profile == "untuned":
        assert hot == [-1] * 3
        return
    assert all(
        machine.cores[core].node == machine.cores[hot[0]].node and not machine.cores[core].slow
        for core in hot
    )
    whole = frozenset().union(*(machine.cores[core].siblings for core in hot))
    assert whole == frozenset(hot) | frozenset(config.host.reserved_cores)
    assert 0 not in whole
    others = frozenset(config.cores.housekeeping) | frozenset(config.host.system_cores)
    assert others == frozenset(machine.cores) - whole
    assert config.cores.housekeeping
