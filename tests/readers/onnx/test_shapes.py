"""Reshape, Transpose and kin of ONNX."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.onnx_models import (
    OpCase,
    array,
    check_shape_and_counts,
    check_values,
    check_weights,
    ints,
    model,
    node,
    op_case,
    report,
)

OPS = [
    op_case("Reshape", "x s", [ints("s", 0, 3, -1, 13)], row="reshape"),
    op_case("Flatten", "x", axis=2, row="flatten"),
    op_case("Flatten", "x", axis=0),
    op_case("Squeeze", "x a", [ints("a", 1)], x=(2, 1, 5), row="squeeze"),
    op_case("Squeeze", "x", opset=11, axes=[-2], x=(2, 1, 5)),
    op_case("Unsqueeze", "x a", [ints("a", 0, -1)], row="unsqueeze"),
    op_case("Transpose", "x", perm=[0, 2, 3, 1], row="transpose"),
    op_case("Transpose", "x"),
    op_case("Expand", "x s", [ints("s", 4, 1, 5)], x=(2, 1, 3, 5), row="expand"),
    op_case("Expand", "x s", [ints("s", 7, 2, 1, 3, 5)], x=(2, 1, 3, 5)),
    op_case("Tile", "x s", [ints("s", 1, 3, 2, 1)], row="tile"),
    op_case("DepthToSpace", "x", blocksize=2, x=(1, 8, 3, 5), row="depth_to_space"),
    op_case("DepthToSpace", "x", blocksize=2, mode="CRD", x=(1, 8, 3, 5)),
    op_case("SpaceToDepth", "x", blocksize=2, x=(1, 3, 6, 10), row="space_to_depth"),
]  # fmt: skip


@pytest.mark.parametrize("case", OPS, ids=str)
def test_an_operator_has_the_shape_that_onnx_infers_and_the_counts_worked_out_by_hand(
    case: OpCase, tmp_path: Path
) -> None:
    check_shape_and_counts(case, tmp_path)


@pytest.mark.parametrize("case", OPS, ids=str)
def test_an_operator_gives_the_shape_and_the_values_of_onnx_runtime(case: OpCase, tmp_path: Path) -> None:
    check_values(case, tmp_path)


@pytest.mark.parametrize("case", OPS, ids=str)
def test_weights_come_in_the_order_of_the_parameters(case: OpCase, tmp_path: Path) -> None:
    check_weights(case, tmp_path)


def test_a_channel_shuffle_written_as_reshapes_keeps_the_receptive_field(tmp_path: Path) -> None:
    proto = model(
        [
            node("Conv", "x w", "a"),
            node("Reshape", "a s", "b"),
            node("Transpose", "b", "c", perm=[0, 2, 1, 3, 4]),
            node("Reshape", "c t", "y"),
        ],
        [array("w", 8, 6, 3, 5), ints("s", 2, 2, 4, 9, 9), ints("t", 2, 8, 9, 9)],
    )
    field = report(tmp_path, proto).receptive_field
    assert [(axis.size, axis.jump) for axis in field] == [(3, 1), (5, 1)]


@pytest.mark.parametrize(
    ("op", "x", "before", "after"), [("DepthToSpace", (1, 8, 6, 10), 1, 2), ("SpaceToDepth", (1, 3, 6, 10), 2, 1)]
)
def test_blocks_of_pixels_are_followed_through_their_reshapes(
    op: str, x: tuple[int, ...], before: int, after: int, tmp_path: Path
) -> None:
    field = report(tmp_path, model([node(op, "x", blocksize=2)], inputs={"x": x})).receptive_field
    assert [(axis.size, float(axis.jump)) for axis in field] == [(before, before / after)] * 2
