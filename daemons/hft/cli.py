"""The `hft` command for people: each subcommand is a module that says its arguments and runs.

Modules are imported when their command is named, so `hft` and `hft config check` stay quick.
"""

from __future__ import annotations

import importlib
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """Its module has `add_arguments(parser)` and `run(arguments)`, or both with `verb` in their names."""

    words: tuple[str, ...]
    module: str
    help: str
    verb: str = ""

    def load(self) -> tuple[Callable[[ArgumentParser], None], Callable[[Namespace], int]]:
        """The two functions of the command's module."""
        module = importlib.import_module(self.module)
        if not self.verb:
            return module.add_arguments, module.run
        return getattr(module, f"add_{self.verb}_arguments"), getattr(module, f"run_{self.verb}")


COMMANDS = (
    Command(("demo",), "hft.demo.command", "replay a market day through the whole suite, live"),
    Command(("decode",), "hft.decode", "run a capture through feedd's own decoder into files"),
    Command(("record",), "hft.journal.record", "record a run into a journal until told to stop"),
    Command(("journal", "info"), "hft.journal.commands", "what a journal holds", "info"),
    Command(("journal", "verify"), "hft.journal.commands", "check every byte of a journal", "verify"),
    Command(
        ("journal", "orders"), "hft.decode.orders", "orders and fills of a journal, a line each or as CSV"
    ),
    Command(("journal", "cut"), "hft.journal.commands", "a part of a journal as a journal", "cut"),
    Command(("model", "train"), "braind.cli_model", "train a model package on a day", "train"),
    Command(
        ("model", "export"), "braind.cli_model", "compile a package again (--autotune: faster)", "export"
    ),
    Command(("model", "info"), "braind.cli_model", "what a model package holds", "info"),
    Command(("strategy", "new"), "braind.scaffold", "a strategy of your own, with its test"),
    Command(("config", "check"), "hft.config.command", "check a configuration file as the daemons will"),
    Command(
        ("memory", "prepare"), "hft.host.memory", "huge pages and region directories (as root)", "prepare"
    ),
    Command(("tune", "plan"), "hft.host.plan.command", "propose [cores] and [host] for this machine", "plan"),
    Command(
        ("tune", "render"), "hft.host.render.command", "write what follows from [cores] and [host]", "render"
    ),
    Command(("doctor",), "hft.host.doctor.command", "is this host as the configuration plans it?"),
    Command(("jitter",), "hft.host.jitter.command", "what interrupts a core that only spins"),
    Command(("bench", "ring"), "hft.bench.ring", "ring latency beside its peers and its limit"),
    Command(("bench", "tick"), "braind.bench_tick", "publish → intent, with where the time goes"),
)


def usage() -> str:
    lines = ["usage: hft COMMAND [options]   (hft COMMAND --help)", ""]
    lines += [f"  {' '.join(c.words):<14} {c.help}" for c in COMMANDS]
    return "\n".join(lines)


def find(arguments: list[str]) -> tuple[Command, list[str]] | None:
    """The command whose words start `arguments`, and what follows them."""
    for command in COMMANDS:
        n = len(command.words)
        if tuple(arguments[:n]) == command.words:
            return command, arguments[n:]
    return None


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 the command's own "no", 2 usage, 130 interrupted."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    found = find(given)
    if found is None:
        group = [c for c in COMMANDS if c.words[0] == given[0]]
        known = ", ".join(" ".join(c.words) for c in group or COMMANDS)
        print(f"hft: no command '{' '.join(given[:2])}' (known: {known})", file=sys.stderr)
        return 2
    command, rest = found
    add_arguments, run = command.load()
    parser = ArgumentParser(prog=f"hft {' '.join(command.words)}", description=command.help)
    add_arguments(parser)
    try:
        return run(parser.parse_args(rest))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
