"""Models that hypothesis draws: shapes as ONNX infers them, and changed bytes are counted or refused in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.errors import ConvcalcError, ShapeError
from convcalc.questions.report import network_report
from convcalc.readers import load_network
from tests.onnx_models import array, model, node, onnx
from tests.strategies import answer_or_line, spoiled

SIDE = st.integers(1, 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


def chain(draw: st.DataObject) -> Any:
    """A model of a few windows, activations and branches that meet, whose shapes ONNX infers."""
    channels, nodes, arrays, last = draw.draw(SIDE), [], [], "x"
    shape = (draw.draw(st.integers(1, 2)), channels, draw.draw(st.integers(4, 14)), draw.draw(st.integers(4, 14)))
    for number in range(draw.draw(st.integers(1, 4))):
        out, kind = f"n{number}", draw.draw(st.sampled_from(["Conv", "ConvTranspose", "MaxPool", "Relu", "Concat"]))
        window = {
            "kernel_shape": [draw.draw(st.integers(1, 3)), draw.draw(st.integers(1, 3))],
            "strides": [draw.draw(st.integers(1, 3)), draw.draw(st.integers(1, 3))],
            "dilations": [draw.draw(st.integers(1, 2)), draw.draw(st.integers(1, 2))],
        }
        window["pads"] = [draw.draw(st.integers(0, k - 1)) for k in window["kernel_shape"] * 2]
        if kind in ("Conv", "ConvTranspose"):
            filters = draw.draw(SIDE)
            first = (filters, channels) if kind == "Conv" else (channels, filters)
            arrays.append(array(f"w{number}", *first, *window["kernel_shape"]))
            nodes.append(node(kind, f"{last} w{number}", out, **window))
            channels = filters
        elif kind == "MaxPool":
            nodes.append(node(kind, last, out, **window))
        elif kind == "Relu":
            nodes.append(node(kind, last, out))
        else:
            nodes += [node("Sigmoid", last, f"{out}s"), node("Concat", f"{last} {out}s", out, axis=1)]
            channels *= 2
        last = out
    return model(nodes, arrays, {"x": shape}, outputs=(last,))


@given(st.data())
def test_shapes_are_those_that_onnx_infers(folder: Path, draw: st.DataObject) -> None:
    proto = chain(draw)
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    try:
        graph = load_network(str(folder / "m.onnx"))
    except ShapeError as error:  # ONNX rounds such sizes up to 1, and no runtime runs them
        refused = str(error)
        assert "must fit" in refused or "at least one output" in refused
        return
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True).graph
    output = tuple(dim.dim_value for dim in inferred.output[0].type.tensor_type.shape.dim)
    assert graph.nodes[graph.layers[-1].last].shape == output


@given(st.data())
def test_changed_bytes(folder: Path, draw: st.DataObject) -> None:
    path = folder / "changed.onnx"
    path.write_bytes(draw.draw(spoiled(chain(draw).SerializeToString())))
    answer_or_line(lambda: network_report(load_network(str(path))), ConvcalcError)
