"""One boot of the machine in QEMU, by software emulation, and commands that run in it.

Never /dev/kvm: nested in a cloud's own virtual machine it hangs. So no time that is measured in there means anything;
what is in force does.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from root import Disk

CPUS = 4
MEMORY_MB = 3072
BOOT_S = 1800.0  # half a minute by itself, as long as it takes beside other work


class MachineError(AssertionError):
    """It did not boot, or a command in it failed. The text has what was said last."""


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    error: str


class Machine:
    """Booted when made. Writes of the guest are thrown away with it."""

    def __init__(self, disk: Disk, directory: Path) -> None:
        self._console = directory / "console.log"
        path = directory / "agent.sock"
        path.unlink(missing_ok=True)
        words = [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(CPUS), "-m", str(MEMORY_MB),
            "-nodefaults", "-no-reboot", "-display", "none", "-serial", f"file:{self._console}",
            "-kernel", disk.kernel, "-initrd", disk.initrd,
            "-append", f"root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 {' '.join(disk.arguments)}",
            "-drive", f"file={disk.image},if=none,id=disk,format=raw,snapshot=on",
            # One queue: by default there is one a CPU, with an interrupt that only that CPU can have.
            "-device", "virtio-blk-pci,drive=disk,num-queues=1",
            "-netdev", "user,id=net,restrict=on", "-device", "e1000e,netdev=net,addr=0x10",  # root.NIC
            "-device", "virtio-rng-pci",
            "-device", "virtio-serial", "-chardev", f"socket,path={path},server=on,wait=off,id=agent",
            "-device", "virtserialport,chardev=agent,name=hft.machine",
        ]  # fmt: skip
        self._log = (directory / "qemu.log").open("wb")
        self._process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._gone = False
        begin = time.monotonic()
        try:
            self._socket = self._connected(path)
            self._lines = self._socket.makefile("r", encoding="utf-8")
            self._await_agent()
        except MachineError:
            self._process.kill()
            self._process.wait()
            raise
        self.boot_s = time.monotonic() - begin

    def _await_agent(self) -> None:
        self._socket.settimeout(BOOT_S)
        try:
            if json.loads(self._lines.readline() or "{}") != {"ready": True}:
                raise MachineError(f"did not boot:\n{self.last_words()}")
        except TimeoutError:
            raise MachineError(f"did not boot within {BOOT_S:.0f} s:\n{self.last_words()}") from None

    def _connected(self, path: Path) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        until = time.monotonic() + 30
        while True:
            try:
                made.connect(str(path))
            except OSError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise MachineError(f"QEMU did not start:\n{self.last_words()}") from None
                time.sleep(0.1)
            else:
                return made

    def run(self, *words: str, timeout_s: float = 180.0, text: str = "") -> Done:
        """As root, in system.slice."""
        if self._gone:
            raise MachineError(f"{' '.join(words)}: not asked, the machine is gone")
        self._socket.settimeout(timeout_s + 30)
        request = {"words": words, "input": text, "timeout_s": timeout_s}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        try:
            line = self._lines.readline()
        except TimeoutError:
            line = ""
        if not line:
            self._gone = True
            raise MachineError(f"{' '.join(words)}: the machine is gone\n{self.last_words()}")
        return Done(**json.loads(line))

    def must(self, *words: str, timeout_s: float = 180.0) -> str:
        """What it printed; MachineError unless the exit code is 0."""
        done = self.run(*words, timeout_s=timeout_s)
        if done.code:
            raise MachineError(
                f"{' '.join(words)}: exit code {done.code}\n{done.out[-3000:]}{done.error[-3000:]}"
            )
        return done.out

    def read(self, path: str) -> str:
        return self.must("cat", path).strip()

    def last_words(self) -> str:
        """Of the console and of QEMU."""
        files = [path for path in (self._console, Path(self._log.name)) if path.exists()]
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in files)

    def off(self) -> None:
        """Nothing in there is worth an orderly end."""
        self._process.kill()
        self._process.wait()
        self._lines.close()
        self._socket.close()
        self._log.close()
