"""The words after `watchd ctl`, read without argparse: an error names the problem, and it starts quickly."""

from __future__ import annotations

from typing import Final

from watchd.ctl_words import (
    INSTRUMENT_ID_MAX,
    LIMIT_MAX,
    LIMITS,
    LIMITS_OF_A_SYMBOL,
    LOOKING,
    NEEDS,
    SCOPED,
    STRATEGY_ID_MAX,
    is_symbol,
)

DEFAULT_CONFIG: Final = "/etc/hft/hft.toml"
LINES_MAX: Final = 10_000_000

HELP: Final = {
    "status": "what watchd sees; without watchd, what shared memory says",
    "kill": "close the fence, kill braind, latch. Works while watchd hangs or is gone. Of one: pause and cancel-all",
    "clear": "acknowledge a kill: killed → disarmed",
    "arm": "open the fence; needs live, reconciled processes",
    "disarm": "close the fence without a kill, once nothing is open",
    "pause": "no new orders: for all, one instrument or one strategy",
    "resume": "takes a pause back, of exactly what was paused",
    "cancel-all": "cancel open orders",
    "flatten": "pause, cancel open orders and close positions; needs an armed suite",
    "limits show": "each limit: configured, in force, taken by the gateway",
    "limits set": "tighten a limit: NAME VALUE, for all or one --symbol; loosening only while disarmed",
    "tail": "the event journal; -n LINES (20), -f to follow",
    "report": "the last kill, step by step",
}
TIMEOUT_S: Final = {"kill": 1.0, "status": 2.0}
TIMEOUT_OTHERWISE_S: Final = 10.0  # a disarm waits for the drain
_SCOPES: Final = {"--symbol": "SYMBOL", "--instrument": "ID", "--strategy": "ID"}
_TAKES_SCOPE_BY_WORD: Final = ("resume", "flatten")  # what gives way or trades is not done to all by default


class UsageError(Exception):
    """The message names the argument and what is wrong with it."""


class Options:
    """What was asked for. `scope` is the request's, None: everything."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.by = ""
        self.reason = ""
        self.scope: dict[str, object] | None = None
        self.timeout_s = TIMEOUT_S.get(verb, TIMEOUT_OTHERWISE_S)
        self.json = False
        self.config = DEFAULT_CONFIG
        self.lines = 20
        self.follow = False
        self.help = False
        self.limit: dict[str, object] | None = None  # of `limits set`


def usage() -> str:
    lines = ["usage: watchd ctl VERB [options]   (watchd ctl VERB --help)", ""]
    lines += [f"  {verb:<12} {text}" for verb, text in HELP.items()]
    lines += [
        "",
        "exit codes: 0 done, 1 refused, 2 usage, 69 watchd does not answer, 77 not permitted, 78 configuration",
    ]
    return "\n".join(lines)


def verb_usage(verb: str) -> str:
    shown = ["NAME VALUE"] if verb == "limits set" else []
    shown += [_shown(verb, option) for option in _options_of(verb)]
    return f"usage: watchd ctl {verb} {' '.join(shown)}\n\n{HELP[verb]}"


def parse(arguments: list[str]) -> Options:
    """Raises UsageError. `help` set: nothing else was checked."""
    if not arguments:
        raise UsageError("which verb? watchd ctl --help lists them")
    verb, *rest = arguments
    if verb == "limits" and rest and not rest[0].startswith("-"):
        verb = f"limits {rest.pop(0)}"
    if verb not in HELP:
        raise UsageError(f"{verb}: no such verb (known: {', '.join(HELP)})")
    options = Options(verb)
    words = _read(options, rest)
    if options.help:
        return options
    if verb == "limits set":
        _set_limit(options, words)
    _check_needs(options)
    return options


def _read(options: Options, rest: list[str]) -> list[str]:
    """Takes the options in; returns the words that are none."""
    known = _options_of(options.verb)
    words: list[str] = []
    while rest:
        option, *rest = rest
        if options.verb == "limits set" and not option.startswith("-"):
            words.append(option)
            continue
        option, equals, value = option.partition("=")
        if option in ("-h", "--help"):
            options.help = True
            return []
        if option not in known:
            raise UsageError(_unknown(options.verb, option, known))
        if not known[option]:
            if equals:
                raise UsageError(f"{option}: takes no value")
        elif not equals:
            if not rest:
                raise UsageError(f"{option}: {known[option]} is missing")
            value, *rest = rest
        _set(options, option, value)
    return words


def _options_of(verb: str) -> dict[str, str]:
    """Option -> name of its value, "" for none."""
    known = {"--config": "FILE", "--json": ""}
    if verb == "tail":
        return known | {"-n": "LINES", "-f": ""}
    if verb == "report":
        return known
    known |= {"--timeout": "SECONDS"}
    if verb == "kill":
        known |= _SCOPES
    if verb in SCOPED:
        known |= {"--all": "", **_SCOPES}
    if verb == "limits set":
        known |= {"--symbol": "SYMBOL"}
    return known if verb in LOOKING else known | {"--by": "NAME", "--reason": "TEXT"}


def _shown(verb: str, option: str) -> str:
    value = _options_of(verb)[option]
    text = f"{option} {value}" if value else option
    return text if option.lstrip("-") in NEEDS.get(verb, ()) else f"[{text}]"


def _unknown(verb: str, option: str, known: dict[str, str]) -> str:
    return f"{option}: {verb} has no such option (known: {', '.join(known)})"


def _set(options: Options, option: str, value: str) -> None:
    if option == "--json":
        options.json = True
    elif option == "-f":
        options.follow = True
    elif option == "-n":
        options.lines = _whole(option, value, LINES_MAX)
    elif option == "--timeout":
        options.timeout_s = _seconds(option, value)
    elif option == "--symbol" and not is_symbol(value):
        raise UsageError(f"{option}: {value!r} is not a symbol")
    elif option == "--symbol" and options.verb == "limits set":
        options.limit = {"symbol": value}
    elif option == "--all" or option in _SCOPES:
        if options.scope is not None:
            raise UsageError(f"{option}: one of --all, {', '.join(_SCOPES)}")
        options.scope = _scope(option, value)
    else:
        if not value.strip():
            raise UsageError(f"{option}: is empty")
        setattr(options, option.lstrip("-"), value)


def _set_limit(options: Options, words: list[str]) -> None:
    known = LIMITS_OF_A_SYMBOL if options.limit else LIMITS
    if len(words) != 2 or words[0] not in known:
        raise UsageError(f"limits set NAME VALUE: NAME is one of {', '.join(known)}")
    options.limit = {
        **(options.limit or {}),
        "name": words[0],
        "value": _whole(words[0], words[1], LIMIT_MAX),
    }


def _scope(option: str, value: str) -> dict[str, object]:
    if option == "--all":
        return {"all": True}
    if option == "--symbol":
        return {"symbol": value}
    limit = INSTRUMENT_ID_MAX if option == "--instrument" else STRATEGY_ID_MAX
    return {option.lstrip("-"): _whole(option, value, limit)}


def _whole(option: str, value: str, limit: int) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 14 and int(value) <= limit):
        raise UsageError(f"{option}: {value!r} is not a number from 0 to {limit}")
    return int(value)


def _seconds(option: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 3600.0:
        raise UsageError(f"{option}: {value!r} is not a number of seconds from 0 to 3600")
    return seconds


def _check_needs(options: Options) -> None:
    for need in NEEDS.get(options.verb, ()):
        if not getattr(options, need):
            value = _options_of(options.verb)[f"--{need}"]
            raise UsageError(f"--{need} {value}: {options.verb} needs it, someone must stand behind it")
    if options.verb in _TAKES_SCOPE_BY_WORD and options.scope is None:
        raise UsageError(f"{options.verb} what? --all, --symbol SYMBOL, --instrument ID or --strategy ID")
