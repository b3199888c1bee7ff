"""The machine's disk: Debian with its PREEMPT_RT kernel, the packages, and what `hft tune render` made of a plan.

build/machine/base-…      mmdebstrap, kept between runs (its name tells what is in it)
build/machine/disk-….img  that, the packages of this checkout and the rendered tree, as an ext4 image; kept as well
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from brain import ENVIRONMENT, lay_out_brain

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "machine"
HERE = Path(__file__).resolve().parent
# The kernel; what the packages depend on; what tunes and measures a host.
INSIDE = (
    "linux-image-rt-amd64", "initramfs-tools", "zstd", "systemd", "systemd-sysv", "dbus", "udev", "python3", "libzmq5",
    "tzdata", "g++", "libc6-dev", "procps", "kmod", "iproute2", "tuned", "ethtool", "rt-tests", "rtla", "irqbalance",
)  # fmt: skip
IMAGE_BYTES = 6 << 30  # sparse
# Emulated, Python takes a minute to start.
PATIENCE = "[Service]\nTimeoutStartSec=900\nWatchdogSec=0\n"
PATIENT = ("hft-watchd", "hft-preflight", "hft-feedd", "hft-braind", "hft-hugepages")
NIC = "ens16"  # qemu.py puts it there
NETWORK = f"[Match]\nName={NIC}\n[Network]\nAddress=10.0.2.15/24\nLinkLocalAddressing=no\n"
GRUB = "etc/default/grub.d/60-hft.cfg"


class RootError(AssertionError):
    """A step of making the disk failed; the text is what it said."""


class NotToBeHadError(RootError):
    """Debian's packages, the kernel among them, do not come from here."""


@dataclass(frozen=True)
class Disk:
    """`arguments`: the kernel command line that GRUB would have made of the shipped drop-in."""

    image: Path
    kernel: Path
    initrd: Path
    arguments: list[str]


def disk(packages: list[Path], plan: Path, *, brain: bool) -> Disk:
    """Made anew when a package, the plan or this folder changed. About 300 MB to download the first time.

    `brain`: with what hft-braind.service needs.
    """
    mark = hashlib.sha256(str(brain).encode())
    for path in (*packages, plan, *(HERE / f"{name}.py" for name in ("agent", "root", "brain"))):
        mark.update(path.read_bytes())
    image = WORK / f"disk-{mark.hexdigest()[:12]}.img"
    tree = WORK / "root"
    if not image.exists():
        for old in WORK.glob("disk-*"):
            old.unlink()
        _lay_out(tree, packages, plan)
        if brain:
            try:
                lay_out_brain(tree)
            except subprocess.CalledProcessError as error:
                raise RootError(f"{error}\n{error.stdout[-2000:]}{error.stderr[-3000:]}") from None
        _host("mke2fs", "-q", "-t", "ext4", "-d", tree, image.with_suffix(".new"), str(IMAGE_BYTES // 1024))
        for kind in ("vmlinuz", "initrd.img"):
            shutil.copyfile(_newest(tree, kind), image.with_name(f"{image.stem}.{kind}"))
        image.with_name(f"{image.stem}.arguments").write_text(_command_line(tree))
        shutil.rmtree(tree)
        image.with_suffix(".new").rename(image)
    beside = {
        kind: image.with_name(f"{image.stem}.{kind}") for kind in ("vmlinuz", "initrd.img", "arguments")
    }
    return Disk(image, beside["vmlinuz"], beside["initrd.img"], beside["arguments"].read_text().split())


def _base() -> Path:
    path = WORK / f"base-{hashlib.sha256(' '.join(INSIDE).encode()).hexdigest()[:12]}"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        new = WORK / "base.new"
        shutil.rmtree(new, ignore_errors=True)
        try:
            _host("mmdebstrap", "--variant=apt", "--quiet", f"--include={','.join(INSIDE)}", "bookworm", new)
        except RootError as error:
            raise NotToBeHadError(str(error)) from None
        new.rename(path)
    return path


def _lay_out(tree: Path, packages: list[Path], plan: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    _host("cp", "-a", _base(), tree)
    for package in packages:
        shutil.copyfile(package, tree / "var/tmp" / package.name)
        _host("chroot", tree, "dpkg", "--install", f"/var/tmp/{package.name}")
        (tree / "var/tmp" / package.name).unlink()
    shutil.copyfile(plan, tree / "etc/hft/hft.toml")
    _host("chroot", tree, "hft", "tune", "render", "--config", "/etc/hft/hft.toml", "--output", "/")
    (tree / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 0\n")
    (tree / "etc/tuned/active_profile").write_text("hft\n")
    (tree / "etc/tuned/profile_mode").write_text("manual\n")
    shutil.copyfile(HERE / "agent.py", tree / "usr/local/lib/machine-agent.py")
    (tree / "etc/systemd/system/machine-agent.service").write_text(
        "[Unit]\nBindsTo=dev-virtio\\x2dports-hft.machine.device\nAfter=dev-virtio\\x2dports-hft.machine.device\n"
        "[Service]\nExecStart=/usr/bin/python3 /usr/local/lib/machine-agent.py\n[Install]\nWantedBy=multi-user.target\n"
    )
    (tree / "etc/systemd/network/10-nic.network").write_text(NETWORK)
    enabled = (
        "machine-agent.service", "hft-irq.service", f"hft-nic@{NIC}.service", "tuned.service",
        "systemd-networkd.service", "systemd-networkd-wait-online.service",
    )  # fmt: skip
    _host("systemctl", f"--root={tree}", "enable", *enabled)
    for unit in PATIENT:
        drop_in = tree / f"etc/systemd/system/{unit}.service.d/90-emulated.conf"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(PATIENCE)
    with (tree / "etc/systemd/system/hft-braind.service.d/90-emulated.conf").open("a") as drop_in:
        drop_in.writelines(f"Environment={name}={value}\n" for name, value in ENVIRONMENT.items())
    # Nothing of the suite starts by itself: the tests start it.
    _host("systemctl", f"--root={tree}", "disable", "hft.target")


def _newest(tree: Path, kind: str) -> Path:
    return max((tree / "boot").glob(f"{kind}-*"))


def _command_line(tree: Path) -> str:
    """What the drop-in adds, by the shell, as update-grub would read it."""
    script = f'GRUB_CMDLINE_LINUX_DEFAULT=; . "{tree}/{GRUB}"; echo "$GRUB_CMDLINE_LINUX_DEFAULT"'
    return subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout


def _host(*words: str | Path) -> None:
    environment = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RootError(
            f"{words[0]}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
