"""hft tune render: what is in the tree, that real tools accept it, and that nothing else is touched."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from fake_host import CONFIG

from hft.config import parse
from hft.host.places import core_plan
from hft.host.render.command import run_render
from hft.host.render.files import GRUB, SYSCTL, TUNED, rendered, to_run
from hft.host.render.kernel import kernel_arguments, sysctls

ROOT = Path(__file__).resolve().parents[3]
# By how a kernel was built, or where it runs.
OPTIONAL = (
    "kernel.numa_balancing", "kernel.nmi_watchdog", "kernel.hung_task_timeout_secs", "kernel.timer_migration",
    "net.core.rmem_max", "net.core.netdev_max_backlog",
)  # fmt: skip
DROP_IN = "etc/systemd/system/{}.d/50-cores.conf"


def settings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(("#", "["))]


@pytest.fixture
def files() -> dict[str, str]:
    return rendered(parse(CONFIG), "/etc/hft/hft.toml")


def test_each_unit_may_use_its_own_cores_and_is_born_on_housekeeping(files: dict[str, str]) -> None:
    numa = ["NUMAPolicy=bind", "NUMAMask=0"]
    assert {
        name: settings(files[DROP_IN.format(name)])
        for name in ("hft-feedd.service", "hft-braind.service", "hft-watchd.service", "hft-hot.slice", "system.slice")
    } == {
        "hft-feedd.service": ["CPUAffinity=1", "AllowedCPUs=1-3", *numa],
        "hft-braind.service": ["CPUAffinity=1", "AllowedCPUs=1,4", *numa],
        "hft-watchd.service": ["CPUAffinity=1", "AllowedCPUs=1", *numa],
        "hft-hot.slice": ["AllowedCPUs=1-4"],
        "system.slice": ["AllowedCPUs=0,5-9,13-15"],
    }  # fmt: skip


def test_no_rendered_line_lacks_its_reason(files: dict[str, str]) -> None:
    for name, text in files.items():
        lines = text.splitlines()
        assert lines[0].startswith("# Rendered from /etc/hft/hft.toml"), name
        if name.endswith(".env") or name == TUNED:
            continue  # variables: what reads them has the reasons
        for before, line in pairwise(lines):
            if "=" in line and not line.startswith("#") and not line.startswith(("NUMAMask", "[")):
                assert before.startswith("#"), (name, line)


def test_grub_adds_to_what_is_there_and_is_shell(files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "grub").write_text(files[GRUB])
    script = f'GRUB_CMDLINE_LINUX_DEFAULT=quiet; . {tmp_path}/grub; echo "$GRUB_CMDLINE_LINUX_DEFAULT"'
    said = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["quiet", *(argument.text for argument in kernel_arguments(parse(CONFIG)))]
    assert "isolcpus=managed_irq,domain,2-4,10-12" in said
    assert "irqaffinity=0,5-9,13-15" in said


def test_every_sysctl_exists_in_some_kernel_and_reads_as_written(files: dict[str, str]) -> None:
    """Of this kernel at least the network's and vm's; those of the scheduler depend on how it was built."""
    for each in sysctls(parse(CONFIG)):
        assert f"\n{each.key} = {each.value}\n" in files[SYSCTL]
        path = Path("/proc/sys") / each.key.replace(".", "/")
        assert path.exists() or each.key in OPTIONAL, each.key


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_understands_every_drop_in(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        if not name.startswith("etc/systemd/system/") or "init.scope" in name:
            continue
        unit = Path(name).parent.name.removesuffix(".d")
        (tmp_path / f"{unit}.d").mkdir()
        (tmp_path / f"{unit}.d" / "50-cores.conf").write_text(text)
        body = "[Service]\nExecStart=/bin/true\n" if unit.endswith(".service") else "[Slice]\n"
        (tmp_path / unit).write_text(body)
    units = sorted(str(path) for path in tmp_path.iterdir() if path.is_file())
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=one", *units],
        capture_output=True, text=True, check=False, env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert [line for line in ran.stderr.splitlines() if str(tmp_path) in line or "Unknown" in line] == []


def test_an_untuned_host_gets_limits_of_sockets_and_nothing_isolated() -> None:
    config = parse(CONFIG.replace("[host]", '[host]\nprofile = "untuned"'))
    files = rendered(config, "f")
    assert GRUB not in files
    assert TUNED not in files
    assert DROP_IN.format("system.slice") not in files
    assert settings(files[SYSCTL]) == [
        "net.core.rmem_max = 33554432",
        "net.core.netdev_max_backlog = 16384",
        "vm.swappiness = 1",
    ]
    assert "update-grub" not in to_run(config)


def test_an_interface_s_unit_has_its_name_as_systemd_escapes_it() -> None:
    config = parse(CONFIG)
    named = msgspec.structs.replace(
        config, host=msgspec.structs.replace(config.host, interfaces=("eth-a.7",))
    )
    assert r"systemctl enable --now 'hft-nic@eth\x2da.7.service'" in to_run(named)
    assert "etc/hft/nic/eth-a.7.env" in rendered(named, "f")


def test_arguments_of_a_sites_own_come_last_in_either_profile() -> None:
    own = CONFIG.replace("[host]", '[host]\nkernel_arguments = ["idle=poll"]')
    assert kernel_arguments(parse(own))[-1].text == "idle=poll"
    untuned = parse(own.replace("[host]", '[host]\nprofile = "untuned"'))
    assert [argument.text for argument in kernel_arguments(untuned)] == ["idle=poll"]


def test_half_a_plan_isolates_nothing() -> None:
    config = parse(CONFIG.replace("brain = 4\n", ""))
    assert not core_plan(config).whole
    assert GRUB not in rendered(config, "f")


def test_the_command_writes_below_the_directory_and_says_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, output = tmp_path / "hft.toml", tmp_path / "out"
    config.write_text(CONFIG)
    assert run_render(argparse.Namespace(config=config, output=output)) == 0
    written = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert written == set(rendered(parse(CONFIG), str(config)))
    said = capsys.readouterr().out
    assert all(line in said for line in to_run(parse(CONFIG)))
    assert {path.name for path in tmp_path.iterdir()} == {"hft.toml", "out"}


def test_the_command_refuses_a_bad_configuration_by_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "hft.toml"
    config.write_text(CONFIG.replace("[10, 11, 12]", "[3]"))
    assert run_render(argparse.Namespace(config=config, output=tmp_path / "out")) == 1
    assert "host.reserved_cores[0]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
