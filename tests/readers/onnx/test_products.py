"""Gemm, MatMul and Einsum of ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcalc.proof.walk import executed
from tests.onnx_models import (
    OpCase,
    array,
    check_shape_and_counts,
    check_values,
    check_weights,
    model,
    node,
    op_case,
    report,
    saved,
    weights_of,
)

OPS = [
    op_case("Einsum", "x w", [array("w", 5, 13, 6)], equation="bchw,nwc->bhnc", parameters=390,
            macs=2 * 6 * 11 * 13 * 5, row="einsum"),
    op_case("Einsum", "x x", x=(2, 5, 7), equation="bnc, bmc -> nbm", macs=2 * 5 * 5 * 7, row="einsum"),
    op_case("Einsum", "x w", [array("w", 4, 5)], x=(2, 5, 7), equation="abc,db", parameters=20, macs=2 * 5 * 7 * 4),
    op_case("Gemm", "x w b", [array("w", 4, 6), array("b", 4)], x=(3, 6), transB=1, alpha=0.5, beta=2.0,
            parameters=28, macs=72, row="linear"),
    op_case("Gemm", "x w b", [array("w", 6, 4), array("b", 1, 4)], x=(6, 3), transA=1, parameters=28, macs=72),
    op_case("Gemm", "x w b", [array("w", 6, 4), array("b", 3, 1)], x=(3, 6), parameters=27, macs=72),
    op_case("MatMul", "x w", [array("w", 13, 4)], parameters=52, macs=2 * 6 * 11 * 52, row="linear"),
    op_case("MatMul", "w x", [array("w", 5, 11)], parameters=55, macs=2 * 6 * 13 * 55),
    op_case("MatMul", "x w", [array("w", 6, 13, 4)], parameters=312, macs=2 * 6 * 11 * 13 * 4),
    op_case("MatMul", "x w", [array("w", 13)], parameters=13, macs=2 * 6 * 11 * 13),
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


def test_factors_of_a_product_of_two_layers(tmp_path: Path) -> None:
    nodes = [node("Relu", "z", "r"), node("Gemm", "x x r", "y", transB=1, alpha=0.5, beta=3.0)]
    proto = model(nodes, [], {"x": (3, 8), "z": (3, 3)})
    answer = report(tmp_path, proto)
    assert (answer.multiplications, answer.unsupported) == (3 * 8 * 3, ())
    x, z = np.arange(24, dtype=np.float32).reshape(3, 8), np.ones((3, 3), np.float32)
    runs = executed(answer.graph, [x, z], weights_of(saved(tmp_path, proto)))
    np.testing.assert_allclose([run.out for run in runs][-1], 0.5 * x @ x.T + 3)


def test_a_bias_added_after_a_matrix_product_is_a_parameter_of_the_addition(tmp_path: Path) -> None:
    proto = model([node("MatMul", "x w", "a"), node("Add", "a b", "y")], [array("w", 13, 5), array("b", 5)])
    assert [layer.parameters for layer in report(tmp_path, proto).layers] == [65, 5]


def test_factors_of_a_linear_layer_are_multiplied_into_its_arrays(tmp_path: Path) -> None:
    [case] = [case for case in OPS if "alpha" in case.name]
    [(weight, bias)] = weights_of(saved(tmp_path, case.proto)).values()
    np.testing.assert_array_equal(weight, np.arange(1, 25).reshape(4, 6) / 16)
    np.testing.assert_array_equal(bias, np.arange(1, 5) / 4)
