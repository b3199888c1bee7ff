"""Shell lines that several checks propose; printed, never run."""

from __future__ import annotations

from typing import Final

RENDER: Final = 'tree=$(mktemp -d) && hft tune render --config {config} --output "$tree" && cp -r "$tree"/. /'
KERNEL_COMMAND_LINE: Final = (RENDER, "update-grub", "echo 'reboot for the kernel command line'")
UNITS: Final = (RENDER, "systemctl daemon-reload")
# What an earlier plan had rendered and this one has not.
_STALE: Final = (
    "for file in $(grep -ls 'by .hft tune render' /etc/default/grub.d/60-hft.cfg /etc/tuned/hft-variables.conf"
    " /etc/hft/nic/*.env /etc/systemd/system/*.d/50-cores.conf); do"
    ' [ -e "$tree$file" ] || rm -v "$file"; done'
)
FILES: Final = (RENDER, _STALE, "systemctl daemon-reload", "if command -v update-grub; then update-grub; fi")
TUNED_PROFILE: Final = "tuned-adm profile hft"
TUNED: Final = (RENDER, TUNED_PROFILE)
SYSCTL: Final = (RENDER, "sysctl --system")
IRQ: Final = (RENDER, "systemctl enable hft-irq.service", "systemctl restart hft-irq.service")
_NIC_UNIT = '$(systemd-escape --template=hft-nic@.service "$(basename "$file" .env)")'
NIC: Final = (
    RENDER,
    f'for file in /etc/hft/nic/*.env; do systemctl enable "{_NIC_UNIT}"; systemctl restart "{_NIC_UNIT}"; done',
)
