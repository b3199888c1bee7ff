"""The doctor's command: exit codes, reasons, the script of what would help, the report."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fake_host import CONFIG, CPU, FakeHost

from hft.host.doctor.checks import CHECKS
from hft.host.doctor.checks.fixes import FILES
from hft.host.render.files import MARK

HFT = Path(sys.executable).with_name("hft")


def doctor(
    host: FakeHost, *options: str, text: str = CONFIG, **environment: str
) -> subprocess.CompletedProcess[str]:
    config = host.root.parent / "hft.toml"
    config.write_text(text)
    command = [HFT, "doctor", "--config", config, "--root", host.root, *options]
    surroundings = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=surroundings)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """One user owns everything below, so nothing has run yet on this one."""
    made = FakeHost(tmp_path / "host")
    made.remove("dev")
    return made


def test_a_fit_host_ends_with_zero_in_every_form(host: FakeHost) -> None:
    for options in ((), ("--strict",), ("--json",), ("--preflight",), ("--fix-script",)):
        ran = doctor(host, *options)
        assert ran.returncode == 0, ran.stderr + ran.stdout
    assert doctor(host, "--preflight").stderr == ""


def test_a_fatal_finding_ends_with_one_and_its_reason_last_on_standard_error(host: FakeHost) -> None:
    host.write(f"{CPU}/isolated", "2-3")
    host.write("sys/kernel/mm/transparent_hugepage/enabled", "[always]")
    ran = doctor(host, "--preflight")
    assert (ran.returncode, ran.stdout) == (1, "")
    first, reason, last = ran.stderr.splitlines()
    assert first.startswith("warning: memory_transparent_huge_pages")
    assert reason == (
        "fatal: cores_isolated: hot cores are isolated: 2-3 (required: includes 2-4,10-12);"
        " docs/TUNING.md#cores_isolated"
    )
    assert last.startswith("not fit to trade")


def test_the_journal_gets_priorities_and_the_unit_its_status(host: FakeHost, tmp_path: Path) -> None:
    host.write(f"{CPU}/isolated", "2-3")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        ran = doctor(host, "--preflight", JOURNAL_STREAM="8:1", NOTIFY_SOCKET=str(tmp_path / "notify"))
        told = notified.recv(4096).decode()
    assert [line[:10] for line in ran.stderr.splitlines()] == ["<3>fatal: ", "<3>not fit"]
    assert told == "STATUS=not fit to trade: cores_isolated: 2-3"


def test_a_fatal_check_that_can_not_see_is_no_excuse(host: FakeHost) -> None:
    host.remove(f"{CPU}/nohz_full")
    ran = doctor(host, "--preflight")
    assert (ran.returncode, "fatal: cores_nohz_full" in ran.stderr) == (1, True)


def test_warnings_count_with_strict_alone(host: FakeHost) -> None:
    host.write("sys/kernel/mm/transparent_hugepage/enabled", "[always]")
    assert [doctor(host, *options).returncode for options in ((), ("--strict",))] == [0, 1]


def test_an_untuned_host_starts_and_says_so_loudly(host: FakeHost) -> None:
    host.write(f"{CPU}/isolated", "")
    ran = doctor(host, "--preflight", text=CONFIG.replace("[host]", '[host]\nprofile = "untuned"'))
    assert (ran.returncode, "UNTUNED HOST" in ran.stderr) == (0, True)


def test_the_table_has_five_columns_and_a_reason_for_what_is_not_passed(host: FakeHost) -> None:
    host.write("proc/swaps", "Filename Type\n/swapfile file")
    out = doctor(host).stdout
    assert out.split("\n", 1)[0].split() == ["condition", "required", "current", "severity", "passed"]
    row = next(line for line in out.splitlines() if line.startswith("no swap"))
    assert row.split() == ["no", "swap", "none", "/swapfile", "fatal", "NO"]
    assert "docs/TUNING.md#memory_swap" in out
    assert "not fit to trade: 1 findings" in out


def test_json_has_every_check_with_its_fix(host: FakeHost) -> None:
    host.write("proc/swaps", "Filename Type\n/swapfile file")
    report = json.loads(doctor(host, "--json").stdout)
    assert (report["fit"], report["profile"], len(report["checks"])) == (False, "isolated", len(CHECKS))
    swap = next(check for check in report["checks"] if check["id"] == "memory_swap")
    assert (swap["state"], swap["severity"], swap["fix"][0]) == ("failed", "fatal", "swapoff -a")
    assert not any(
        "{config}" in line for check in report["checks"] for line in (*check["fix"], check["by_hand"])
    )


def test_the_script_is_shell_that_names_each_command_once_and_was_not_run(
    host: FakeHost, tmp_path: Path
) -> None:
    host.write("proc/swaps", "Filename Type\n/swapfile file")
    host.write(f"{CPU}/isolated", "")
    host.write(f"{CPU}/nohz_full", "")
    before = sorted(path for path in host.root.rglob("*"))
    script = doctor(host, "--fix-script").stdout
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands.count("update-grub") == commands.count("swapoff -a") == 1
    assert sorted(path for path in host.root.rglob("*")) == before


def test_the_script_asks_for_nothing_that_only_is_worth_knowing_or_that_the_plan_does_not_want(
    host: FakeHost,
) -> None:
    host.write("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC")
    host.write("sys/kernel/mm/transparent_hugepage/enabled", "[always]")
    script = doctor(host, "--fix-script").stdout.splitlines()
    assert "tuned-adm profile hft" in script
    assert any(line.startswith("# (if you want it) apt-get install linux-image-rt-amd64") for line in script)
    untuned = CONFIG.replace("[host]", '[host]\nprofile = "untuned"')
    script = doctor(host, "--fix-script", text=untuned).stdout.splitlines()
    assert not any(line.startswith(("tuned-adm", "apt-get")) for line in script)


def test_the_report_is_whole_and_readable_by_the_exporters_user(host: FakeHost, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.symlink_to(tmp_path / "elsewhere")
    old = os.umask(0o077)
    try:
        assert doctor(host, "--preflight", "--report", str(report)).returncode == 0
    finally:
        os.umask(old)
    assert (report.is_symlink(), report.stat().st_mode & 0o777, (tmp_path / "elsewhere").exists()) == (
        False,
        0o644,
        False,
    )
    assert json.loads(report.read_text())["fit"] is True


def test_a_report_that_can_not_be_written_changes_no_verdict(host: FakeHost) -> None:
    ran = doctor(host, "--preflight", "--report", "/proc/report.json")
    assert (ran.returncode, "the report was not written" in ran.stderr) == (0, True)


def test_a_refused_configuration_is_unfit(host: FakeHost) -> None:
    ran = doctor(host, "--preflight", text=CONFIG.replace("market = 2", "market = 3"))
    assert (ran.returncode, "cores.gateway" in ran.stderr) == (1, True)


def test_the_fix_for_files_of_an_earlier_plan_removes_those_and_no_other(tmp_path: Path) -> None:
    """Its line with the paths below a folder of our own; `$tree` is where this plan has just been rendered."""
    names = (
        "etc/hft/nic/eth0.env",
        "etc/hft/nic/eth7.env",
        "etc/hft/nic/own.env",
        "etc/default/grub.d/60-hft.cfg",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("by hand\n" if "own" in name else f"# Rendered from F {MARK}\n")
    rendered = tmp_path / "tree" / tmp_path.relative_to("/") / names[0]
    rendered.parent.mkdir(parents=True)
    rendered.touch()
    (line,) = (line for line in FILES if "rm -v" in line)
    ran = subprocess.run(
        ["sh", "-euc", line.replace(" /etc/", f" {tmp_path}/etc/")], capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "tree": str(tmp_path / "tree")},
    )  # fmt: skip
    assert sorted(name for name in names if not (tmp_path / name).exists()) == [names[3], names[1]], (
        ran.stdout
    )
