"""`hft tune render`: everything that follows from [cores] and [host], as a tree of files to look at and to copy.

    files.py     the tree: which files there are, and what to run once they are copied
    units.py     systemd drop-ins: cores, memory node
    kernel.py    kernel command line (GRUB), sysctl.d, tuned's variables, host.env for the one-shot units
    interfaces.py  settings of each NIC
    command.py   the command

Pure: a configuration in, texts out; nothing is looked at and nothing is applied.
"""
