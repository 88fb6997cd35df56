"""Which layer has which arrays of an ONNX file, and where shared ones count."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc.explain.whole import explain_network
from tests.onnx_models import TensorProto, array, ints, model, node, onnx, report, saved

W = array("w", 4, 3, 3, 2)
P = 4 * 3 * 3 * 2


def test_a_tensor_that_two_layers_share_is_told_in_a_note(tmp_path: Path) -> None:
    proto = model([node("MatMul", "x w", "a", name="one"), node("MatMul", "a w", "y", name="two")],
                  [array("w", 13, 13)])  # fmt: skip
    answer = report(tmp_path, proto)
    assert [layer.parameters for layer in answer.layers] == [169, 0]
    assert answer.parameters == 169
    assert "shared arrays, counted once in the first layer that uses them: w" in answer.notes
    assert answer.multiplications == 2 * 2 * 6 * 11 * 169
    assert answer.layers[0].moved == answer.layers[1].moved == 2 * 2 * 6 * 11 * 13 + 169
    rows = [row for row in explain_network(answer, answer.layers) if row.quantity == "parameters"]
    assert [(row.where, row.numbers, row.result) for row in rows] == [
        ("one", "169 + 0", 169), ("two", "169 + 0", 169), ("two", "169 + 0 - 169", 0), ("total", "169", 169),
    ]  # fmt: skip


def test_a_convolution_called_twice_counts_once_and_is_checked(output: Callable[..., str], tmp_path: Path) -> None:
    proto = model([node("Conv", "x w b", "a", pads=[1] * 4), node("Conv", "a w b", "y", pads=[1] * 4)],
                  [array("w", 6, 6, 3, 3), array("b", 6)])  # fmt: skip
    answer = json.loads(output("net", saved(tmp_path, proto), "--check", "--json"))
    assert answer["totals"]["parameters"] == 6 * 6 * 9 + 6
    assert answer["ok"]
    assert answer["totals"]["multiplications"] == 2 * 2 * 11 * 13 * 6 * 6 * 9


def test_fills_that_an_exporter_has_merged_count_in_every_layer(tmp_path: Path) -> None:
    """Scales and shifts of normalizations before training, with their values and without."""
    ones = onnx.numpy_helper.from_array(np.ones(6, np.float32), "s")
    nodes = [node("BatchNormalization", "x s s s s", "a"), node("BatchNormalization", "a s s s s", "y")]
    answer = report(tmp_path, model(nodes, [ones]))
    assert answer.parameters == 24
    assert any("12 parameters are in constant-filled arrays" in note for note in answer.notes)
    ones.ClearField("raw_data")
    ones.data_location = TensorProto.EXTERNAL
    ones.external_data.add(key="location", value="missing")
    assert report(tmp_path, model(nodes, [ones])).parameters == 24


@pytest.mark.parametrize("value", [0, 1e-6, None])
def test_what_is_learned_does_not_hang_on_its_values(value: float | None, tmp_path: Path) -> None:
    """Untrained biases, scales and class tokens are arrays of one number, which exporters hand on and arrange."""

    def filled(name: str, *shape: int) -> Any:
        values = np.full(shape, value, np.float32)
        return array(name, *shape) if value is None else onnx.numpy_helper.from_array(values, name)

    proto = model(
        [
            node("Identity", "b", "b2"), node("Conv", "x w b2", "c", group=2), node("Reshape", "g s", "g2"),
            node("Mul", "c g2", "m"), node("Expand", "t e", "t2"), node("Concat", "m t2", "y", axis=1),
        ],
        [W, filled("b", 4), filled("g", 4), ints("s", 4, 1, 1), filled("t", 1, 7, 9, 12), ints("e", 2, 7, 9, 12)],
    )  # fmt: skip
    assert report(tmp_path, proto).parameters == P + 4 + 4 + 7 * 9 * 12


@pytest.mark.parametrize("constants", [False, True])
def test_mean_and_variance_are_buffers(constants: bool, tmp_path: Path) -> None:
    """Of a batch norm, in training too; scale and shift are parameters. Other norms have none; shared count once."""
    arrays = [array(name, 6) for name in "sbmv"]
    nodes = [
        *([node("Constant", "", each.name, value=each) for each in arrays] if constants else []),
        node("BatchNormalization", "x s b m v", "a"),
        node("InstanceNormalization", "a s2 b2", "c"),
        node("BatchNormalization", "c s b m v", "d"),
        node("BatchNormalization", "d s3 b3 m3 v3", "y m4 v4", training_mode=1),
    ]
    own = [array(name, 6) for name in ("s2", "b2", "s3", "b3", "m3", "v3")]
    answer = report(tmp_path, model(nodes, own if constants else [*arrays, *own]))
    assert [layer.buffers for layer in answer.layers] == [12, 0, 0, 12]
    assert [layer.parameters for layer in answer.layers] == [12, 12, 0, 12]
    rows = [row for row in explain_network(answer, answer.layers) if row.quantity == "buffers"]
    assert [(row.numbers, row.result) for row in rows] == [("2 * 6", 12), ("0", 0), ("2 * 6", 12), ("12 + 12", 24)]


def test_numbers_of_the_graph_that_no_layer_has_as_weights_are_told(tmp_path: Path) -> None:
    proto = model([node("Constant", "", "b", value=array("b", 13)), node("Add", "x b", "y")])
    answer = report(tmp_path, proto)
    assert answer.parameters == 0
    assert any("13 values in Constant nodes" in note for note in answer.notes)
