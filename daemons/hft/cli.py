"""The `hft` command for people. Each subcommand is a module with `add_arguments(parser)` and `run(arguments)`.

Modules are imported when their command is named, so `hft` and `hft config check` stay quick.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    words: tuple[str, ...]
    module: str
    help: str
    function: str = "run"
    arguments: str = "add_arguments"


COMMANDS = (
    Command(("demo",), "hft.demo.command", "replay a market day through the whole suite, live on this terminal"),
    Command(("decode",), "hft.decode", "run a capture through feedd's own decoder into files"),
    Command(("model", "train"), "braind.cli_model", "train a model package on a day", "run_train", "add_train_arguments"),
    Command(("model", "export"), "braind.cli_model", "compile a package again (--autotune: the fast one)", "run_export", "add_export_arguments"),
    Command(("model", "info"), "braind.cli_model", "what a model package holds and where it came from", "run_info", "add_info_arguments"),
    Command(("config", "check"), "hft.config", "check a configuration file as the daemons will"),
    Command(("bench", "ring"), "hft.bench.ring", "ring latency beside its peers and its limit"),
    Command(("bench", "tick"), "braind.bench_tick", "publish → intent, with where the time goes"),
)  # fmt: skip


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
    module = importlib.import_module(command.module)
    parser = argparse.ArgumentParser(prog=f"hft {' '.join(command.words)}", description=command.help)
    getattr(module, command.arguments)(parser)
    try:
        return int(getattr(module, command.function)(parser.parse_args(rest)))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
