"""`hft config check FILE`: exit code 0: every daemon accepts it; 1: says which key is wrong and why."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from hft.config.errors import ConfigError
from hft.config.suite import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the configuration file, e.g. /etc/hft/hft.toml")


def run(arguments: argparse.Namespace) -> int:
    """`hft config check FILE`: 0 when every daemon would accept it, 1 with the full path of the wrong key.

    feedd is asked itself (`feedd --check-config`), because it reads the file with a parser of its own.
    """
    try:
        config = load(arguments.file)
    except ConfigError as error:
        print(f"hft config check: {arguments.file}: {error}", file=sys.stderr)
        return 1
    asked = subprocess.run(
        [Path(sys.executable).with_name("feedd"), "--check-config", "--config", arguments.file], check=False
    )
    if asked.returncode:
        return 1
    alone = "" if config.braind else " for feedd alone: it has no [braind]"
    print(f"{arguments.file}: good{alone}")
    return 0
