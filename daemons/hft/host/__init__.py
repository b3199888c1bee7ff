"""The machine around the suite: what it is, what it should be, and how it differs.

tree.py, cpulist.py, virtual.py   what can be seen of a machine, and its notation
places.py, pages.py               what the configuration plans: sets of cores, huge pages
render/                           `hft tune render`: files that follow from the plan
doctor/                           `hft doctor`: the machine against the plan
"""
