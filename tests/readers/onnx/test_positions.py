"""Concat, Split, Slice, Gather and Pad of ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.onnx_models import (
    OpCase,
    array,
    check_shape_and_counts,
    check_values,
    check_weights,
    ints,
    number,
    op_case,
    tensor,
)

OPS = [
    op_case("Concat", "x x", axis=-1, row="concat"),
    op_case("Concat", "x c", [array("c", 2, 3, 11, 13)], axis=1, parameters=858),
    op_case("Split", "x s", [ints("s", 2, 4)], axis=1, outputs="y z", row="split"),
    op_case("Split", "x", axis=3, opset=13, outputs="y", row="split"),
    op_case("Split", "x", axis=2, num_outputs=3, outputs="y z w"),
    op_case("Slice", "x a b c d", [ints("a", 9, 1), ints("b", -100, 12), ints("c", 2, -1), ints("d", -2, 3)],
            row="slice"),
    op_case("Slice", "x", opset=9, starts=[1], ends=[-1], axes=[2]),
    op_case("Gather", "x i", [number("i", -1, np.int64)], axis=2, row="gather"),
    op_case("Gather", "x i", [ints("i", 5, 0, 3)], axis=1),
    op_case("Gather", "x i", [tensor("i", [[0, 2], [1, 5]])], axis=1),
    op_case("Pad", "x p", [ints("p", 0, 0, 1, 2, 0, 0, 3, -4)], row="pad"),
    op_case("Pad", "x p - a", [ints("p", 1, 2, 3, 0), ints("a", -1, 2)], mode="reflect", row="pad"),
    op_case("Pad", "x", opset=2, pads=[0, 0, 1, 2, 0, 0, 3, 4], mode="edge"),
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
