"""`hft tune plan`: looks at the machine, proposes [cores] and [host], and says why.

machine.py   what the machine has: cores, siblings, nodes, caches, NICs
nics.py      its network interfaces
propose.py   the choice, pure: a Machine in, a Proposal out
command.py   the command
"""
