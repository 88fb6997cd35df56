"""Arithmetic or memory: which of the two bounds a layer, and the least time it takes."""

from __future__ import annotations

import pytest

from convcalc.errors import ConvcalcError, ShapeError
from convcalc.questions.report import network_report
from convcalc.questions.roofline import Machine, machine
from tests.words import SEPARABLE, graph


def test_what_floats_do_not_hold_is_not_timed() -> None:
    with pytest.raises(ShapeError, match="fewer than 10\\^308 operations"):
        Machine(1e9, 1e9).bound(10**400, 8)


def test_the_roofline_s_two_sides() -> None:
    rates = machine("100GOPS", "10GB/s")
    assert rates == Machine(100e9, 10e9)
    assert machine("50GMACS", "10 GB/s") == rates
    assert rates.ridge == 10
    assert rates.bound(2_000_000, 100_000).to_dict() == {"bound": "compute", "least_seconds": 2e-5}
    assert rates.bound(100_000, 100_000).to_dict() == {"bound": "memory", "least_seconds": 1e-5}
    answer = network_report(graph(SEPARABLE), machine=rates)
    total = 0.0
    for layer in answer.to_dict()["layers"]:
        slower = max(layer["flops"] / 100e9, layer["bytes_moved"] / 10e9)
        assert layer["least_seconds"] == pytest.approx(slower)
        total += slower
    assert answer.totals()["least_seconds"] == pytest.approx(total)


@pytest.mark.parametrize(
    ("peak", "bandwidth", "message"),
    [
        ("fast", "10GB/s", "peak: must be a rate such as 100GOPS"),
        ("100GB/s", "10GB/s", "peak: must be a rate"),
        ("0GOPS", "10GB/s", "peak: must be more than 0"),
        ("1GOPS", "10GOPS", "bandwidth: must be a rate such as 10GB/s"),
        ("1GOPS", None, "bandwidth: must be given too"),
        (None, "1GB/s", "peak: must be given too"),
    ],
)
def test_rates_that_are_none(peak: str | None, bandwidth: str | None, message: str) -> None:
    with pytest.raises(ConvcalcError, match=message):
        machine(peak, bandwidth)
