"""A host laid down as files: tuned as its plan says, for tests to spoil one thing at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from hft.config import Config, parse
from hft.host import cpulist
from hft.host.doctor.check import Result
from hft.host.doctor.examine import examine
from hft.host.doctor.subject import Subject
from hft.host.memory import DIRECTORIES
from hft.host.pages import pool_pages
from hft.host.render.files import rendered
from hft.host.render.kernel import kernel_arguments, sysctls
from hft.host.tree import Tree

CONFIG = """\
[cores]
market = 2
gateway = 3
brain = 4
housekeeping = [1]
[host]
numa_node = 0
reserved_cores = [10, 11, 12]
system_cores = [0, 5, 6, 7, 8, 9, 13, 14, 15]
interfaces = ["enp1s0f0"]
clock = "ptp"
[feedd.feed]
line_a = "233.54.12.111:26477"
[watchd]
realtime_priority = 50
"""
CPUS = 16
NODES = {0: "0-5,8-13", 1: "6-7,14-15"}
NIC = "enp1s0f0"
CPU = "sys/devices/system/cpu"
NUMBER_OF_RX_IRQ = 41
KTHREAD = 0x200000 | 0x40
ETHTOOL = {
    "-l": "Channel parameters for NIC:\nPre-set maximums:\nRX:\t\tn/a\nCombined:\t63\n"
    "Current hardware settings:\nRX:\t\tn/a\nCombined:\t1\n",
    "-g": "Ring parameters for NIC:\nPre-set maximums:\nRX:\t\t8192\nTX:\t\t8192\n"
    "Current hardware settings:\nRX:\t\t4096\nTX:\t\t512\n",
    "-c": "Coalesce parameters for NIC:\nAdaptive RX: off  TX: off\nstats-block-usecs:\tn/a\n"
    "rx-usecs:\t0\nrx-frames:\t1\ntx-usecs:\t0\ntx-frames:\t1\n",
    "-k": "Features for NIC:\ngeneric-receive-offload: off\nlarge-receive-offload: off [fixed]\nntuple-filters: on\n",
    "-T": "Time stamping parameters for NIC:\nCapabilities:\n\thardware-transmit\n\thardware-receive\n",
}


RUN = "/dev/hugepages/hft"
USERS = {"root": 0, "hft-feedd": 901, "hft-braind": 902, "hft-watchd": 903, "hft-recorder": 904}


class FakeTree(Tree):
    """Regions belong to whom `owners` says by the longest path that fits, as only root could make them."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.owners = {
            "": 0, **{f"{RUN}/{name}": USERS[user] for name, (user, _, _) in DIRECTORIES.items()}
        }  # fmt: skip

    def stat(self, path: str) -> os.stat_result:
        found = super().stat(path)
        owner = self.owners[max((place for place in self.owners if path.startswith(place)), key=len)]
        return os.stat_result((*found[:4], owner, *found[5:]))


class FakeHost:
    """`write`, `remove`, then `result(check)`."""

    def __init__(self, root: Path, text: str = CONFIG) -> None:
        self.root, self.config = root, parse(text)
        self.tree = FakeTree(root)
        self._cores()
        self._memory()
        self._kernel()
        self._nic()
        self._interrupts()
        self._processes()
        self._files()

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n")

    def remove(self, path: str) -> None:
        target = self.root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    def results(self, config: Config | None = None) -> dict[str, Result]:
        found = examine(Subject(self.tree, config or self.config, Path("/etc/hft/hft.toml")))
        return {result.check.id: result for result in found}

    def result(self, check: str) -> Result:
        return self.results()[check]

    def thread(self, pid: int, name: str, core: int, flags: int = 0, policy: int = 0) -> None:
        """A process with one thread: the fields of proc(5) that anybody looks at."""
        fields = [
            "S",
            "1",
            "1",
            "1",
            "0",
            "-1",
            str(flags),
            *["0"] * 29,
            str(core),
            "0",
            str(policy),
            *["0"] * 11,
        ]
        for place in (f"proc/{pid}", f"proc/{pid}/task/{pid}"):
            self.write(f"{place}/stat", f"{pid} ({name}) {' '.join(fields)}")
            self.write(f"{place}/comm", name)

    def _cores(self) -> None:
        isolated = "2-4,10-12"
        self.write(f"{CPU}/online", "0-15")
        self.write(f"{CPU}/present", "0-15")
        self.write(f"{CPU}/isolated", isolated)
        self.write(f"{CPU}/nohz_full", isolated)
        for core in range(CPUS):
            directory = f"{CPU}/cpu{core}"
            siblings = cpulist.render({core % 8, core % 8 + 8})
            self.write(f"{directory}/topology/thread_siblings_list", siblings)
            self.write(f"{directory}/cpufreq/scaling_governor", "performance")
            for state, (label, latency) in enumerate((("POLL", 0), ("C1", 2), ("C6", 133))):
                self.write(f"{directory}/cpuidle/state{state}/name", label)
                self.write(f"{directory}/cpuidle/state{state}/latency", str(latency))
                self.write(f"{directory}/cpuidle/state{state}/disable", "1" if latency > 2 else "0")
        for node, cores in NODES.items():
            self.write(f"sys/devices/system/node/node{node}/cpulist", cores)
        for name in ("system.slice", "user.slice"):
            self.write(f"sys/fs/cgroup/{name}/cpuset.cpus.effective", "0,5-9,13-15")
        self.write("sys/devices/virtual/workqueue/cpumask", "00000000,0000e3e3")

    def _memory(self) -> None:
        self.write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority")
        self.write("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]")
        pages = str(pool_pages(self.config))
        self.write("sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", pages)
        self.write("sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", pages)
        for name in ("nr_hugepages", "free_hugepages"):
            self.write(f"sys/kernel/mm/hugepages/hugepages-2048kB/{name}", pages)
        self.write(
            "proc/mounts",
            "/dev/sda1 / ext4 rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw,pagesize=1024M 0 0\n"
            "hugetlbfs /dev/hugepages/hft hugetlbfs rw,nosuid,pagesize=2M,mode=0751 0 0",
        )

    def _kernel(self) -> None:
        self.write("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme tsc nonstop_tsc")
        words = [argument.text for argument in kernel_arguments(self.config)]
        self.write("proc/cmdline", f"BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro {' '.join(words)}")
        for each in sysctls(self.config):
            self.write(f"proc/sys/{each.key.replace('.', '/')}", each.value)
        self.write("proc/sys/kernel/osrelease", "6.12.5-rt-amd64")
        self.write("proc/sys/kernel/version", "#1 SMP PREEMPT_RT Debian 6.12.5-1")
        self.write("proc/sys/kernel/sched_rt_runtime_us", "950000")
        self.write("proc/sys/kernel/sched_rt_period_us", "1000000")
        self.write(
            "boot/config-6.12.5-rt-amd64", "CONFIG_RT_GROUP_SCHEDULING=y\n# CONFIG_RT_GROUP_SCHED is not set"
        )
        self.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc")
        self.write(
            "commands/pmc -u -b 0 GET TIME_STATUS_NP",
            "sending: GET TIME_STATUS_NP\n\tmaster_offset              -37\n\tgmPresent                  true",
        )

    def _nic(self) -> None:
        self.write(f"sys/class/net/{NIC}/operstate", "up")
        self.write(f"sys/class/net/{NIC}/device/numa_node", "0")
        for option, said in ETHTOOL.items():
            self.write(f"commands/ethtool {option} {NIC}", said.replace("NIC", NIC))

    def _interrupts(self) -> None:
        for number, user in ((0, "timer"), (NUMBER_OF_RX_IRQ, f"{NIC}-rx-0")):
            self.write(f"proc/irq/{number}/effective_affinity_list", "0")
            self.write(f"proc/irq/{number}/smp_affinity_list", "0,5-9,13-15")
            (self.root / f"proc/irq/{number}/{user}").mkdir()
        self.write("proc/irq/7/effective_affinity_list", "2")  # on a hot core, but nobody uses it

    def _processes(self) -> None:
        self.thread(1, "systemd", 0)
        self.thread(20, "migration/2", 2, KTHREAD)
        self.thread(700, "feedd", 2)
        self.thread(701, "braind", 4)
        self.thread(702, "watchd", 1, policy=1)
        self.thread(703, "phc2sys", 0)
        for pid in (700, 701):
            self.write(
                f"proc/{pid}/limits",
                "Limit  Soft Limit  Hard Limit  Units\nMax locked memory  unlimited  unlimited  bytes",
            )

    def _files(self) -> None:
        for path, text in rendered(self.config, "/etc/hft/hft.toml").items():
            self.write(path, text)
        unit = "usr/lib/systemd/system/hft-feedd.service"
        self.write(unit, "[Service]\nLimitMEMLOCK=infinity")
        digest = hashlib.md5((self.root / unit).read_bytes(), usedforsecurity=False).hexdigest()
        self.write("var/lib/dpkg/info/hft.md5sums", f"{digest}  {unit}\n{'0' * 32}  usr/bin/hft")
        self.write(
            "etc/passwd", "\n".join(f"{name}:x:{uid}:{uid}::/:/bin/false" for name, uid in USERS.items())
        )
        run = self.root / RUN.lstrip("/")
        for name in ("feedd", "braind", "watchd", "operator"):
            (run / name).mkdir(parents=True)
            (run / name).chmod(0o2750 if name == "operator" else 0o750)
        for name, mode in (("feedd/market.ring", 0o640), ("operator/veto", 0o660)):
            (run / name).write_bytes(b"")
            (run / name).chmod(mode)
