"""A layer's receptive field measured by NaN: every part of a false prediction is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from convcalc import Report, analyze
from convcalc.axis.strands import AxisField
from convcalc.proof import probe_layer
from convcalc.proof.executed import Executed
from convcalc.proof.probe_layer import check_receptive_field
from tests.proof.examples import CHAIN, EXAMPLES, LAYER, TRANSPOSED
from tests.proof.running import ran, run_nodes

PARTS = ("size", "jump", "start", "coverage")


def moved(axis: AxisField, part: str, delta: int) -> AxisField:
    """The field along an axis with one of its numbers changed."""
    changed: dict[str, Any] = {
        "size": axis.size, "jump": axis.jump, "start": axis.start, "coverage": axis.coverage
    }  # fmt: skip
    return axis._replace(**{part: changed[part] + delta})


def assert_notices(nodes: list[Executed], right: Sequence[AxisField], *wrong: Sequence[AxisField]) -> None:
    agreed = check_receptive_field(right, nodes)
    assert agreed.ok
    assert agreed.predicted == agreed.measured
    for fields in wrong:
        found = check_receptive_field(fields, nodes)
        assert not found.ok
        assert found.predicted != found.measured
        assert found.measured == agreed.measured


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_part_is_noticed(part: str, name: str) -> None:
    report = EXAMPLES[name]
    fields = report.receptive_field
    wrong = [
        (*fields[:axis], moved(fields[axis], part, delta), *fields[axis + 1 :])
        for axis, delta in product(range(len(fields)), (-1, 1))
    ]
    assert_notices(run_nodes(report), fields, *wrong, fields[::-1])


def test_none_for_a_start() -> None:
    report = analyze("transposed", input=(1, 4), kernel=1, filters=1, stride=3, padding=((1, 0),))
    [axis] = report.receptive_field
    assert axis.start is None
    assert_notices(run_nodes(report), [axis], [axis._replace(start=0)])


def test_a_pattern_too_long_to_measure_is_skipped() -> None:
    found = ran("transposed", {"stride": 8_000_000}, np.ones((1, 1, 2)), [np.ones((1, 1, 2))])
    check = next(check for check in found.checks if check.name == "receptive_field")
    assert (check.ok, check.measured) == (None, None)
    assert check.how == "it repeats only after 8,000,000 outputs, and patterns of more than 32,768 are not measured"
    assert found.ok


@pytest.mark.parametrize("margin", [probe_layer.MARGIN_PRODUCTS, 1])
@pytest.mark.parametrize(
    "report",
    [LAYER, CHAIN, TRANSPOSED, analyze(input=(1, 99), kernel=5, filters=1, dilation=9, padding=7, stride=2)],
)
def test_probing_some_inputs_of_many(report: Report, margin: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_layer, "PROBED_PRODUCTS", 1 << 10)
    monkeypatch.setattr(probe_layer, "MARGIN_PRODUCTS", margin)
    first, *others = report.receptive_field
    wrong = [(moved(first, part, delta), *others) for part, delta in product(PARTS, (-1, 1))]
    assert_notices(run_nodes(report), report.receptive_field, *wrong)


def test_signal_too_long_to_probe_is_skipped() -> None:
    found = ran("standard", {"stride": 10**9}, np.ones((1, 1, 5)), [np.ones((1, 1, 2))])
    check = next(check for check in found.checks if check.name == "receptive_field")
    assert (check.ok, check.measured) == (None, None)
    assert "these strides take 3,000,000,003" in check.how
    assert found.ok
