"""The suite's one configuration file, strict: `load(path)` gives a frozen `Config` or a `ConfigError` by key.

deploy/hft.toml documents every key with its default and range. feedd reads the same file with
daemons/feedd/src/runtime/config*.cpp; tests/feedd/daemon/test_config.py holds the two to the same refusals.

    suite.py      the file as a whole
    machine.py    [run] and [cores]            host.py     [host]
    feed.py       [feedd.capacity], [feedd.feed]
    gateway.py    [feedd.gateway]              risk.py     [risk]
    watchd.py     [watchd]                     braind.py   [braind]
    checks.py     what several of them check   command.py  `hft config check FILE`

Errors: ConfigError (key, problem). `key` is the full path, e.g. ``feedd.feed.line_a``; empty when the file
can not be read or is not TOML.
"""

from hft.config.braind import Braind
from hft.config.errors import ConfigError
from hft.config.feed import Capacity, Feed
from hft.config.gateway import Gateway
from hft.config.host import Host
from hft.config.machine import Cores, Run
from hft.config.risk import InstrumentRisk, Risk
from hft.config.suite import Config, Feedd, load, parse
from hft.config.watchd import Watchd

__all__ = [
    "Braind",
    "Capacity",
    "Config",
    "ConfigError",
    "Cores",
    "Feed",
    "Feedd",
    "Gateway",
    "Host",
    "InstrumentRisk",
    "Risk",
    "Run",
    "Watchd",
    "load",
    "parse",
]
