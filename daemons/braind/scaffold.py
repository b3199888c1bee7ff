"""`hft strategy new`: a strategy of one's own with its test, and how braind is told of it."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path

from braind.policy import is_installed

TEMPLATES = {"{name}.py": "strategy.py.in", "test_{name}.py": "test_strategy.py.in"}
NEXT_STEPS = """
  cd {directory}
  {python} -m pytest {test}
  hft demo --strategy {module}:{name}
  hft model train --strategy {module}:{name} …

its test (NUMBA_DISABLE_JIT=1: in a debugger), a market day with it, a model of its features. In the configuration:

  [braind]
  strategy_path = "{directory}"
  strategy = "{module}:{name}\""""


class ScaffoldError(Exception):
    """The message says which name or file can not be, and why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the module: lower_case_words")
    parser.add_argument("--directory", type=Path, default=Path(), metavar="DIR", help="where to (here)")


def run(arguments: argparse.Namespace) -> int:
    """Exit codes: 0 written, 1 the name can not be used, or a file is there or can not be written."""
    try:
        written = scaffold(arguments.name, arguments.directory)
    except (ScaffoldError, OSError) as error:
        print(f"hft strategy new: {error}", file=sys.stderr)
        return 1
    print("\n".join(f"written: {path}" for path in written))
    print(
        NEXT_STEPS.format(
            directory=arguments.directory.absolute(),
            python=sys.executable,
            test=written[1].name,
            module=arguments.name,
            name=class_name(arguments.name),
        )
    )
    return 0


def class_name(module: str) -> str:
    """fade_the_spread -> FadeTheSpreadStrategy."""
    return "".join(word.capitalize() for word in module.split("_")).removesuffix("Strategy") + "Strategy"


def scaffold(module: str, directory: Path) -> list[Path]:
    """Writes the strategy and its test, neither over a file that is there. Raises ScaffoldError, OSError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module) or keyword.iskeyword(module):
        raise ScaffoldError(
            f"{module}: a module is named in lower case letters, digits and _, and is no keyword"
        )
    if not directory.is_dir():
        raise ScaffoldError(f"{directory}: not a directory")
    paths = {directory / name.format(name=module): template for name, template in TEMPLATES.items()}
    for path in paths:
        if path.exists():
            raise ScaffoldError(f"{path}: is there already, nothing was written")
    if is_installed(module):
        raise ScaffoldError(
            f"{module}: a module of that name is installed, it would be found in place of yours"
        )
    for path, template in paths.items():
        text = files("braind").joinpath("templates", template).read_text(encoding="utf-8")
        path.write_text(
            text.replace("@CLASS@", class_name(module)).replace("@MODULE@", module), encoding="utf-8"
        )
    return list(paths)
