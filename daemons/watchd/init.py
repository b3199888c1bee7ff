"""`watchd init --by NAME [--config FILE]`: writes the first `disarmed` of an installation.

Without a state file the suite counts as killed, because nobody can know what the file said. So the first one is
written by a person, once, and never over anything: the way out of a killed or damaged state is `watchd ctl clear`.

Exit codes: 0 written, 1 refused (there is a state file), 2 usage, 71 the system refused, 78 configuration.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from watchd.ctl_protocol import clean
from watchd.ctl_words import BY_CHARACTERS_MAX
from watchd.event_journal import utc_now
from watchd.state_file import StateFile, StateRecord
from watchd.states import SuiteState

EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_SYSTEM, EXIT_BAD_CONFIG = 0, 1, 2, 71, 78


def write_first_state(directory: str | Path, by: str) -> StateRecord:
    """The first `disarmed`, durable on return. Makes `directory` (one level, mode 0750) when it is absent.

    Raises FileExistsError when there is a state file, whatever it holds; OSError.
    """
    with suppress(FileExistsError):  # when it is no directory, `create` says so
        Path(directory).mkdir(mode=0o750)
    record = StateRecord(
        state=SuiteState.DISARMED,
        reason="disarmed",
        detail="first state of this installation",
        by=by,
        uid=os.getuid(),
        at=utc_now(),
        epoch=0,
    )
    StateFile(directory).create(record)
    return record


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="watchd init",
        description="Write the first `disarmed` of an installation.",
        epilog=(__doc__ or "").rsplit("\n\n", 1)[1],
    )
    parser.add_argument("--by", required=True, metavar="NAME", help="who stands behind it")
    parser.add_argument("--config", type=Path, default=Path("/etc/hft/hft.toml"), metavar="FILE")
    options = parser.parse_args(arguments)
    by = clean(options.by, BY_CHARACTERS_MAX)
    if not by:
        parser.error("--by: is empty")
    from hft.config import ConfigError, load

    try:
        directory = load(options.config).watchd.state_directory
        write_first_state(directory, by)
    except ConfigError as error:
        return _refuse(EXIT_BAD_CONFIG, f"{options.config}: {error}")
    except FileExistsError:
        return _refuse(
            EXIT_REFUSED,
            f"{directory}/state.json: there is a state already; look at `watchd ctl status`, "
            "leave a kill with `watchd ctl clear`",
        )
    except OSError as error:
        return _refuse(EXIT_SYSTEM, f"{directory}/state.json: {error.strerror or error}")
    print(f"{directory}/state.json: disarmed, by {by}")
    return EXIT_DONE


def _refuse(code: int, problem: str) -> int:
    print(f"watchd init: {problem}", file=sys.stderr)
    return code
