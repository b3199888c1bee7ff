"""`watchd ctl VERB …`: reads the words, does it, prints text for people or --json for scripts.

Exit codes: 0 done (also: it was so already), 1 refused, 2 usage, 69 watchd does not answer (kill: what could be done
without it was done), 77 not permitted, 78 configuration.
"""

from __future__ import annotations

import json
import sys
from typing import TextIO

from watchd.ctl.arguments import Options, UsageError, parse, usage, verb_usage
from watchd.ctl.settings import Settings, SettingsError, read
from watchd.ctl_words import EXIT_BAD_CONFIG, EXIT_DONE, EXIT_USAGE


def main(arguments: list[str]) -> int:
    """The exit code."""
    if arguments[:1] in (["-h"], ["--help"], ["help"]):
        show(usage())
        return EXIT_DONE
    try:
        options = parse(arguments)
    except UsageError as error:
        complain(str(error))
        return EXIT_USAGE
    if options.help:
        show(verb_usage(options.verb))
        return EXIT_DONE
    try:
        settings = read(options.config)
    except SettingsError as error:
        if options.verb != "kill":
            complain(str(error))
            return EXIT_BAD_CONFIG
        complain(
            f"{error}; going on with the defaults: {Settings().run_directory}, {Settings().control_directory}"
        )
        settings = Settings()
    return _run(options, settings)


def _run(options: Options, settings: Settings) -> int:
    if options.verb == "kill" and options.scope is None:
        from watchd.ctl.kill import kill

        done = kill(options, settings)
        show(json.dumps(done.document()) if options.json else done.text())
        return done.exit_code
    if options.verb == "status":
        from watchd.ctl.status import status

        return status(options, settings, show)
    if options.verb == "tail":
        from watchd.ctl.tail import tail

        return tail(options, settings, show, complain)
    if options.verb == "report":
        from watchd.ctl.report import report

        return report(options, settings, show, complain)
    from watchd.ctl.ask import ask_watchd, clear, kill_one

    verbs = {"clear": clear, "kill": kill_one}
    asked = verbs.get(options.verb, ask_watchd)(options, settings)
    if options.verb == "limits show" and asked.exit_code == EXIT_DONE and not options.json:
        from watchd.ctl.limits_text import render

        show(render(asked.document))
    else:
        show(json.dumps(asked.document) if options.json else asked.text())
    return asked.exit_code


def show(text: str) -> None:
    """To standard output. Who has closed it changes neither what was done nor the exit code."""
    if not _written(sys.stdout, text):
        sys.stdout = None  # or the interpreter would try again at its end, and fail the command


def complain(text: str) -> None:
    if not _written(sys.stderr, f"watchd ctl: {text}"):
        sys.stderr = None


def _written(stream: TextIO | None, text: str) -> bool:
    if stream is None:
        return False
    try:
        stream.write(text.encode("utf-8", "replace").decode("utf-8") + "\n")
        stream.flush()
    except (OSError, ValueError):
        return False
    return True
