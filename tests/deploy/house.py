"""The installed suite on a booted machine: how tests bring it to a state, and what they ask it."""

from __future__ import annotations

import json
import time

from machine import Machine

MEMBERS = ("hft-watchd.service", "hft-feedd.service", "hft-braind.service")
START_S = 400.0  # the first start generates a day, trains a model and compiles
ANSWERED = ("--timeout", "20")  # of `watchd ctl kill`, where its answer is expected


class House(Machine):
    """A machine with the suite on the paper venue."""

    def start(self, target: str = "hft.target") -> int:
        """The exit code of `systemctl start`."""
        return self.run("systemctl", "start", target, timeout_s=START_S).code

    def stop(self) -> None:
        """The suite, and waits for the last to go: a stop of the target alone does not wait for its members."""
        self.must("systemctl", "stop", "hft.target", "hft-watchd.service")

    def check(self) -> str:
        """What the last start came to, in hft-check.service's words; "" when it is not to be had of it."""
        end = time.monotonic() + 10
        while True:
            lines = self.journal("hft-check.service").splitlines()
            said = [line for line in lines if "started" in line.split(":")[0]]
            if said or time.monotonic() > end:
                return said[-1] if said else ""
            time.sleep(0.1)

    def venue(self) -> dict[str, object]:
        """`paperd ctl report`."""
        done = self.must("paperd", "ctl", "--control", "/run/hft-paper/control.sock", "report")
        found: dict[str, object] = json.loads(done)
        return found

    def orders_at_venue(self) -> int:
        """Enter orders that the venue has received since its day began."""
        counts = self.venue()["counts"]
        assert isinstance(counts, dict)
        return int(counts["enters"])

    def says(self, daemon: str, text: str) -> None:
        """Waits until its status in systemd begins so. It is told twice a second."""
        self.until(
            lambda: self.show(f"hft-{daemon}.service", "StatusText").startswith(text),
            f"{daemon} says: {text}",
        )

    def armed(self) -> None:
        """The suite runs, trades and says so, whatever the last test left."""
        if any(self.active(unit) != "active" for unit in MEMBERS):
            self.run("systemctl", "reset-failed", "hft*")
            code = self.start()
            assert code == 0, f"{self.check()}\n{self.last_words()}"
        if self.state() in ("killing", "killed"):
            clear = ("clear", "--by", "test", "--reason", "the next test")
            self.until(lambda: self.ctl(*clear).code == 0, "cleared")  # not while the gateway reconciles
        if self.state() != "armed":
            self.until(lambda: self.ctl("arm", "--by", "test").code == 0, "armed")
        self.until(lambda: self.state() == "armed", "armed")
        self.trades()
        self.says("feedd", "orders flow")  # or what it said before would pass for what comes of the test

    def trades(self) -> None:
        """Orders reach the venue."""
        before = self.orders_at_venue()
        self.until(lambda: self.orders_at_venue() > before, "orders reach the venue", 60.0)
