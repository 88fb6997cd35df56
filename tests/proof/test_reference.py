"""Outputs against another program's: what rounding explains is accepted, value by value, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Concat, Elementwise, Softmax
from convcalc.proof.arrays import drawn_arrays
from convcalc.proof.executed import Check
from convcalc.proof.network import check_network
from convcalc.proof.reference import Reference
from convcalc.proof.rounding import typical_errors
from tests.proof.running import Layers

SIZE = 12


def compared(net: Graph, arrays: dict[str, Any], *changes: Any) -> list[Check]:
    """The checks of values if the other program's outputs are ours, changed."""
    run = check_network(net, arrays=arrays)
    assert run.out is not None

    def theirs(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        del inputs
        return [np.asarray(change(run.out)) for change in changes]

    checks = check_network(net, arrays=arrays, reference=Reference("another", theirs)).checks
    return [check for check in checks if check.name == "values"]


def detector() -> tuple[Graph, dict[str, Any]]:
    """Boxes of up to some thousand pixels in four channels, beside eight scores from 0 to 1 in one tensor."""
    net = Layers(1, 3, SIZE, SIZE)
    boxes = net.conv("boxes", kernel=1, filters=4)
    net.conv("raw", "standard", 0, kernel=1, filters=8)
    scores = net.add("scores", "sigmoid", Elementwise("sigmoid"))
    net.add("both", "concat", Concat(1), boxes, scores)
    arrays = drawn_arrays(net.graph())
    arrays["boxes"] = (arrays["boxes"][0] * np.float32(1000),)
    return net.graph(), arrays


def moved(channels: slice, by: float) -> Any:
    def change(out: np.ndarray) -> np.ndarray:
        other = out.copy()
        other[:, channels, 5, 7] += np.float32(by)
        return other

    return change


@pytest.mark.parametrize("layout", ["channels", "rows"])
def test_scores_beside_boxes_are_judged_as_scores(layout: str) -> None:
    """What is no error in a box of 1000 pixels is one in a score: 1e-4, where rounding is 1e-7 of the size."""
    net, arrays = detector()
    [box], [score] = (compared(net, arrays, moved(where, 1e-4)) for where in (slice(0, 4), slice(4, 12)))
    assert (box.ok, score.ok) == (True, False)
    off, wide = np.full((1, 12, 900), 1e-8), np.ones((1, 12, 900))
    off[:, :4], wide[:, :4] = 1e-4, 1000
    order = (0, 1, 2) if layout == "channels" else (0, 2, 1)
    usual = typical_errors(off.transpose(order), wide.transpose(order), 1e-9).transpose(order)
    assert (usual[:, :4] == 1e-4).all()
    assert usual[:, 4:].max() < 1e-6


@pytest.mark.parametrize("bias", [-16.0, 0.0, 16.0])
def test_a_bounded_function_may_be_approximated(bias: float) -> None:
    """Programs compute a sigmoid to a step of float32 at 1, about 1e-7, even where it is 1e-7 itself."""
    net = Layers(1, 3, SIZE, SIZE)
    net.conv("raw", kernel=3, filters=4, bias=True)
    net.add("scores", "sigmoid", Elementwise("sigmoid"))
    arrays = drawn_arrays(net.graph())
    arrays["raw"] = (arrays["raw"][0] / 10, np.full(4, bias, np.float32))
    [near] = compared(net.graph(), arrays, lambda out: out + np.float32(2e-7))
    [far] = compared(net.graph(), arrays, lambda out: out + np.float32(1e-5))
    assert (near.ok, far.ok) == (True, False)


def test_what_rounding_takes_completely_is_skipped() -> None:
    """The logits are 6.7e9, whose next float32 is 512 further on: which of them is the largest is chance."""
    net = Layers(1, 3, SIZE, SIZE)
    net.conv("raw", kernel=3, filters=4, bias=True)
    net.add("scores", "softmax", Softmax(1))
    arrays = drawn_arrays(net.graph())
    weight = np.repeat(arrays["raw"][0][:1], 4, axis=0)
    arrays["raw"] = (weight, np.full(4, 6.7e9, np.float32))
    for change in (lambda out: out, lambda out: np.roll(np.eye(4)[0], 1)[:, None, None] * np.ones_like(out)):
        [check] = compared(net.graph(), arrays, change)
        assert (check.ok, check.measured) == (None, None)
        assert "float32 has no right digit" in check.how


def test_every_output_is_compared() -> None:
    net, arrays = detector()
    run = check_network(net, arrays=arrays)
    assert run.out is not None
    two = replace(net, others=(net.nodes.index(next(node for node in net.nodes if node.name == "scores")),))
    checks = compared(two, arrays, lambda out: out, lambda out: out[:, 4:])
    assert [check.ok for check in checks] == [True, True]
    checks = compared(two, arrays, lambda out: out, lambda out: out[:, 4:] + np.float32(1e-3))
    assert [check.ok for check in checks] == [True, False]
    assert [check.how.split(" outputs of ")[1].split()[0] for check in checks] == ["both", "scores"]
    assert checks[1].how.startswith(f"{8 * SIZE * SIZE:,} outputs of scores against another's")


def test_a_single_output_is_judged_by_several_runs() -> None:
    net = Layers(1, 3, 1, 1)
    net.conv("only", kernel=1, filters=1)
    arrays = drawn_arrays(net.graph())
    for factor, ok in ((1 + 2e-7, True), (1 + 1e-4, False)):
        [check] = compared(net.graph(), arrays, lambda out, factor=factor: out * np.float32(factor))
        assert check.ok == ok


def test_nan_must_be_the_others_too() -> None:
    net, arrays = detector()
    weight, *rest = arrays["boxes"]
    weight[0] = np.nan
    [same] = compared(net, {**arrays, "boxes": (weight, *rest)}, lambda out: out)
    [other] = compared(net, {**arrays, "boxes": (weight, *rest)}, np.nan_to_num)
    assert (same.ok, other.ok) == (True, False)
