"""What `watchd ctl limits show` prints."""

from __future__ import annotations

import pytest

from watchd.ctl.limits_text import render


def shown(**more: object) -> str:
    limits = {
        "sequence": 3, "gateway_sequence": 3, "taken": True, "durable": True, "venue": True,
        "account": {"loss_max": {"config": 2000, "in_force": 40}, "position_max": {"config": 500, "in_force": 500}},
        "symbols": {"AAPL": {"position_max": {"config": 500, "in_force": 30}}},
    }  # fmt: skip
    return render({"limits": limits | more})


def test_tightened_limits_stand_out() -> None:
    assert shown().splitlines() == [
        "limit                configured  in force",
        "loss_max (currency)       2,000        40  tightened",
        "position_max                500       500",
        "AAPL position_max           500        30  tightened",
        "sequence 3, taken by the gateway",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sequence": 0}, "nobody tightened anything"),
        ({"venue": False}, "no venue is configured"),
        ({"gateway_sequence": None}, "feedd is not running"),
        ({"taken": False, "gateway_sequence": 2}, "NOT taken by the gateway (it has 2)"),
        ({"durable": False}, "NOT known to be on disk"),
    ],
)
def test_who_keeps_to_them_is_said(more: dict[str, object], said: str) -> None:
    assert said in shown(**more)
