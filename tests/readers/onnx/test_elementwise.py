"""Activations, arithmetic and quantization of ONNX."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.onnx_models import (
    OpCase,
    TensorProto,
    array,
    check_shape_and_counts,
    check_values,
    check_weights,
    number,
    op_case,
)

OPS = [
    *(op_case(op, "x", row=row) for op, row in (
        ("Relu", "relu"), ("Sigmoid", "sigmoid"), ("Tanh", "tanh"), ("HardSwish", "hard_swish"), ("Mish", "mish"),
        ("LeakyRelu", "leaky_relu"), ("Elu", "elu"), ("Selu", "selu"), ("Celu", "celu"), ("Softplus", "softplus"),
        ("HardSigmoid", "hard_sigmoid"), ("Softsign", "softsign"), ("Erf", "erf"), ("Identity", "identity"),
        ("Dropout", "dropout"), ("Neg", "negative"), ("Abs", "abs"), ("Exp", "exp"), ("Sign", "sign"), ("Sin", "sin"),
        ("Cos", "cos"), ("Tan", "tan"), ("Atan", "atan"), ("Sinh", "sinh"), ("Cosh", "cosh"), ("Asinh", "asinh"),
        ("Floor", "floor"), ("Ceil", "ceil"), ("Round", "round"), ("ThresholdedRelu", "thresholded_relu"),
        ("Reciprocal", "reciprocal"),
    )),
    op_case("Shrink", "x", bias=0.25, lambd=0.75, row="shrink"),
    op_case("HardSigmoid", "x", alpha=0.3, beta=0.4),
    op_case("Gelu", "x", opset=20, approximate="tanh", row="gelu_tanh"),
    op_case("Mean", "x x x", row="mean"),
    op_case("Gelu", "x", opset=20, row="gelu"),
    op_case("Cast", "x", to=TensorProto.INT32, row="cast"),
    op_case("Clip", "x a b", [number("a", 0), number("b", 6)], row="relu6"),
    op_case("Clip", "x", opset=6, min=-1.0, max=1.0, row="clip"),
    op_case("PRelu", "x s", [array("s", 6, 1, 1)], parameters=6, row="prelu"),
    op_case("Add", "x b", [array("b", 6, 1, 1)], parameters=6, row="add"),
    op_case("Sub", "b x", [number("b", 1)], row="subtract"),
    op_case("Mul", "x b", [array("b", 2, 1, 1, 13)], parameters=26, row="multiply"),
    op_case("Div", "x b", [array("b", 1)], row="divide"),
    op_case("Pow", "x b", [number("b", 2)], row="power"),
    op_case("Add", "x x", row="add"),
    op_case("Max", "x x x", row="maximum"),
    op_case("Max", "x", row="identity"),
    op_case("Min", "x b", [number("b", 2)], row="minimum"),
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
