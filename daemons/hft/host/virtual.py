"""Whether a container or a hypervisor stands between the suite and the machine."""

from __future__ import annotations

from hft.host.tree import Tree


def virtualization(tree: Tree) -> str:
    """What is in between, as far as it says so: ``container (docker)``, ``virtual machine``; empty on bare metal."""
    container = tree.text_or("/run/systemd/container", "")
    if container:
        return f"container ({container})"
    if tree.exists("/.dockerenv") or tree.exists("/run/.containerenv"):
        return "container"
    flags = next((line for line in _cpuinfo(tree) if line.startswith("flags")), "")
    if "hypervisor" in flags.split():
        product = tree.text_or("/sys/class/dmi/id/product_name", "")
        return f"virtual machine ({product})" if product else "virtual machine"
    return ""


def _cpuinfo(tree: Tree) -> list[str]:
    return tree.text_or("/proc/cpuinfo", "").splitlines()
