"""Normalizations and Softmax of ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcalc.proof.walk import executed
from tests.onnx_models import (
    OpCase,
    X,
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

C6 = [array(name, 6) for name in ("s", "b", "m", "v")]
OPS = [
    op_case("BatchNormalization", "x s b m v", C6, parameters=12, row="batch_norm"),
    op_case("InstanceNormalization", "x s b", C6[:2], parameters=12, row="instance_norm"),
    op_case("LayerNormalization", "x s b", [array("s", 11, 13), array("b", 11, 13)], axis=-2, parameters=286,
            row="layer_norm"),
    op_case("LayerNormalization", "x s", [array("s", 13)], parameters=13),
    op_case("GroupNormalization", "x s b", C6[:2], num_groups=3, opset=21, parameters=12, row="group_norm"),
    op_case("GroupNormalization", "x s b", [array("s", 3), array("b", 3)], num_groups=3, parameters=6,
            row="group_norm"),
    op_case("LRN", "x", size=3, row="lrn"),
    op_case("LpNormalization", "x", axis=1, row="lp_norm"),
    op_case("LpNormalization", "x", axis=-1, p=1),
    op_case("MeanVarianceNormalization", "x", row="mean_variance_norm"),
    op_case("LRN", "x", size=5, alpha=0.3, beta=0.6, bias=1.5),
    op_case("Softmax", "x", axis=1, row="softmax"),
    op_case("LogSoftmax", "x", row="log_softmax"),
    op_case("Softmax", "x", opset=11, axis=1),
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


def test_statistics_of_the_batch(tmp_path: Path) -> None:
    """Against ONNX's reference; what ONNX Runtime gives depends on whether the other outputs are read."""
    from onnx.reference import ReferenceEvaluator

    proto = model([node("BatchNormalization", "x s b m v", "y m2 v2", training_mode=1)], C6)
    answer = report(tmp_path, proto)
    assert (answer.parameters, answer.unsupported) == (12, ())
    x = np.random.default_rng(5).standard_normal(X).astype(np.float32)
    [run] = executed(answer.graph, [x], weights_of(saved(tmp_path, proto)))
    np.testing.assert_allclose(run.out, ReferenceEvaluator(proto).run(None, {"x": x})[0], rtol=1e-4, atol=1e-5)
