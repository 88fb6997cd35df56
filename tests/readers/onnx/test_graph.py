"""The walk over the nodes of an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcalc import ConvcalcError
from convcalc.graph.primitives import Unknown
from tests.onnx_models import FLOAT, X, array, load, model, node, onnx, report


def test_a_network_of_two_branches_has_the_receptive_field_of_the_wider(tmp_path: Path) -> None:
    proto = model(
        [
            node("Conv", "x w1", "a", pads=[1, 1, 1, 1], name="stem"),
            node("Conv", "a w2", "b", pads=[2, 2, 2, 2], dilations=[2, 2], name="wide"),
            node("Conv", "a w3", "c", name="narrow"),
            node("Add", "b c", "y", name="sum"),
        ],
        [array("w1", 4, 6, 3, 3), array("w2", 4, 4, 3, 3), array("w3", 4, 4, 1, 1)],
    )  # fmt: skip
    answer = report(tmp_path, proto)
    assert [(layer.name, layer.receptive_field[0].size) for layer in answer.layers] == [
        ("stem", 3), ("wide", 7), ("narrow", 3), ("sum", 7)
    ]  # fmt: skip
    assert answer.receptive_field[0].coverage == 7
    assert answer.parameters == 4 * (6 * 9 + 4 * 9 + 4)


def test_names_are_readable_and_different(tmp_path: Path) -> None:
    proto = model(
        [
            node("Relu", "x", "a", name="/layer1/layer1.0/relu/Relu"),
            node("Relu", "a", "b", name="/layer1/layer1.0/relu/Relu"),
            node("Relu", "b", "c\x1b[31m", name=""),
            node("Relu", "c\x1b[31m", "y", name=""),
        ]
    )
    names = [layer.name for layer in report(tmp_path, proto).layers]
    assert names == ["layer1.0/relu", "layer1.0/relu_2", "c\\x1b[31m", "y"]


def test_what_is_not_understood_stays_a_row_and_counting_goes_on(tmp_path: Path) -> None:
    proto = model(
        [node("Det", "x", "d"), node("GridSample", "x g", "s"), node("Conv", "s w", "y")],
        [array("w", 4, 6, 3, 3)], {"x": X, "g": (2, 11, 13, 2)}, outputs=("y", "d"),
    )  # fmt: skip
    proto.graph.node[0].input[0] = "x"
    answer = report(tmp_path, model(
        [node("GridSample", "x g", "s"), node("Conv", "s w", "y")], [array("w", 4, 6, 3, 3)],
        {"x": X, "g": (2, 11, 13, 2)},
    ))  # fmt: skip
    answered = answer.to_dict()
    assert answered["unsupported"] == [{"name": "s", "op": "GridSample", "reason": "the operator is not understood"}]
    assert answered["totals"]["at_least"]
    assert answered["totals"]["parameters"] == 216
    assert any("at least" in note for note in answered["notes"])


def test_a_graph_inside_a_node_is_not_followed(tmp_path: Path) -> None:
    inner = onnx.helper.make_graph(
        [node("Relu", "x", "r")], "inner", [], [onnx.helper.make_tensor_value_info("r", FLOAT, X)]
    )
    proto = model([node("If", "c", "y", then_branch=inner, else_branch=inner)],
                  [onnx.numpy_helper.from_array(np.array(True), "c")])  # fmt: skip
    network = load(tmp_path, proto)
    last = network.nodes[network.output]
    assert isinstance(last.primitive, Unknown)
    assert [network.nodes[i].name for i in last.inputs] == ["x"]


def test_a_width_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvcalcError, match="width: scales the filters of a TOML file"):
        load(tmp_path, model([node("Relu", "x")]), width=0.5)


def test_an_output_that_is_left_out_needs_no_name(tmp_path: Path) -> None:
    """Keras exporters name the first output of an LSTM alone, and leave its third to fifth input out."""
    arrays = [array("w", 1, 32, 13), array("r", 1, 32, 8), array("h", 1, 6, 8)]
    answer = report(tmp_path, model([node("LSTM", "x w r - - h", "y - -", hidden_size=8)], arrays, {"x": (11, 6, 13)}))
    assert answer.unsupported == ("y/1",)
    assert answer.graph.nodes[answer.graph.output].shape == (11, 1, 6, 8)
