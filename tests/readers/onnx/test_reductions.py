"""Global pools, Reduce... and ArgMax of ONNX."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.onnx_models import OpCase, check_shape_and_counts, check_values, check_weights, ints, op_case

OPS = [
    *(op_case(f"Global{kind}Pool", "x", row=f"global_{row}_pool")
      for kind, row in (("Average", "avg"), ("Max", "max"), ("Lp", "lp"))),
    op_case("ReduceLogSumExp", "x a", [ints("a", 1)], keepdims=0),
    op_case("ReduceSumSquare", "x a", [ints("a", 1, -1)]),
    op_case("ReduceMean", "x a", [ints("a", 2, 3)], row="reduce_mean"),
    op_case("ReduceMean", "x", opset=13, axes=[-1], keepdims=0),
    op_case("ReduceL2", "x", row="reduce_l2"),
    op_case("ArgMax", "x", axis=1, keepdims=0, row="arg_max"),
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
