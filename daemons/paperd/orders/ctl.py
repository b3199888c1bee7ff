"""`paperd ctl`: one request to a running paper venue, its answer as JSON.

Exit codes: 0 done, 1 refused, 2 usage, 69 nobody answers.
"""

import argparse
import json
import socket
import sys
from pathlib import Path
from typing import Any

from paperd.orders.verbs import VERBS

EXIT_REFUSED, EXIT_USAGE, EXIT_NO_ANSWER = 1, 2, 69
TIMEOUT_S = 10.0


def add_ctl_command(commands: Any) -> None:
    """The subcommand's parser. Parameters stand in the verb's order, or as NAME=VALUE."""
    lines = [f"  {_usage(name):<58} {verb.help}" for name, verb in VERBS.items()]
    ctl = commands.add_parser(
        "ctl", allow_abbrev=False, help="faults, orders and the report of a running paper venue",
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog="verbs:\n" + "\n".join(lines),
    )  # fmt: skip
    ctl.add_argument("--control", type=Path, metavar="SOCKET", required=True, help="as given to the venue")
    ctl.add_argument("verb", choices=VERBS, metavar="VERB")
    ctl.add_argument("parameters", nargs="*", metavar="PARAMETER")


def _usage(name: str) -> str:
    return " ".join([name, *(p.name if p.needed else f"[{p.name}]" for p in VERBS[name].parameters)])


def ctl(options: argparse.Namespace) -> int:
    """The exit code; the answer goes to standard output."""
    try:
        request = _request(options.verb, options.parameters)
    except ValueError as error:
        print(f"paperd ctl: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        answer = ask(options.control, request)
    except (OSError, ValueError) as error:
        print(f"paperd ctl: {options.control}: no answer: {error}", file=sys.stderr)
        return EXIT_NO_ANSWER
    print(json.dumps(answer))
    return 0 if answer.get("ok") else EXIT_REFUSED


def _request(verb: str, texts: list[str]) -> dict[str, Any]:
    names = [parameter.name for parameter in VERBS[verb].parameters]
    request: dict[str, Any] = {"verb": verb}
    for place, text in enumerate(texts):
        name, equals, value = text.partition("=")
        if not equals:
            if place >= len(names):
                raise ValueError(f"{text}: {_usage(verb)} takes no more")
            name, value = names[place], text
        request[name] = value
    return request


def ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """One question, one answer. OSError or ValueError when there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(str(path))
        client.sendall(json.dumps(request).encode() + b"\n")
        with client.makefile("rb") as answers:
            line = answers.readline()
    if not line:
        raise OSError("it hung up")
    answer: dict[str, Any] = json.loads(line)
    return answer
