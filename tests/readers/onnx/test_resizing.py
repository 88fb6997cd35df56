"""Resize and Upsample of ONNX."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.onnx_models import OpCase, check_shape_and_counts, check_values, check_weights, floats, ints, op_case

OPS = [
    *(op_case("Resize", "x - s", [floats("s", 1, 1, 2, 1.7)], mode=mode, coordinate_transformation_mode=kind,
              row="resize")
      for mode in ("nearest", "linear", "cubic")
      for kind in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn")
      if kind != "tf_half_pixel_for_nn" or mode == "nearest"),
    op_case("Resize", "x - - s", [ints("s", 2, 6, 5, 31)]),
    op_case("Resize", "x - - s", [ints("s", 2, 6, 17, 31)], mode="cubic", cubic_coeff_a=-0.5),
    op_case("Resize", "x - - s", [ints("s", 2, 6, 17, 31)], mode="cubic", exclude_outside=1),
    op_case("Resize", "x s", [floats("s", 1, 1, 2, 0.5)], opset=10),
    op_case("Upsample", "x s", [floats("s", 1, 1, 2, 3)], opset=9, row="upsample"),
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
