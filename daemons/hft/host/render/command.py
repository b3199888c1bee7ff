"""`hft tune render --config F --output DIR`: writes the tree, says what to copy and what to run; applies nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hft.config import Config, ConfigError, load
from hft.host.places import core_plan
from hft.host.render.files import rendered, to_run

DEFAULT_CONFIG = Path("/etc/hft/hft.toml")


def add_render_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, help="the suite's configuration (default %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="where to write; made if need be"
    )


def run_render(arguments: argparse.Namespace) -> int:
    """Exit codes: 0 written, 1 not (configuration, or the directory can not be written)."""
    try:
        config = load(arguments.config)
        files = rendered(config, str(arguments.config))
        for name, text in files.items():
            path = arguments.output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except (ConfigError, OSError) as error:
        print(f"hft tune render: {arguments.config}: {error}", file=sys.stderr)
        return 1
    print("\n".join(_report(config, arguments.output, list(files))))
    return 0


def _report(config: Config, output: Path, names: list[str]) -> list[str]:
    lines = [f"written below {output}, nothing applied:", *(f"  {name}" for name in names), ""]
    if config.host.profile == "untuned":
        lines += ['host.profile is "untuned": no core is isolated, the suite starts on any host.', ""]
    elif not core_plan(config).whole:
        lines += [
            "cores.market, gateway, brain and housekeeping are not all set: no kernel command line was rendered,",
            "and `hft doctor` will find this host unfit. `hft tune plan` proposes cores.",
            "",
        ]
    lines += [
        "Look at them, then, as root:",
        f"  cp -r --preserve=timestamps {output}/. /",
        *(f"  {line}" for line in to_run(config)),
        "and then: hft doctor",
    ]
    return lines
