"""feedd and `hft config check` refuse the same files and name the same key."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hft.config import Braind, ConfigError, load, parse

FEEDD = Path(sys.executable).with_name("feedd")
EX_CONFIG = 78

GOOD = """\
[run]
directory = "/dev/shm/hft"
huge_pages = "allow_small"

[cores]
market = 2
gateway = 3
brain = 4
housekeeping = [0, 1]

[host]
profile = "untuned"
reserved_cores = [5]
system_cores = [0, 6]
kernel_arguments = ["idle=poll", "mce=ignore_ce"]
interfaces = ["enp1s0f0", "enp1s0f1"]

[feedd]
idle = "backoff"

[feedd.capacity]
orders = 2048

[feedd.feed]
line_a = "233.54.12.111:26477"
line_b = "233.54.28.111:26477"
trading_date = "2019-12-30"
"""

BRAIND = '[braind]\nmodel = "/models/one"\nsymbols = ["AAPL"]\n'
MINIMAL = '[feedd.feed]\nline_a = "127.0.0.1:26477"\n'

# (name, text in GOOD, its replacement, key that must be named)
REFUSALS = [
    ("unknown section", "[run]", '[runs]\ndirectory = "/x"\n[run]', "runs"),
    ("unknown top-level key", "[run]", "verbose = true\n[run]", "verbose"),
    ("unknown key in run", "[run]", "[run]\ndir = 1", "run.dir"),
    ("unknown key in cores", "market = 2", "market = 2\nmarkets = 2", "cores.markets"),
    ("unknown key in feedd", 'idle = "backoff"', 'idling = "backoff"', "feedd.idling"),
    ("unknown key in capacity", "orders = 2048", "order = 2048", "feedd.capacity.order"),
    ("unknown key in feed", "line_b", "line_c", "feedd.feed.line_c"),
    ("unknown section in feedd", "[feedd.capacity]", "[feedd.capacities]", "feedd.capacities"),
    ("directory is a number", '"/dev/shm/hft"', "5", "run.directory"),
    ("directory is relative", '"/dev/shm/hft"', '"hft"', "run.directory"),
    ("directory is empty", '"/dev/shm/hft"', '""', "run.directory"),
    ("no such policy", '"allow_small"', '"allow"', "run.huge_pages"),
    ("a policy is no truth value", '"allow_small"', "false", "run.huge_pages"),
    ("no such mode", "[cores]", 'mode = "Live"\n[cores]', "run.mode"),
    ("capacity is a number", "[feedd.capacity]\norders = 2048", "capacity = 1", "feedd.capacity"),
    ("feed is a list", "[feedd.feed]", "[[feedd.feed]]", "feedd.feed"),
    ("core below range", "market = 2", "market = -2", "cores.market"),
    ("core above range", "gateway = 3", "gateway = 1024", "cores.gateway"),
    ("core is a string", "market = 2", 'market = "2"', "cores.market"),
    ("core is a float", "market = 2", "market = 2.0", "cores.market"),
    ("core is a truth value", "market = 2", "market = true", "cores.market"),
    ("two hot threads on one core", "gateway = 3", "gateway = 2", "cores.gateway"),
    ("brain on the gateway's core", "brain = 4", "brain = 3", "cores.brain"),
    ("housekeeping on a hot core", "[0, 1]", "[0, 2]", "cores.housekeeping[1]"),
    ("housekeeping core out of range", "[0, 1]", "[0, -1]", "cores.housekeeping[1]"),
    ("housekeeping is one number", "[0, 1]", "0", "cores.housekeeping"),
    ("housekeeping holds a string", "[0, 1]", '[0, "1"]', "cores.housekeeping[1]"),
    ("too many housekeeping cores", "[0, 1]", str([0] * 1025), "cores.housekeeping"),
    ("unknown key in host", "[host]", "[host]\nisolated = [1]", "host.isolated"),
    ("host is a list", "[host]", "[[host]]", "host"),
    ("no such profile", '"untuned"', '"tuned"', "host.profile"),
    ("node below range", "[host]", "[host]\nnuma_node = -2", "host.numa_node"),
    ("node above range", "[host]", "[host]\nnuma_node = 1024", "host.numa_node"),
    ("a hot core in reserve", "[5]", "[4]", "host.reserved_cores[0]"),
    ("a housekeeping core in reserve", "[5]", "[5, 1]", "host.reserved_cores[1]"),
    ("one core twice in reserve", "[5]", "[5, 5]", "host.reserved_cores[1]"),
    ("reserved core out of range", "[5]", "[1024]", "host.reserved_cores[0]"),
    ("the system on a hot core", "[0, 6]", "[0, 3]", "host.system_cores[1]"),
    ("the system on a reserved core", "[0, 6]", "[5]", "host.system_cores[0]"),
    ("one core twice for the system", "[0, 6]", "[0, 6, 0]", "host.system_cores[2]"),
    ("system cores are one number", "[0, 6]", "6", "host.system_cores"),
    ("huge pages below range", "[host]", "[host]\nhuge_pages = -1", "host.huge_pages"),
    ("huge pages above range", "[host]", "[host]\nhuge_pages = 16777217", "host.huge_pages"),
    ("a kernel argument with a quote", "idle=poll", "idle=poll'", "host.kernel_arguments[0]"),
    ("a kernel argument with a dollar", "idle=poll", "idle=$HOME", "host.kernel_arguments[0]"),
    ("a kernel argument with a line end", "idle=poll", "idle=poll\\n", "host.kernel_arguments[0]"),
    ("an empty kernel argument", "idle=poll", "", "host.kernel_arguments[0]"),
    ("a kernel argument that is too long", "idle=poll", "a" * 201, "host.kernel_arguments[0]"),
    ("a kernel argument twice", "idle=poll", "mce=ignore_ce", "host.kernel_arguments[1]"),
    ("a kernel argument is a number", '"idle=poll"', "1", "host.kernel_arguments[0]"),
    ("an interface with a path", "enp1s0f1", "../eth0", "host.interfaces[1]"),
    ("an interface with letters beyond ASCII", "enp1s0f1", "eth٠", "host.interfaces[1]"),
    ("an interface that is too long", "enp1s0f1", "e" * 16, "host.interfaces[1]"),
    ("an interface twice", "enp1s0f1", "enp1s0f0", "host.interfaces[1]"),
    ("too many interfaces", '"enp1s0f1"', ", ".join(f'"e{i}"' for i in range(8)), "host.interfaces"),
    ("no queue", "[host]", "[host]\nnic_queues = 0", "host.nic_queues"),
    ("a ring that is too small", "[host]", "[host]\nnic_ring_entries = 63", "host.nic_ring_entries"),
    ("no such clock", "[host]", '[host]\nclock = "gps"', "host.clock"),
    ("no offset at all", "[host]", "[host]\nclock_offset_us_max = 0", "host.clock_offset_us_max"),
    ("no such idling", '"backoff"', '"sleep"', "feedd.idle"),
    ("orders below range", "orders = 2048", "orders = 1023", "feedd.capacity.orders"),
    ("orders above range", "orders = 2048", "orders = 67108865", "feedd.capacity.orders"),
    ("instruments above range", "orders = 2048", "instruments = 65537", "feedd.capacity.instruments"),
    ("levels below range", "orders = 2048", "levels = 0", "feedd.capacity.levels"),
    ("ring is no power of two", "orders = 2048", "market_ring_records = 1025",
     "feedd.capacity.market_ring_records"),
    ("ring too small", "orders = 2048", "market_ring_records = 512", "feedd.capacity.market_ring_records"),
    ("updates ring is no power of two", "orders = 2048", "updates_ring_records = 1536",
     "feedd.capacity.updates_ring_records"),
    ("no such protocol", "[feedd.feed]", '[feedd.feed]\nprotocol = "itch41"', "feedd.feed.protocol"),
    ("line_a has no port", '"233.54.12.111:26477"', '"233.54.12.111"', "feedd.feed.line_a"),
    ("line_a is missing", 'line_a = "233.54.12.111:26477"', "", "feedd.feed.line_a"),
    ("line_a is empty", '"233.54.12.111:26477"', '""', "feedd.feed.line_a"),
    ("port is zero", "233.54.12.111:26477", "233.54.12.111:0", "feedd.feed.line_a"),
    ("port is too large", "233.54.12.111:26477", "233.54.12.111:65536", "feedd.feed.line_a"),
    ("port has a sign", "233.54.12.111:26477", "233.54.12.111:+80", "feedd.feed.line_a"),
    ("port has a leading zero", "233.54.12.111:26477", "233.54.12.111:080", "feedd.feed.line_a"),
    ("port has a tail", "233.54.12.111:26477", "233.54.12.111:80 ", "feedd.feed.line_a"),
    ("octet is too large", "233.54.12.111:26477", "233.54.12.256:26477", "feedd.feed.line_a"),
    ("octet has a leading zero", "233.54.12.111:26477", "233.54.012.111:26477", "feedd.feed.line_a"),
    ("address is a name", "233.54.12.111:26477", "localhost:26477", "feedd.feed.line_a"),
    ("line_b is a number", '"233.54.28.111:26477"', "26477", "feedd.feed.line_b"),
    ("line_b is line_a", "233.54.28.111", "233.54.12.111", "feedd.feed.line_b"),
    ("interface has a port", "[feedd.feed]", '[feedd.feed]\ninterface = "127.0.0.1:80"',
     "feedd.feed.interface"),
    ("interface is a group", "[feedd.feed]", '[feedd.feed]\ninterface = "233.54.12.111"',
     "feedd.feed.interface"),
    ("request server has no port", "[feedd.feed]", '[feedd.feed]\nrequest_server = "10.0.0.1"',
     "feedd.feed.request_server"),
    ("request server is a group", "[feedd.feed]", '[feedd.feed]\nrequest_server = "233.54.12.111:80"',
     "feedd.feed.request_server"),
    ("no such day", '"2019-12-30"', '"2019-02-29"', "feedd.feed.trading_date"),
    ("day before the calendar's rules", '"2019-12-30"', '"2006-12-29"', "feedd.feed.trading_date"),
    ("day without dashes", '"2019-12-30"', '"20191230"', "feedd.feed.trading_date"),
    ("day with signs", '"2019-12-30"', '"2019--1--1"', "feedd.feed.trading_date"),
    ("TOML's own date", '"2019-12-30"', "2019-12-30", "feedd.feed.trading_date"),
    ("no such joining", "[feedd.feed]", '[feedd.feed]\njoin = "middle"', "feedd.feed.join"),
    ("window below range", "[feedd.feed]", "[feedd.feed]\nreorder_window_messages = 0",
     "feedd.feed.reorder_window_messages"),
    ("gap timeout above range", "[feedd.feed]", "[feedd.feed]\ngap_timeout_ms = 60001",
     "feedd.feed.gap_timeout_ms"),
    ("request interval below range", "[feedd.feed]", "[feedd.feed]\nrequest_interval_ms = 0",
     "feedd.feed.request_interval_ms"),
    ("silence alarm below range", "[feedd.feed]", "[feedd.feed]\nsilence_alarm_ms = 9",
     "feedd.feed.silence_alarm_ms"),
    ("tick interval below range", "[feedd.feed]", "[feedd.feed]\ntick_interval_us = 9",
     "feedd.feed.tick_interval_us"),
    ("receive buffer below range", "[feedd.feed]", "[feedd.feed]\nreceive_buffer_bytes = 65535",
     "feedd.feed.receive_buffer_bytes"),
    ("busy poll above range", "[feedd.feed]", "[feedd.feed]\nbusy_poll_us = 1001", "feedd.feed.busy_poll_us"),
    ("venue has no port", "[feedd.feed]", '[feedd.gateway]\nvenue = "10.0.0.1"\n[feedd.feed]',
     "feedd.gateway.venue"),
    ("no such version of the session", "[feedd.feed]", '[feedd.gateway]\nsoupbintcp = "5.0"\n[feedd.feed]',
     "feedd.gateway.soupbintcp"),
    ("user name too long", "[feedd.feed]", '[feedd.gateway]\nusername = "ABCDEFG"\n[feedd.feed]',
     "feedd.gateway.username"),
    ("no user name", "[feedd.feed]", '[feedd.gateway]\nusername = ""\n[feedd.feed]',
     "feedd.gateway.username"),
    ("session with a space", "[feedd.feed]", '[feedd.gateway]\nsession = "A B"\n[feedd.feed]',
     "feedd.gateway.session"),
    ("firm of three letters", "[feedd.feed]", '[feedd.gateway]\nfirm = "ABC"\n[feedd.feed]',
     "feedd.gateway.firm"),
    ("no such capacity", "[feedd.feed]", '[feedd.gateway]\ntrades_as = "P"\n[feedd.feed]',
     "feedd.gateway.trades_as"),
    ("order places are no power of two", "[feedd.feed]", "[feedd.gateway]\norders = 100\n[feedd.feed]",
     "feedd.gateway.orders"),
    ("silence within two heartbeats", "[feedd.feed]", "[feedd.gateway]\nsilence_ms = 1999\n[feedd.feed]",
     "feedd.gateway.silence_ms"),
    ("reconnecting backwards", "[feedd.feed]", "[feedd.gateway]\nreconnect_ms_max = 999\n[feedd.feed]",
     "feedd.gateway.reconnect_ms_max"),
    ("relative positions file", "[feedd.feed]", '[feedd.gateway]\npositions_file = "p.csv"\n[feedd.feed]',
     "feedd.gateway.positions_file"),
    ("unknown key in gateway", "[feedd.feed]", '[feedd.gateway]\npassword = "x"\n[feedd.feed]',
     "feedd.gateway.password"),
    ("unknown key in risk", "[run]", "[risk]\nmax_loss = 1\n[run]", "risk.max_loss"),
    ("hours that are none", "[run]", '[risk]\nhours = "any"\n[run]', "risk.hours"),
    ("limit below range", "[run]", "[risk]\nposition_max = -1\n[run]", "risk.position_max"),
    ("limit is a float", "[run]", "[risk]\nloss_max = 1.5\n[run]", "risk.loss_max"),
    ("more orders than places", "[run]", "[risk]\nopen_orders_max = 4097\n[run]", "risk.open_orders_max"),
    ("more unacknowledged than places", "[run]", "[risk]\nunacknowledged_max = 4097\n[run]",
     "risk.unacknowledged_max"),
    ("reserve beyond the bucket", "[run]", "[risk]\nmessage_burst = 5\ncancel_reserve = 6\n[run]",
     "risk.cancel_reserve"),
    ("a symbol twice", "[run]", '[risk]\nsymbols = ["A", "A"]\n[run]', "risk.symbols[1]"),
    ("a symbol that is none", "[run]", '[risk]\nsymbols = ["A B"]\n[run]', "risk.symbols[0]"),
    ("limits of what is not allowed", "[run]", '[risk]\nsymbols = ["A"]\n[risk.instruments.B]\n[run]',
     "risk.instruments.B"),
    ("unknown key of an instrument", "[run]", '[risk]\nsymbols = ["A"]\n[risk.instruments.A]\nlot = 1\n[run]',
     "risk.instruments.A.lot"),
    ("letters beyond ASCII outside strings", "[cores]", "\u00a7 = 1\n[cores]", ""),
    ("not TOML", "[run]", "[run", ""),
    ("the same key twice", "market = 2", "market = 2\nmarket = 2", ""),
]  # fmt: skip

BRAIND = """\
[braind]
model = "/var/lib/hft/models/default"
symbols = ["AAPL", "BRK.A"]
"""


def feedd_check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FEEDD, "--check-config", "--config", path], capture_output=True, text=True, timeout=30, check=False
    )


def key_named_by_feedd(result: subprocess.CompletedProcess[str], path: Path) -> str:
    said = result.stderr.removeprefix(f"feedd: {path}: ")
    match = re.match(r"([A-Za-z_.]+(?:\[\d+\])?): (?!line \d)", said)
    return match[1] if match and " " not in match[1] else ""


@pytest.mark.parametrize(
    ("text", "replacement", "key"),
    [pytest.param(*case[1:], id=case[0].replace(" ", "-")) for case in REFUSALS],
)
def test_a_bad_file_is_refused_by_both_sides_with_the_same_key(
    tmp_path: Path, text: str, replacement: str, key: str
) -> None:
    assert text in GOOD
    path = tmp_path / "hft.toml"
    path.write_text(GOOD.replace(text, replacement, 1))
    result = feedd_check(path)
    with pytest.raises(ConfigError) as refusal:
        load(path)
    assert (result.returncode, key_named_by_feedd(result, path), refusal.value.key) == (EX_CONFIG, key, key)


@pytest.mark.parametrize("text", [GOOD, MINIMAL, GOOD + BRAIND], ids=["good", "minimal", "with braind"])
def test_a_good_file_is_accepted_by_both_sides(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hft.toml"
    path.write_text(text)
    assert feedd_check(path).returncode == 0
    load(path)


def test_the_documented_reference_is_good_and_shows_the_defaults() -> None:
    reference = Path(__file__).parents[3] / "deploy" / "hft.toml"
    assert feedd_check(reference).returncode == 0
    shown = load(reference)
    defaults = parse(f'[feedd.feed]\nline_a = "{shown.feedd.feed.line_a}"\n')
    assert (shown.run, shown.cores, shown.host) == (defaults.run, defaults.cores, defaults.host)
    assert shown.feedd == defaults.feedd
    assert (shown.risk, shown.watchd) == (defaults.risk, defaults.watchd)
    assert shown.braind == Braind(model=shown.braind.model, symbols=shown.braind.symbols)


def test_feedd_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = feedd_check(tmp_path / "absent.toml")
    assert (result.returncode, "absent.toml" in result.stderr) == (EX_CONFIG, True)
