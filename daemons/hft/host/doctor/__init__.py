"""`hft doctor`: is this host as [cores] and [host] plan it? Reads only.

    check.py     a check, what it found, how much that weighs
    subject.py   what is looked at: the tree, the configuration, the plan
    checks/      the checks, by what they look at
    examine.py   all of them, and the verdict
    table.py     as a table, as JSON, as a script of commands that would help
    command.py   the command

docs/TUNING.md has a section for each check, under its id.
"""
