"""Which arrays of an ONNX file are parameters: stored as integers, in Constant nodes, behind others, and shared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc.proof.walk import executed
from tests.onnx_models import (
    FLOAT,
    TensorProto,
    array,
    floats,
    input_shape,
    ints,
    load,
    model,
    node,
    number,
    onnx,
    report,
    saved,
    weights_of,
)  # fmt: skip

V = {"x": (2, 64)}
VECTOR = 64 * 32 + 32
"""Weights and biases of a linear layer from 64 to 32."""
MAP = 8 * 6 * 3 * 3 + 8
"""Weights and biases of a 3x3 convolution from 6 to 8 channels."""
SCALES = "scales and zero points of stored weights are not counted"


@dataclass(frozen=True)
class Case:
    """A model and its parameters, worked out by hand; `note` is a part of the note that says what else is stored."""

    name: str
    nodes: list[Any]
    arrays: list[Any]
    parameters: int
    note: str = ""
    inputs: dict[str, Any] | None = None
    opset: int = 18
    again: bool = field(default=True)
    """Whether the count is the same with every array in a Constant node."""

    @property
    def proto(self) -> Any:
        return model(self.nodes, self.arrays, self.inputs, self.opset)

    def __str__(self) -> str:
        return self.name


def stored(name: str, *shape: int, dtype: Any = np.int8) -> Any:
    """Integers of that shape, from 0 to 100."""
    return onnx.numpy_helper.from_array((np.arange(int(np.prod(shape))) * 37 % 101).astype(dtype).reshape(shape), name)


def zeros(name: str, *shape: int, dtype: Any = np.float32) -> Any:
    return onnx.numpy_helper.from_array(np.zeros(shape, dtype), name)


CAST = node("Cast", "w", "wf", to=FLOAT)
SCALED = [CAST, node("Mul", "wf s", "wd")]
CONV = "Conv"
CASES = [
    Case("one scale", [*SCALED, node("Gemm", "x wd b")], [stored("w", 64, 32), number("s", 0.1), array("b", 32)],
         VECTOR, inputs=V),
    Case("a scale per channel", [*SCALED, node("MatMul", "x wd", "a"), node("Add", "a b")],
         [stored("w", 64, 32), array("s", 32), array("b", 32)], VECTOR, f"32 {SCALES}", V),
    Case("scale first", [CAST, node("Mul", "s wf", "wd"), node("Gemm", "x wd b")],
         [stored("w", 64, 32), array("s", 32), array("b", 32)], VECTOR, f"32 {SCALES}", V),
    Case("zero points", [CAST, node("Sub", "wf z", "w0"), node("Mul", "w0 s", "wd"), node("Gemm", "x wd b")],
         [stored("w", 64, 32, dtype=np.uint8), array("z", 32), array("s", 32), array("b", 32)],
         VECTOR, f"64 {SCALES}", V),
    Case("zero points of integers",
         [node("Cast", "w", "wi", to=TensorProto.INT32), node("Sub", "wi z", "w0"), node("Cast", "w0", "wf", to=FLOAT),
          node("Div", "wf s", "wd"), node(CONV, "x wd b")],
         [stored("w", 8, 6, 3, 3), zeros("z", 8, 1, 1, 1, dtype=np.int32), array("s", 8, 1, 1, 1), array("b", 8)],
         MAP, f"16 {SCALES}"),
    Case("a weight too large to fold", [*SCALED, node("Transpose", "wd", "wt"), node("MatMul", "x wt")],
         [stored("w", 600, 512), array("s", 600, 1)], 600 * 512, f"600 {SCALES}", {"x": (2, 512)}),
    Case("a bias of integers",
         [*SCALED, node(CONV, "x wd", "a"), node("Cast", "b", "bf", to=FLOAT), node("Mul", "bf t", "bd"),
          node("Reshape", "bd h", "b4"), node("Add", "a b4")],
         [stored("w", 8, 6, 3, 3), array("s", 8, 1, 1, 1), stored("b", 8, dtype=np.int32), array("t", 8),
          ints("h", 1, 8, 1, 1)], MAP, f"16 {SCALES}"),
    Case("CastLike", [node("CastLike", "w x", "wf"), node("Mul", "wf s", "wd"), node(CONV, "x wd b")],
         [stored("w", 8, 6, 3, 3), array("s", 8, 1, 1, 1), array("b", 8)], MAP, f"8 {SCALES}"),
    Case("dequantized", [node("DequantizeLinear", "w s z", "wd", axis=0), node(CONV, "x wd b")],
         [stored("w", 8, 6, 3, 3), array("s", 8), zeros("z", 8, dtype=np.int8), array("b", 8)], MAP, f"16 {SCALES}"),
    Case("dequantized by blocks", [node("DequantizeLinear", "w s", "wd", axis=0, block_size=16), node("Add", "x wd")],
         [stored("w", 64, 32), array("s", 4, 32)], 64 * 32, f"128 {SCALES}", {"x": (64, 32)}, opset=21, again=False),
    Case("rounded in training",
         [node("QuantizeLinear", "w s z", "wq", axis=0), node("DequantizeLinear", "wq s z", "wd", axis=0),
          node(CONV, "x wd b")],
         [array("w", 8, 6, 3, 3), array("s", 8), zeros("z", 8, dtype=np.int8), array("b", 8)], MAP, f"16 {SCALES}"),
    Case("MatMulInteger",
         [node("DynamicQuantizeLinear", "x", "q s z"), node("MatMulInteger", "q w z", "i"),
          node("Cast", "i", "f", to=FLOAT), node("Mul", "f t", "a"), node("Add", "a b")],
         [stored("w", 64, 32), number("t", 0.1), array("b", 32)], VECTOR, "totals are at least", V, again=False),
    Case("QLinearConv", [node("QuantizeLinear", "x t u", "q"), node("QLinearConv", "q t u w s z t u b")],
         [number("t", 0.1), number("u", 0, np.uint8), stored("w", 8, 6, 3, 3), array("s", 8),
          zeros("z", 8, dtype=np.int8), stored("b", 8, dtype=np.int32)], MAP, "totals are at least"),
    Case("a table of integers", [node("Gather", "e x", "g"), node("Cast", "g", "y", to=FLOAT)],
         [stored("e", 100, 16)], 1600, "totals are at least", {"x": (2, 7)}),
    Case("a bias behind Reshape", [node(CONV, "x w", "a"), node("Reshape", "b h", "b4"), node("Add", "a b4")],
         [array("w", 8, 6, 3, 3), array("b", 8), ints("h", 1, 8, 1, 1)], MAP),
    Case("a bias first, unsqueezed", [node("Unsqueeze", "b h", "b4"), node(CONV, "x w", "a"), node("Add", "b4 a")],
         [array("w", 8, 6, 3, 3), array("b", 8), ints("h", 0, 2, 3)], MAP),
    Case("a bias of a transposed convolution", [node("ConvTranspose", "x w", "a"), node("Add", "a b")],
         [array("w", 6, 8, 3, 3), array("b", 1, 8, 1, 1)], MAP),
    Case("a bias of one filter", [node("MatMul", "x w", "a"), node("Add", "a b")], [array("w", 64, 1), array("b", 1)],
         65, inputs=V),
    Case("a weight behind Identity and Transpose",
         [node("Identity", "w", "v"), node("Transpose", "v", "u", perm=[3, 2, 0, 1]), node(CONV, "x u b")],
         [array("w", 3, 3, 6, 8), array("b", 8)], MAP),
    Case("a batch norm's arrays behind others",
         [node("Reshape", "s h", "t"), node("Flatten", "b", "c", axis=0), node("Reshape", "c h", "d"),
          node("BatchNormalization", "x t d m v")],
         [array("s", 1, 6), array("b", 6, 1), array("m", 6), array("v", 6), ints("h", 6)], 12),
    Case("a batch norm as a scale and a shift", [node(CONV, "x w", "a"), node("Mul", "a s", "b"), node("Sub", "b m")],
         [array("w", 8, 6, 3, 3), array("s", 8, 1, 1), array("m", 8, 1, 1)], MAP + 8),
    Case("a layer norm in steps",
         [node("ReduceMean", "x h", "m"), node("Sub", "x m", "c"), node("Mul", "c c", "d"),
          node("ReduceMean", "d h", "v"), node("Sqrt", "v", "r"), node("Div", "c r", "n"), node("Mul", "n g", "o"),
          node("Add", "o b")],
         [ints("h", -1), array("g", 13), array("b", 13)], 26),
    Case("an instance norm of ones", [node("InstanceNormalization", "x s b")], [floats("s", *[1] * 6), zeros("b", 6)],
         12),
    Case("an image normalized before its first layer",
         [node("Constant", "", "m", value=array("m", 1, 6, 1, 1)), node("Sub", "x m", "a"), node(CONV, "a w b")],
         [array("w", 8, 6, 3, 3), array("b", 8)], MAP, "6 values in Constant nodes"),
    Case("boxes scaled after their last layer",
         [node("Constant", "", "g", value=array("g", 1, 8, 9, 11)), node(CONV, "x w b", "a"), node("Sigmoid", "a", "c"),
          node("Mul", "c g")],
         [array("w", 8, 6, 3, 3), array("b", 8)], MAP, "792 values in Constant nodes"),
    Case("a mask of integers", [node("Cast", "m", "f", to=FLOAT), node("Mul", "x f")], [stored("m", 1, 1, 11, 13)],
         0, "143 values"),
    Case("a shared convolution before training", [node(CONV, "x w b", "a", pads=[1] * 4), node(CONV, "a w b")],
         [array("w", 6, 6, 3, 3), zeros("b", 6)], 6 * 6 * 9 + 6, "in the first layer that uses them: w, b"),
    Case("a shared linear layer before training",
         [node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Relu", "c", "d"), node("MatMul", "d w", "e"),
          node("Add", "b e")],
         [array("w", 64, 64), zeros("b", 64)], 64 * 65, "counted once in the first layer that uses them: w, b", V),
    Case("a shared convolution and its norm before training",
         [node(CONV, "x w", "a", pads=[1] * 4), node("BatchNormalization", "a s b b s", "c"), node("Relu", "c", "d"),
          node(CONV, "d w", "e", pads=[1] * 4), node("BatchNormalization", "e s b b s")],
         [array("w", 6, 6, 3, 3), zeros("b", 6), floats("s", *[1] * 6)], 6 * 6 * 9 + 12, "uses them: w, s, b"),
    Case("weights of their own, biases merged before training",
         [node(CONV, "x w b", "a", pads=[1] * 4), node(CONV, "a v b")],
         [array("w", 6, 6, 3, 3), array("v", 6, 6, 3, 3), zeros("b", 6)], 2 * (6 * 6 * 9 + 6), "6 parameters are in"),
    Case("a weight of integers shared",
         [CAST, node("Mul", "wf s", "u"), node("Cast", "w", "wg", to=FLOAT), node("Mul", "wg s", "v"),
          node("MatMul", "x u", "a"), node("MatMul", "a v")],
         [stored("w", 64, 64), array("s", 64)], 64 * 64, "uses them: w", V),
]  # fmt: skip
EVERY = pytest.mark.parametrize("case", CASES, ids=str)


def counted(folder: Path, proto: Any) -> tuple[int, str]:
    answer = report(folder, proto)
    return answer.parameters, " | ".join(answer.notes)


@EVERY
def test_parameters_are_counted_and_what_is_not_is_noted(case: Case, tmp_path: Path) -> None:
    parameters, notes = counted(tmp_path, case.proto)
    assert parameters == case.parameters
    assert case.note in notes
    if not case.note:
        assert "values in Constant nodes" not in notes
        assert SCALES not in notes


@EVERY
def test_arrays_in_constant_nodes_count_alike(case: Case, tmp_path: Path) -> None:
    """Some exporters write every array as a Constant node."""
    constants = [node("Constant", "", tensor.name, value=tensor) for tensor in case.arrays]
    parameters, notes = counted(tmp_path, model([*constants, *case.nodes], [], case.inputs, case.opset))
    assert parameters == case.parameters or "values in Constant nodes" in notes
    assert (parameters == case.parameters) or not case.again


@EVERY
def test_the_values_are_those_of_the_runtime(case: Case, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    network = load(tmp_path, case.proto)
    if not all(known.counted for known in network.nodes):
        return
    proto = case.proto
    proto.graph.output[0].CopyFrom(onnx.helper.make_empty_tensor_value_info("y"))
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(5).standard_normal(input_shape(proto)).astype(np.float32)
    arrays = weights_of(saved(tmp_path, case.proto))
    out = next(done.out for done in executed(network, [x], arrays) if done.number == network.output)
    wanted = session.run(None, {"x": x})[0]
    np.testing.assert_allclose(out, wanted, rtol=1e-4, atol=1e-6 * np.abs(wanted).max())
