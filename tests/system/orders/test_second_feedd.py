"""Two suites with one account at the venue, which lets a second login throw out the first.

Both trade, use the same numbers, see each other's orders. No order may count twice, and both must end up refusing: who
is not alone on an account knows neither its positions nor its orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from material import Material
from order_world import OrderWorld
from suite import Suite, wait_until

DEADLINE_MS = 1000


@pytest.fixture
def second(material: Material) -> Iterator[Suite]:
    """Of the same venue, to be configured by the test."""
    made = Suite(material)
    yield made
    made.end()


def test_two_suites_at_one_account_both_stop_and_no_order_counts_twice(
    make_world: Callable[..., OrderWorld], second: Suite, figure: Callable[[str], None]
) -> None:
    world = make_world(deadline_ms=DEADLINE_MS)
    world.trade()
    join(world, second)
    wait_until(
        lambda: not world.suite.gateway()["reconciled"], "the first one sees the second one's orders", 20
    )
    wait_until(lambda: world.refusals().get("not_reconciled"), "it refuses", 20)
    for suite in (world.suite, second):
        assert suite.ask("disarm", by="alice") is not None
        suite.wait_for_state("disarmed", "killed")
    wait_until(lambda: world.ledger.read().live == {}, "nothing rests", 20)
    report = world.ctl("report")
    assert report["counts"]["duplicates"] == len(world.ledger.broken), world.ledger.broken
    assert all("reached the venue twice" in text for text in world.ledger.broken), world.ledger.broken
    figure(
        f"two suites at one account: {report['logins']} logins, {report['counts']['enters']} orders, "
        f"{report['counts']['duplicates']} under a number that was used: taken once; both refuse, nothing rests"
    )
    world.suite.wait_for_state("disarmed", "killed")
    assert any("reconciled" in text for text in world.suite.status()["arm_blockers"])
    second.kill("watchd", "feedd", "braind")
    starts_anew(world)


def join(world: OrderWorld, second: Suite) -> None:
    """The second suite, on the replay's other line, armed."""
    mine = world.suite
    for name in ("feedd.gateway", "feedd.capacity", "risk"):
        second.sections[name] = dict(mine.sections[name])
    second.sections["feedd.feed"] |= {
        "line_a": world.line_b, "join": "start", "request_server": world.request,
    }  # fmt: skip
    second.environment |= {"CREDENTIALS_DIRECTORY": str(mine.directory)}
    second.configure(deadline_ms=DEADLINE_MS, lease_ms=DEADLINE_MS, drain_deadline_ms=2 * DEADLINE_MS)
    second.start_watchd()
    second.start("feedd")
    second.start("quoter", "braind")

    def armed() -> bool:
        return bool(second.ask("arm", by="bob")["ok"])

    wait_until(armed, lambda: f"the second one is armed: {second.status()['arm_blockers']}", 20)


def starts_anew(world: OrderWorld) -> None:
    """A restart reads the venue's stream from its beginning: everything is known again, theirs included."""
    world.suite.kill("feedd")
    world.suite.wait_for_state("killed", "disarmed")
    world.ledger.broken.clear()
    world.trade()
    assert world.disarm() == "disarmed"
    world.judge(world.suite.fence()["shut_ts_ns"])
