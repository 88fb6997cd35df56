"""Convolutions and pools of ONNX."""

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
    number,
    op_case,
    report,
)

W, B = array("w", 4, 3, 3, 2), array("b", 4)
P = 4 * 3 * 3 * 2
T = array("w", 6, 4, 3, 2)
OPS = [
    op_case("Conv", "x w b", [W, B], group=2, parameters=P + 4, macs=2 * 9 * 12 * P, row="conv"),
    op_case("Conv", "x w", [W], group=2, strides=[2, 3], pads=[1, 0, 2, 1], dilations=[2, 1], parameters=P,
            macs=2 * 5 * 5 * P),
    op_case("Conv", "x w", [W], group=2, strides=[2, 3], auto_pad="SAME_UPPER", parameters=P, macs=2 * 6 * 5 * P),
    op_case("Conv", "x w", [W], group=2, strides=[2, 3], auto_pad="SAME_LOWER", parameters=P, macs=2 * 6 * 5 * P),
    op_case("Conv", "x w", [W], group=2, auto_pad="VALID", parameters=P, macs=2 * 9 * 12 * P),
    op_case("Conv", "x w", [array("w", 12, 1, 3, 3)], group=6, parameters=108, macs=2 * 9 * 11 * 108),
    op_case("Conv", "x w", [array("w", 5, 6, 3)], x=(1, 6, 17), parameters=90, macs=15 * 90),
    op_case("Conv", "x w", [array("w", 5, 2, 2, 3, 1)], x=(1, 2, 5, 7, 3), parameters=60, macs=4 * 5 * 3 * 60),
    op_case("ConvTranspose", "x w b", [T, array("b", 4)], strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 2],
            parameters=148, macs=2 * 11 * 13 * 144, row="transposed"),
    op_case("ConvTranspose", "x w", [T], strides=[2, 3], output_shape=[22, 38], parameters=144, macs=286 * 144),
    op_case("ConvTranspose", "x w", [T], strides=[2, 2], auto_pad="SAME_UPPER", parameters=144, macs=286 * 144),
    op_case("ConvTranspose", "x w", [T], strides=[2, 2], auto_pad="SAME_LOWER", parameters=144, macs=286 * 144),
    op_case("ConvTranspose", "x w", [T], group=2, dilations=[3, 2], parameters=144, macs=286 * 144),
    op_case("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 1, 1], row="max_pool"),
    op_case("MaxPool", "x", kernel_shape=[3, 2], strides=[3, 3], ceil_mode=1, dilations=[2, 1], opset=22),
    op_case("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER"),
    op_case("AveragePool", "x", kernel_shape=[3, 2], count_include_pad=1, ceil_mode=1, strides=[2, 2], opset=22,
            row="avg_pool"),
    op_case("LpPool", "x", kernel_shape=[3, 2], p=3, row="lp_pool"),
    op_case("LpPool", "x", kernel_shape=[2, 3], strides=[2, 1], pads=[1, 0, 0, 1]),
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


def test_a_bias_made_from_the_shape_of_a_weight_is_understood(tmp_path: Path) -> None:
    """What unoptimized exports have for a convolution without bias."""
    proto = model(
        [node("CastLike", "zero x", "z"), node("Expand", "z n", "b"), node("Conv", "x w b", group=2)],
        [W, number("zero", 0), ints("n", 4)],
    )
    [layer] = report(tmp_path, proto).layers
    assert (layer.op, layer.parameters) == ("conv", P)
