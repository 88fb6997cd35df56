"""Files that cannot be trusted: each is one error line."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import ConvcalcError
from convcalc.readers import load_network
from tests.onnx_models import FLOAT, INT64, TensorProto, array, floats, ints, model, node, number, onnx, report, tensor

W, B = array("w", 4, 3, 3, 2), array("b", 4)
P = 4 * 3 * 3 * 2
T = array("w", 6, 4, 3, 2)
HOSTILE = {
    "no output": (model([node("Relu", "x")], outputs=()), "must have an output"),
    "no nodes": (model([], outputs=("x",)), "at least one layer"),
    "no input": (model([node("Relu", "x")], inputs={}), "an input that is a tensor"),
    "missing": (model([node("Relu", "z")]), "reads z, which nothing writes"),
    "circle": (model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")]), "in a circle"),
    "twice": (model([node("Relu", "x"), node("Relu", "x")]), "written once"),
    "unwritten output": (model([node("Relu", "x")], outputs=("z",)), "an output must be written"),
    "empty output": (model([node("Relu", "x")], [ints("e")], outputs=("y", "e")), "e: an output must have elements"),
    "negative weight": (model([node("Conv", "x w")], [TensorProto(name="w", dims=[4, -6, 3, 3], data_type=FLOAT)]),
                        "must have sizes"),
    "giant weight": (model([node("Conv", "x w")], [TensorProto(name="w", dims=[2**40] * 4, data_type=FLOAT)]),
                     "2\\^62 elements"),
    "giant input": (model([node("Relu", "x")], inputs={"x": (1, 2**40, 2**40, 3)}), "2\\^62 elements"),
    "empty input": (model([node("Relu", "x")], inputs={"x": (1, 0, 3, 3)}), "from 1 to"),
    "no stride": (model([node("Conv", "x w", strides=[0, 1], group=2)], [W]), "strides must be 2 positive"),
    "other type": (model([node("Conv", "x w", strides="no", group=2)], [W]), "of another type"),
    "other axes": (model([node("Conv", "x w", pads=[1], group=2)], [W]), "pads must be 4"),
    "other channels": (model([node("Conv", "x w")], [W]), "takes 3 channels, got 6"),
    "no weight": (model([node("Conv", "x")]), "has no weight"),
    "window": (model([node("MaxPool", "x", kernel_shape=[40, 40])]), "must fit"),
    "reshape": (model([node("Reshape", "x s")], [ints("s", 7, -1)]), "does not go into"),
    "big reshape": (model([node("Reshape", "x s")], [ints("s", 2**62, 2**62)]), "must keep the elements"),
    "expand": (model([node("Expand", "x s")], [ints("s", 3, 1, 1, 1)]), "must have one shape"),
    "range": (model([node("Range", "a b c", "r"), node("Reshape", "x r")],
                    [number("a", 0, np.int64), number("b", 2**62, np.int64), number("c", 1, np.int64)]), "too long"),
    "slice of nothing": (model([node("Slice", "x a b c")], [ints("a", 9), ints("b", 9), ints("c", 2)]),
                         "must have elements"),
    "gather": (model([node("Gather", "x i")], [ints("i", 99)]), "indices must be below"),
    "perm": (model([node("Transpose", "x", perm=[0, 0, 1, 2])]), "must order 4 axes"),
    "raw data": (model([node("Reshape", "x s")],
                       [TensorProto(name="s", dims=[5], data_type=INT64, raw_data=b"123")]), ""),
    "zero scale": (model([node("Resize", "x - s")], [floats("s", 1, 1, 0, 1)]), "must be positive"),
    "not a number": (model([node("Resize", "x - s")], [floats("s", 1, 1, float("nan"), 1)]), "must be positive"),
    "transposed stride": (model([node("ConvTranspose", "x w", strides=[2**40, 1])], [T]), ""),
    "resized": (model([node("Resize", "x - - s")], [ints("s", 2, 6, 2**40 + 1, 3)]), ""),
    "a list of sizes without end": (
        model([node("Shape", "x", "n"), node("Slice", "n s e", "m"), node("Reshape", "x m")],
              [TensorProto(name="s", dims=[2**62], data_type=INT64), ints("e", 2)]), ""),
    "an operator without inputs": (model([node("QLinearConv", "x")]), ""),
    "scales of another number": (
        model([node("DequantizeLinear", "w s", "f", axis=0), node("Conv", "x f", group=2)],
              [tensor("w", np.ones((4, 3, 3, 2), np.int8)), array("s", 5)]),
        "scale and zero point must have 4 numbers, got 5"),
}  # fmt: skip


def refused(proto: Any, tmp_path: Path, **options: Any) -> str:
    """The error line for a file."""
    with pytest.raises(ConvcalcError) as caught:
        report(tmp_path, proto, **options)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 1000
    return text


def test_a_file_cut_off_anywhere_is_one_error_line(tmp_path: Path) -> None:
    proto = model(
        [node("Conv", "x w b", "a", group=2), node("Relu", "a", "r"), node("Flatten", "r", "f"),
         node("Gemm", "f g", "y")],
        [W, B, array("g", 4 * 9 * 12, 2)],
    )  # fmt: skip
    data = proto.SerializeToString()
    assert report(tmp_path, data).parameters == P + 4 + 864
    for length in range(0, len(data) - 1, 97):
        refused(data[:length], tmp_path)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_one_error_line(case: str, tmp_path: Path) -> None:
    proto, said = HOSTILE[case]
    if not said:  # refused or counted, but neither a traceback nor for ever
        with suppress(ConvcalcError):
            report(tmp_path, proto)
        return
    with pytest.raises(ConvcalcError, match=said):
        report(tmp_path, proto)
    refused(proto, tmp_path)


def test_names_that_are_not_text_are_refused(tmp_path: Path) -> None:
    data = model([node("Relu", "x", "y", name="abc")]).SerializeToString()
    assert "UTF-8" in refused(data.replace(b"abc", b"\xff\xfe\xfd"), tmp_path)


def test_graphs_nested_deeply_are_one_error_line(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph([], "g", [], [])
    for _ in range(90):
        graph = onnx.helper.make_graph([node("If", "x", "y", then_branch=graph, else_branch=graph)], "g", [], [])
        if graph.ByteSize() > 1 << 20:
            break
    with suppress(ConvcalcError):
        report(tmp_path, model([node("If", "x", "y", then_branch=graph)]))


@pytest.mark.parametrize("data", [b"", b"not a model", bytes(4096), b"\x08\x08"])
def test_what_is_no_model_is_one_error_line(data: bytes, tmp_path: Path) -> None:
    refused(data, tmp_path)


def test_what_is_no_file_is_one_error_line(tmp_path: Path) -> None:
    for name in ("missing.onnx", "a\0.onnx"):
        with pytest.raises(ConvcalcError, match="must be a file that can be read"):
            load_network(str(tmp_path / name))
    (tmp_path / "d.onnx").mkdir()
    os.mkfifo(tmp_path / "p.onnx")
    for name in ("d.onnx", "p.onnx"):
        with pytest.raises(ConvcalcError, match="must be a file"):
            load_network(str(tmp_path / name))
