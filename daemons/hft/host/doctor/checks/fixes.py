"""Shell lines that several checks propose; printed, never run."""

from __future__ import annotations

from typing import Final

RENDER: Final = 'tree=$(mktemp -d) && hft tune render --config {config} --output "$tree" && cp -r "$tree"/. /'
KERNEL_COMMAND_LINE: Final = (RENDER, "update-grub", "echo 'reboot for the kernel command line'")
UNITS: Final = (RENDER, "systemctl daemon-reload")
TUNED: Final = (RENDER, "tuned-adm profile hft")
SYSCTL: Final = (RENDER, "sysctl --system")
IRQ: Final = (RENDER, "systemctl restart hft-irq.service")
