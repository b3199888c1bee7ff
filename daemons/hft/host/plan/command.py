"""`hft tune plan`: proposes [cores] and [host] for the machine it runs on. Exit codes: 0 proposed, 1 can not look."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from textwrap import wrap

import msgspec

from hft.host.plan.machine import look
from hft.host.plan.propose import Proposal, propose
from hft.host.tree import Hidden, Tree


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--interface",
        action="append",
        default=[],
        metavar="NAME",
        help="a NIC of feed or venue; repeat for more",
    )
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="a machine laid down as files"
    )
    parser.add_argument("--json", action="store_true")


def run_plan(arguments: argparse.Namespace) -> int:
    try:
        proposal = propose(look(Tree(arguments.root)), tuple(arguments.interface))
    except (Hidden, ValueError) as error:
        print(f"hft tune plan: {error}", file=sys.stderr)
        return 1
    print(_json(proposal) if arguments.json else as_toml(proposal))
    return 0


def as_toml(proposal: Proposal) -> str:
    """The two sections with the reasons above them, to be copied into the configuration."""
    lines = [
        "# Proposed by `hft tune plan`; nothing was changed. Copy what you agree with into the configuration,",
        "# then:",
    ]
    lines += ["#   hft config check FILE && hft tune render --config FILE --output DIR", "#"]
    lines += [
        line
        for each in proposal.reasons
        for line in wrap(each, 118, initial_indent="# ", subsequent_indent="#   ")
    ]
    for name, section in (("cores", proposal.cores), ("host", proposal.host)):
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {_value(value)}" for key, value in msgspec.to_builtins(section).items()]
    return "\n".join(lines)


def _value(value: object) -> str:
    """Numbers, words and lists of them: JSON's notation is TOML's."""
    return json.dumps(value)


def _json(proposal: Proposal) -> str:
    sections = {"cores": msgspec.to_builtins(proposal.cores), "host": msgspec.to_builtins(proposal.host)}
    return json.dumps({**sections, "reasons": proposal.reasons}, indent=2, ensure_ascii=False)
