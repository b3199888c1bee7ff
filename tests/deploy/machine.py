"""A Debian 12 machine for boot tests: a root from mmdebstrap, the packages installed in it, booted by systemd-nspawn.

    build/boot-test/base        mmdebstrap, kept between runs (its name tells what is in it)
    build/boot-test/installed   overlay above: the .deb of this checkout, kept while the .deb stays the same
    build/boot-test/run         overlay above both: what one boot writes

The container has its own network, its own /dev and the machine's /sys, writable: huge pages are the host's. Commands
enter its namespaces (nsenter), so no machined and no registration is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "boot-test"
HOST_PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
# What `apt-get install ./hft.deb` would bring along, so that a boot needs no network; and what the tests look with.
INSIDE = (
    "systemd", "systemd-sysv", "dbus", "python3", "libzmq5", "tzdata", "g++", "libc6-dev", "procps", "iproute2", "kmod",
)  # fmt: skip
BOOT_S, STOP_S = 60.0, 40.0


class MachineError(AssertionError):
    """A command inside failed, or what was waited for did not come. The text has the journal's last lines."""


@dataclass(frozen=True)
class Done:
    """What a command inside came to."""

    code: int
    out: str
    error: str

    @property
    def text(self) -> str:
        return self.out + self.error


def base() -> Path:
    """The bare root. About 200 MB to download, once."""
    name = hashlib.sha256(" ".join(INSIDE).encode()).hexdigest()[:12]
    path = WORK / f"base-{name}"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(WORK / "base.new", ignore_errors=True)
        _host(
            "mmdebstrap",
            "--variant=apt",
            "--quiet",
            f"--include={','.join(INSIDE)}",
            "bookworm",
            WORK / "base.new",
        )
        # The host's clock may lie outside of any index's validity; nothing is downloaded in here.
        (WORK / "base.new").rename(path)
    return path


def installed(deb: Path) -> list[Path]:
    """Layers of a root with the package in it, lowest first."""
    below, upper = base(), WORK / "installed"
    with deb.open("rb") as file:
        mark = f"{below.name} {hashlib.file_digest(file, 'sha256').hexdigest()}"
    if not (upper / ".is").exists() or (upper / ".is").read_text() != mark:
        shutil.rmtree(upper, ignore_errors=True)
        with mounted([below], upper) as root:
            shutil.copyfile(deb, root / "var/tmp/hft.deb")
            _host(
                "systemd-nspawn",
                "-q",
                "-D",
                root,
                *_PLAIN,
                "apt-get",
                "install",
                "-y",
                "-q",
                "/var/tmp/hft.deb",
            )
            (root / "var/tmp/hft.deb").unlink()
        (upper / ".is").write_text(mark)
    return [below, upper]


@contextlib.contextmanager
def mounted(lower: list[Path], upper: Path) -> Iterator[Path]:
    """An overlay: `upper` is written, `lower` is not. Unmounted at the end."""
    merged, work = (upper.with_name(f"{upper.name}.{part}") for part in ("merged", "work"))
    unmount(merged)
    shutil.rmtree(work, ignore_errors=True)
    for directory in (upper, work, merged):
        directory.mkdir(parents=True, exist_ok=True)
    layers = ":".join(str(layer) for layer in reversed(lower))
    _host(
        "mount",
        "-t",
        "overlay",
        "overlay",
        "-o",
        f"lowerdir={layers},upperdir={upper},workdir={work}",
        merged,
    )
    try:
        yield merged
    finally:
        unmount(merged)


def unmount(path: Path) -> None:
    """Also when it is not mounted."""
    if path.exists() and os.path.ismount(path):
        _host("umount", "--lazy", path)


_PLAIN = ("--register=no", "--keep-unit", "--private-network", "--resolv-conf=off", "--timezone=off")


class Machine:
    """One boot. `run` and `ctl` enter it; `off` ends it and gives back the host's huge pages."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self._log = log
        self._pages = HOST_PAGES.read_text()
        command = [
            "systemd-nspawn",
            "-q",
            "-D",
            str(root),
            *_PLAIN,
            "--capability=all",
            "-b",
            "--console=pipe",
        ]
        # 1: /sys and /proc/sys are writable inside, as they are on a machine.
        environment = os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            env=environment,
        )
        self.leader = 0
        self._await_boot()

    def _await_boot(self) -> None:
        until = time.monotonic() + BOOT_S
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while time.monotonic() < until and self._process.poll() is None:
            found = children.read_text().split()
            if found:
                self.leader = int(found[0])
                if self.run("systemctl", "is-system-running").out.strip() in ("running", "degraded"):
                    return
            time.sleep(0.1)
        raise MachineError(f"did not boot:\n{self._log.read_text()[-3000:]}")

    def run(self, *words: str, timeout_s: float = 120.0, stdin: str | None = None) -> Done:
        """As root inside."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--", *words],
            capture_output=True, text=True, check=False, timeout=timeout_s, input=stdin,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"},
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def must(self, *words: str, timeout_s: float = 120.0) -> str:
        """As `run`; MachineError unless the exit code is 0."""
        done = self.run(*words, timeout_s=timeout_s)
        if done.code:
            raise MachineError(f"{' '.join(words)}: exit code {done.code}\n{done.text}\n{self.last_words()}")
        return done.out

    def last_words(self, unit: str = "hft*", lines: int = 60) -> str:
        return self._journalctl("-u", unit, "-n", str(lines), "-o", "short-precise")

    def journal(self, unit: str) -> str:
        """Messages about the unit since its last start began, oldest first."""
        invocation = self.show(unit, "InvocationID")
        return self._journalctl("-o", "cat", f"_SYSTEMD_INVOCATION_ID={invocation}")

    def _journalctl(self, *words: str) -> str:
        """With all that was said before: journald takes it up in its own time, but for a --sync."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", *words).out

    def show(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "-p", name, "--value", unit).out.strip()

    def active(self, unit: str) -> str:
        return self.show(unit, "ActiveState")

    def pid(self, name: str) -> int:
        """Main pid (inside) of hft-NAME.service; 0 when there is none."""
        return int(self.show(f"hft-{name}.service", "MainPID") or 0)

    def ctl(self, *words: str) -> Done:
        return self.run("watchd", "ctl", *words)

    def status(self) -> dict[str, object]:
        """`watchd ctl status --json`; {} when nothing came."""
        try:
            found: dict[str, object] = json.loads(self.ctl("status", "--json", "--timeout", "20").out or "{}")
        except ValueError:
            return {}
        return found

    def state(self) -> str:
        return str(self.status().get("state"))

    def write(self, path: str, text: str) -> None:
        """A file inside."""
        done = self.run("sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', path, stdin=text)
        assert done.code == 0, done.text

    def until(self, met: Callable[[], object], what: str, within_s: float = 30.0) -> None:
        end = time.monotonic() + within_s
        while not met():
            if time.monotonic() > end:
                raise MachineError(f"{what}: not within {within_s:.0f} s\n{self.last_words()}")
            time.sleep(0.1)

    def off(self) -> None:
        """Orderly, then not."""
        self.run("systemctl", "poweroff")
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        HOST_PAGES.write_text(self._pages)


def _host(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(
            f"{words[0]}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
