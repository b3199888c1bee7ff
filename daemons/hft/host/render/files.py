"""The rendered tree: which files there are, and what to run once they are copied."""

from __future__ import annotations

import re

from hft.config import Config
from hft.host.render.interfaces import nic_env
from hft.host.render.kernel import grub, host_env, kernel_arguments, sysctl_d, tuned_variables
from hft.host.render.units import drop_ins

GRUB = "etc/default/grub.d/60-hft.cfg"
SYSCTL = "etc/sysctl.d/60-hft.conf"
TUNED = "etc/tuned/hft-variables.conf"
HOST_ENV = "etc/hft/host.env"
NICS = "etc/hft/nic"
MARK = "by `hft tune render`"  # each of them says so


def rendered(config: Config, source: str) -> dict[str, str]:
    """Texts by path below the root, without a leading slash; `source` is named in each as its origin."""
    files = {SYSCTL: sysctl_d(config, source), HOST_ENV: host_env(config, source)}
    files |= drop_ins(config, source)
    if kernel_arguments(config):
        files[GRUB] = grub(config, source)
    if config.host.profile == "isolated":
        files[TUNED] = tuned_variables(config, source)
    files |= {f"{NICS}/{name}.env": nic_env(config, source) for name in config.host.interfaces}
    return dict(sorted(files.items()))


def to_run(config: Config) -> list[str]:
    """Shell lines, in order, once the tree is in place."""
    lines = ["systemctl daemon-reload", "sysctl --system"]
    if config.host.profile == "isolated":
        lines += ["tuned-adm profile hft", "systemctl enable --now hft-irq.service"]
    lines += [f"systemctl enable --now 'hft-nic@{_escaped(name)}.service'" for name in config.host.interfaces]
    if kernel_arguments(config):
        lines += ["update-grub", "systemctl reboot   # the kernel command line"]
    return lines


def _escaped(name: str) -> str:
    """As systemd-escape(1): the unit has it back with %I."""
    return re.sub(r"[^a-zA-Z0-9:_.]", lambda found: f"\\x{ord(found[0]):02x}", name)
