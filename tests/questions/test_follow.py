"""An axis of 6 pixels followed through one node of every kind, by hand: where it goes, and what outputs read of it."""

from __future__ import annotations

import pytest

from convcalc.axis.strands import Field
from convcalc.graph import primitives as p
from convcalc.graph.graph import Builder
from convcalc.questions.follow import Along, Cache, axis_after

ALL = [[0, 1, 2, 3, 4, 5]] * 3
SAME = [[0], [1], [2]]
PAIRS = [[0, 1], [2, 3], [4, 5]]
Input = tuple[tuple[int, ...], int | None]
"""The whole shape, and which of its axes are the 6 pixels; None for an array that depends on no input."""


@pytest.mark.parametrize(
    ("primitive", "inputs", "axis", "read"),
    [
        (p.Reshape((1, 6, 2, 2)), [((1, 6, 4), 1)], 1, SAME),
        (p.Reshape((4, 6)), [((1, 4, 6), 2)], 1, SAME),
        (p.Reshape((6, 5, 1)), [((1, 6, 5), 1)], 0, SAME),
        (p.Reshape((1, 3, 2)), [((1, 6), 1)], 1, PAIRS),
        (p.Reshape((4, 3, 2, 5)), [((4, 6, 5), 1)], 1, PAIRS),
        (p.Reshape((2, 3)), [((1, 6), 1)], 0, [[0, 1, 2], [3, 4, 5]]),
        (p.Reshape((1, 12)), [((1, 6, 2), 1)], 1, [[0], [0], [1]]),
        (p.Reshape((4, 18, 5)), [((4, 6, 3, 5), 1)], 1, [[0], [0], [0], [1]]),
        (p.Reshape((1, 4, 3)), [((1, 6, 2), 1)], None, ALL),
        (p.Reshape((5, 6)), [((6, 5), 0)], None, ALL),
        (p.Take(1, (0, 2), (2,)), [((1, 6, 5), 1)], None, ALL),
        (p.Take(1, (0, 2, 1, 1), (2, 2)), [((1, 5, 6), 2)], 3, SAME),
        (p.Take(1, (3,), ()), [((1, 5, 6), 2)], 1, SAME),
        (p.Take(1, (3,), ()), [((6, 5, 4), 0)], 0, SAME),
        (p.MatMul(), [((2, 6, 3), 1), ((2, 3, 5), None)], 1, SAME),
        (p.MatMul(), [((2, 3, 6), 2), ((2, 6, 5), None)], None, ALL),
        (p.MatMul(), [((2, 5, 3), None), ((2, 3, 6), 2)], 2, SAME),
        (p.MatMul(), [((2, 5, 6), None), ((2, 6, 4), 1)], None, ALL),
        (p.MatMul(), [((6, 3), 0), ((2, 3, 5), None)], 1, SAME),
        (p.MatMul(), [((2, 5, 3), None), ((3, 6), 1)], 2, SAME),
        (p.MatMul(), [((1, 6, 3), 1), ((1, 3, 6), 2)], None, ALL),
        (p.MatMul(), [((1, 6, 3), 1), ((1, 3, 5), None)], 1, SAME),
        (p.Merge("add"), [((1, 1, 6), 2), ((4, 1), None)], 2, SAME),
        (p.Merge("add"), [((6,), 0), ((1, 4, 6), None)], 2, SAME),
        (p.Merge("add"), [((1, 4, 6), None), ((6,), 0)], 2, SAME),
        (p.Merge("add"), [((6, 6), 0), ((6, 6), 1)], 0, ALL),
        (p.Merge("add"), [((6, 6), 1), ((6, 6), 1)], 1, SAME),
        (p.Merge("add"), [((6, 4), 0), ((6, 4), 1)], 0, [[0, 1, 2, 3]] * 4 + [[0, 1, 2, 3, 4]]),
        (p.Merge("add"), [((6, 4), 1), ((6, 4), 0)], 1, ALL),
        (p.Merge("multiply", flat=True), [((1, 6), 1), ((1, 6, 3, 5), None)], 1, SAME),
        (p.Concat(1), [((1, 3, 6), 2), ((1, 4, 6), 2)], 2, SAME),
        (p.Concat(2), [((1, 3, 6), 2), ((1, 3, 4), None)], 2, ALL),
        (p.Reduce("mean", (1,), keep=False), [((1, 4, 6), 2)], 1, SAME),
        (p.Reduce("mean", (1, 3), keep=False), [((1, 4, 6, 2), 2)], 1, SAME),
        (p.Reduce("mean", (2,), keep=False), [((1, 4, 6), 2)], None, ALL),
        (p.Reduce("mean", (2,)), [((1, 4, 6), 2)], 2, ALL[:1]),
        (p.Reduce("mean", (1,)), [((1, 4, 6), 2)], 2, SAME),
        (p.WithConstant("add", (2, 1, 1), True), [((6,), 0)], 2, SAME),
        (p.Expand((4, 6)), [((6,), 0)], 1, SAME),
        (p.Transpose((2, 0, 1)), [((1, 4, 6), 2)], 0, SAME),
        (p.Transpose((2, 0, 1)), [((1, 6, 4), 1)], 2, SAME),
        (p.Slice(1, 2, 3), [((1, 6), 1)], 1, [[2], [3], [4]]),
        (p.Slice(1, 4, 2, -1), [((1, 6), 1)], 1, [[4], [3]]),
        (p.Slice(1, 2, 3), [((1, 5, 6), 2)], 2, SAME),
        (p.Pad(((0, 0), (2, 1))), [((1, 6), 1)], 1, [[-2], [-1], [0]]),
        (p.Pad(((0, 0), (2, 1), (0, 0))), [((1, 5, 6), 2)], 2, SAME),
        (p.Softmax(1), [((1, 6), 1)], 1, ALL),
        (p.Softmax(1), [((1, 5, 6), 2)], 2, SAME),
        (p.Normalize("layer_norm", (5,), (2,)), [((1, 6, 5), 1)], 1, SAME),
        (p.Normalize("layer_norm", (6,), (2,)), [((1, 5, 6), 2)], 2, ALL),
        (p.Linear(12, 5, True, flatten=True), [((1, 2, 6), 2)], None, ALL),
        (p.Linear(6, 5, True), [((1, 2, 6), 2)], 2, ALL),
        (p.Linear(2, 5, True), [((1, 6, 2), 1)], 1, SAME),
        (p.Correlate(6, 5, (1,), (1,), ((0, 0),), (1,)), [((1, 6, 3), 1)], 1, ALL),
        (p.Correlate(2, 5, (2,), (2,), ((0, 0),), (1,)), [((1, 2, 6), 2)], 2, PAIRS),
        (p.ShuffleChannels(2), [((1, 6, 3), 1)], 1, ALL),
        (p.AdaptivePool("mean", (3,)), [((1, 2, 6), 2)], 2, PAIRS),
        (p.AdaptivePool("mean", (1,)), [((1, 2, 6), 2)], 2, ALL[:1]),
        (p.AdaptivePool("mean", (6,)), [((1, 2, 6), 2)], 2, SAME),
        (p.AdaptivePool("mean", (3,)), [((1, 6, 4), 1)], 1, SAME),
        (p.Resize((12,)), [((1, 2, 6), 2)], 2, [[0], [0], [1]]),
        (p.AdaptivePool("mean", (2,)), [((1, 2, 6), 2)], 2, [[0, 1, 2], [3, 4, 5]]),
        (p.Correlate(2, 5, (1, 2), (1, 2), ((0, 0),) * 2, (1, 1)), [((1, 2, 5, 6), 3)], 3, PAIRS),
        (p.Pad(((0, 0), (1, 0))), [((1, 6), 1)], 1, [[-1], [0], [1]]),
        (p.Pad(((0, 0), (1, 0))), [((1, 6), None)], None, [[]]),
        (p.Merge("add"), [((1, 1, 3), 1), ((1, 4, 3), None)], 1, [[0], [0], [0]]),
        (p.Merge("add"), [((1, 1, 3), 1), ((1, 1, 3), None)], 1, SAME),
        (p.Expand((2, 3, 4)), [((3, 1), 1)], 2, [[0], [0], [0]]),
        (p.Reshape((1, 4)), [((1, 1, 4), 1)], None, [[0], [0]]),
        (p.Reshape((1, 1, 2, 2)), [((1, 1, 4), 1)], 1, SAME),
        (p.Reshape((2, 3)), [((1, 2, 3), 1)], 0, SAME),
        (p.Reshape((1, 6 * 256)), [((1, 6, 256), 1)], 1, [[0], [0]]),
        (p.Reshape((1, 6 * 257)), [((1, 6, 257), 1)], None, ALL),
        (p.Unknown("op", (1, 6)), [((1, 6), 1)], None, ALL),
    ],
)  # fmt: skip
def test_where_an_axis_ends_up(
    primitive: p.Primitive, inputs: list[Input], axis: int | None, read: list[list[int]]
) -> None:
    builder = Builder()
    numbers = [builder.add(f"in{n}", "input", p.Input(shape)) for n, (shape, _) in enumerate(inputs)]
    node = builder.nodes[builder.add("node", "op", primitive, numbers)]
    branches = [Along(at, Field.nothing() if at is None else Field.identity()) for _, at in inputs]
    found = axis_after(node, branches, 6, Cache())
    assert found.axis == axis

    assert [list(found.field.at(output)) for output in range(len(read))] == read
