"""Kernel command line, sysctl.d, tuned's variables, and the plan as variables for the one-shot units."""

from __future__ import annotations

from dataclasses import dataclass

from hft.config import Config
from hft.host import cpulist
from hft.host.pages import pool_pages
from hft.host.places import core_plan

RECEIVE_BUFFER_MARGIN = 2


@dataclass(frozen=True, slots=True)
class Argument:
    """One word of the kernel command line, with its reason."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sysctl:
    """One sysctl, with its reason. `isolated`: set for that profile alone; `at_least`: a larger number is as good."""

    key: str
    value: str
    reason: str
    isolated: bool = True
    at_least: bool = False


def kernel_arguments(config: Config) -> list[Argument]:
    """The command line that the plan asks for; nothing for an untuned host without arguments of its own."""
    plan, own = (
        core_plan(config),
        [Argument(text, "host.kernel_arguments") for text in config.host.kernel_arguments],
    )
    if config.host.profile != "isolated" or not plan.whole:
        return own
    isolated, system = cpulist.render(plan.isolated), cpulist.render(plan.system)
    return [
        Argument(
            f"isolcpus=managed_irq,domain,{isolated}",
            "the scheduler and managed interrupts stay off the isolated cores",
        ),
        Argument(f"nohz_full={isolated}", "no timer tick while one thread runs there"),
        Argument(f"rcu_nocbs={isolated}", "RCU's callbacks run elsewhere"),
        Argument(f"irqaffinity={system}", "where interrupts go unless told otherwise"),
        Argument("skew_tick=1", "ticks of different cores do not meet on one lock"),
        Argument("tsc=reliable", "no watchdog timer looks after the TSC; only where it is the clocksource"),
        Argument("nosoftlockup", "a loop that never sleeps is meant"),
        Argument(
            "nmi_watchdog=0", "no interrupt that looks for lockups; use a hardware watchdog (docs/TUNING.md)"
        ),
        Argument("transparent_hugepage=never", "no page is moved or collapsed under a running thread"),
        Argument("intel_idle.max_cstate=1", "no core sleeps deeper than C1: waking takes up to 100 µs"),
        Argument("processor.max_cstate=1", "the same, by ACPI"),
        Argument("audit=0", "no audit hook in system calls"),
        *_pool(config),
        *own,
    ]


def _pool(config: Config) -> list[Argument]:
    """Their order matters to the kernel: `hugepages=` counts pages of the size that was named before it."""
    if config.run.huge_pages != "require":
        return []
    node = "" if config.host.numa_node == -1 else f"{config.host.numa_node}:"
    return [
        Argument("hugepagesz=2M", "of this size"),
        Argument(f"hugepages={node}{pool_pages(config)}", "reserved before memory can be fragmented"),
    ]


def sysctls(config: Config) -> list[Sysctl]:
    """What /etc/sysctl.d/60-hft.conf sets."""
    buffer_bytes = RECEIVE_BUFFER_MARGIN * config.feedd.feed.receive_buffer_bytes
    listed = [
        Sysctl(
            "net.core.rmem_max", str(buffer_bytes),
            "twice feedd.feed.receive_buffer_bytes: the most that a socket gets for its queue", False, True,
        ),
        Sysctl("net.core.netdev_max_backlog", "16384", "packets that may wait for one core's softirq", False, True),
        Sysctl("vm.swappiness", "1", "memory of processes is swapped out last (swap itself should be off)", False),
        Sysctl("kernel.numa_balancing", "0", "no page is unmapped to see who uses it: each costs a fault"),
        Sysctl("kernel.timer_migration", "0", "timers stay on the core that armed them, off the isolated ones"),
        Sysctl("vm.stat_interval", "120", "per-core statistics are folded every two minutes, not every second"),
        Sysctl("kernel.nmi_watchdog", "0", "as on the command line, for a kernel booted without it"),
        Sysctl("kernel.hung_task_timeout_secs", "600", "threads that wait behind a busy core are not reported as hung"),
    ]  # fmt: skip
    if config.feedd.feed.busy_poll_us:
        micros = str(config.feedd.feed.busy_poll_us)
        listed.append(
            Sysctl(
                "net.core.busy_read",
                micros,
                "feedd.feed.busy_poll_us, for sockets that may not ask for it",
                False,
            )
        )
    return [each for each in listed if config.host.profile == "isolated" or not each.isolated]


def grub(config: Config, source: str) -> str:
    """/etc/default/grub.d/60-hft.cfg, a shell fragment."""
    lines = [
        f"# Rendered from {source} by `hft tune render`. Takes effect with `update-grub` and a reboot.",
        "# Undo: remove this file, `update-grub`, reboot.",
    ]
    for argument in kernel_arguments(config):
        lines += [
            f"# {argument.reason}",
            f'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {argument.text}"',
        ]
    return "\n".join(lines) + "\n"


def sysctl_d(config: Config, source: str) -> str:
    lines = [
        f"# Rendered from {source} by `hft tune render`. Takes effect with `sysctl --system`, and at boot.",
        "# Undo: remove this file; values come back with a reboot (or `sysctl -w`, docs/TUNING.md).",
        "",
    ]
    for each in sysctls(config):
        lines += [f"# {each.reason}", f"{each.key} = {each.value}", ""]
    return "\n".join(lines)


def tuned_variables(config: Config, source: str) -> str:
    plan = core_plan(config)
    return (
        f"# Rendered from {source} by `hft tune render`, read by the tuned profile `hft`.\n"
        "# Takes effect with `tuned-adm profile hft`. Undo: `tuned-adm off`, or another profile.\n"
        f"isolated_cores={cpulist.render(plan.isolated)}\n"
    )


def host_env(config: Config, source: str) -> str:
    plan = core_plan(config)
    return (
        f"# Rendered from {source} by `hft tune render`, read by hft-irq.service and hft-nic@.service.\n"
        f"HFT_ISOLATED_CORES={cpulist.render(plan.isolated)}\n"
        f"HFT_SYSTEM_CORES={cpulist.render(plan.system)}\n"
    )
