"""deploy/tuning: scripts and files that are shipped as they are."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_host import CONFIG

from hft.config import parse
from hft.host.render.interfaces import nic_env
from hft.host.render.kernel import host_env, tuned_variables

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "tuning" / "root"
SCRIPTS = SHIPPED / "usr/lib/hft-host-tuning"
UNITS = SHIPPED / "usr/lib/systemd/system"
NIC = "enp1s0f0"


def environment(text: str) -> dict[str, str]:
    """As systemd reads an EnvironmentFile."""
    found = re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE)
    return dict(found)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for number in (0, 41, 42):
        (tmp_path / f"proc/irq/{number}").mkdir(parents=True)
        (tmp_path / f"proc/irq/{number}/smp_affinity_list").write_text("0-15\n")
    (tmp_path / "proc/irq/0/smp_affinity_list").unlink()
    (tmp_path / "proc/irq/0/smp_affinity_list").mkdir()  # what can not be written
    return tmp_path / "proc"


def script(name: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    surroundings = {"PATH": os.environ["PATH"]} | variables
    return subprocess.run(
        [SCRIPTS / name, *words], capture_output=True, text=True, check=False, env=surroundings, timeout=30
    )


def test_interrupts_go_to_the_systems_cores_and_those_that_can_not_are_counted(proc: Path) -> None:
    ran = script("irq", HFT_PROC=str(proc), **environment(host_env(parse(CONFIG), "f")))
    assert (ran.returncode, ran.stdout) == (0, "2 interrupts on cores 0,5-9,13-15, 1 can not be moved\n")
    assert (proc / "irq/41/smp_affinity_list").read_text() == "0,5-9,13-15\n"


def test_without_a_plan_no_interrupt_is_moved(proc: Path) -> None:
    assert script("irq", HFT_PROC=str(proc), HFT_SYSTEM_CORES="").returncode == 0
    assert (proc / "irq/41/smp_affinity_list").read_text() == "0-15\n"
    refused = script("irq", HFT_PROC=str(proc))
    assert (refused.returncode != 0, "host.env" in refused.stderr) == (True, True)


@pytest.fixture
def ethtool(tmp_path: Path) -> Path:
    """One that writes down what it was asked, refuses ntuple, and finds the ring as it should be."""
    path = tmp_path / "bin/ethtool"
    path.parent.mkdir()
    path.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n'
        'case "$*" in *dst-port*) echo "Added rule with ID 1022";; *src-port*) echo "Added rule with ID 7";; esac\n'
        'case "$*" in *ntuple*) echo "Cannot change ntuple" >&2; exit 1;; '
        '-G*) echo "rx unmodified, ignoring" >&2; exit 80;; esac\n'
    )
    path.chmod(0o755)
    return path


def test_every_setting_of_a_nic_is_set_by_itself_and_its_interrupts_are_moved(
    tmp_path: Path, proc: Path, ethtool: Path
) -> None:
    (tmp_path / f"sys/class/net/{NIC}/device/msi_irqs").mkdir(parents=True)
    (tmp_path / f"sys/class/net/{NIC}/device/msi_irqs/42").touch()
    config = parse(CONFIG)
    variables = environment(host_env(config, "f")) | environment(nic_env(config, "f"))
    variables |= {
        "PATH": f"{ethtool.parent}:{os.environ['PATH']}",
        "HFT_PROC": str(proc),
        "HFT_SYS": str(tmp_path / "sys"),
    }
    ran = subprocess.run(
        [SCRIPTS / "nic", NIC], capture_output=True, text=True, check=False, env=variables, timeout=30
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"-L {NIC} combined 1", f"-G {NIC} rx 4096", f"-C {NIC} adaptive-rx off", f"-C {NIC} adaptive-tx off",
        f"-C {NIC} rx-frames 1", f"-C {NIC} rx-usecs 0", f"-C {NIC} tx-usecs 0", f"-K {NIC} gro off",
        f"-K {NIC} lro off", f"-K {NIC} ntuple on",
    ]  # fmt: skip
    assert f"{NIC}: rx 4096, as it was" in ran.stdout
    assert ran.stderr == f"{NIC}: ntuple on refused: Cannot change ntuple\n"
    assert (proc / "irq/42/smp_affinity_list").read_text() == "0,5-9,13-15\n"
    assert (proc / "irq/41/smp_affinity_list").read_text() == "0-15\n"


def test_feed_and_venue_get_a_queue_and_the_rules_of_the_last_run_go_first(
    tmp_path: Path, ethtool: Path
) -> None:
    (tmp_path / f"sys/class/net/{NIC}").mkdir(parents=True)
    venue = '[feedd.gateway]\nvenue = "10.1.2.3:26400"\n[feedd.feed]'
    text = CONFIG.replace("[host]", "[host]\nnic_queues = 4").replace("[feedd.feed]", venue)

    def asked(text: str) -> list[str]:
        (tmp_path / "asked").write_text("")
        ran = script(
            "nic", NIC, **environment(nic_env(parse(text), "f")), PATH=f"{ethtool.parent}:{os.environ['PATH']}",
            HFT_SYS=str(tmp_path / "sys"), HFT_RUN=str(tmp_path),
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        lines = (tmp_path / "asked").read_text().splitlines()
        return [line for line in lines if line[:2] in ("-L", "-X", "-U")]

    spread = [
        f"-L {NIC} combined 4", f"-X {NIC} equal 3",
        f"-U {NIC} flow-type udp4 dst-ip 233.54.12.111 dst-port 26477 action 3",
        f"-U {NIC} flow-type tcp4 src-ip 10.1.2.3 src-port 26400 action 3",
    ]  # fmt: skip
    undone = [f"-U {NIC} delete 1022", f"-U {NIC} delete 7", f"-X {NIC} default"]
    assert asked(text) == spread
    assert asked(text) == undone + spread
    assert asked(CONFIG) == [*undone, f"-L {NIC} combined 1"]
    assert asked(CONFIG) == [f"-L {NIC} combined 1"]


def test_a_nic_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    ran = script("nic", "eth9", HFT_SYS=str(tmp_path))
    assert (ran.returncode, ran.stderr) == (1, "no interface eth9\n")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
@pytest.mark.parametrize("unit", ["hft-irq.service", f"hft-nic@{NIC}.service", "hft-phc2sys@eth0.service"])
def test_systemd_understands_the_units(unit: str, tmp_path: Path) -> None:
    for shipped in UNITS.iterdir():
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", shipped.read_text(), flags=re.MULTILINE)
        (tmp_path / shipped.name).write_text(text)
    (tmp_path / "ptp4l@.service").write_text("[Service]\nExecStart=/bin/true\n")
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=one", tmp_path / unit],
        capture_output=True, text=True, check=False, env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert [line for line in ran.stderr.splitlines() if str(tmp_path) in line or unit in line] == []


def test_the_tuned_profile_reads_the_rendered_variables_and_gives_reasons() -> None:
    profile = (SHIPPED / "usr/lib/tuned/hft/tuned.conf").read_text()
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.read_string(profile)
    assert parser["variables"]["include"] == "/etc/tuned/hft-variables.conf"
    assert {"assert_set", "assert_online"} <= set(parser["variables"])
    assert "isolated_cores=2-4,10-12\n" in tuned_variables(parse(CONFIG), "f")
    for section in ("vm", "sysctl", "sysfs"):
        body = profile.partition(f"[{section}]\n")[2]
        assert body.startswith("#"), section
