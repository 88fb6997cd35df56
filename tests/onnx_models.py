"""ONNX models for tests: short ways to write them, and what every operator is held to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import ConvcalcError
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import parameter_shapes
from convcalc.proof.walk import check_runnable, executed
from convcalc.questions.report import Report, network_report
from convcalc.readers import load_network

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
weights_of = pytest.importorskip("convcalc.readers.onnx.graph").weights_of
TensorProto = onnx.TensorProto
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64

X = (2, 6, 11, 13)
"""The input, if a test does not say another."""
NOT_RUN = ("Cast", "ArgMax")
"""Operators whose results are no floats, which a run in floats does not have."""
NOT_INFERRED = ("group_norm", "mean_variance_norm")
"""Rows of operators for which ONNX infers no shape: the output is like the input."""


def node(op: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    """A node; `-` stands for an input or output that is left out."""
    names = [[n if n != "-" else "" for n in side.split()] for side in (inputs, outputs)]
    return onnx.helper.make_node(op, *names, **attributes)


def tensor(name: str, values: Any, dtype: Any = None) -> Any:
    return onnx.numpy_helper.from_array(np.array(values, dtype), name)


def array(name: str, *shape: int) -> Any:
    """Weights of that shape, all different."""
    return tensor(name, np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape) / 8)


def ints(name: str, *values: int) -> Any:
    return tensor(name, values, np.int64)


def floats(name: str, *values: float) -> Any:
    return tensor(name, values, np.float32)


def number(name: str, value: float, dtype: Any = np.float32) -> Any:
    return tensor(name, value, dtype)


def model(
    nodes: list[Any], arrays: list[Any] = [], inputs: dict[str, Any] | None = None,  # noqa: B006 -- never changed
    opset: int = 18, outputs: tuple[str, ...] = ("y",),
) -> Any:  # fmt: skip
    """A model with inputs of floats, by default one input x of shape X and one output y."""
    given = {"x": X} if inputs is None else inputs
    graph = onnx.helper.make_graph(
        nodes, "g",
        [onnx.helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in given.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs], arrays,
    )  # fmt: skip
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


def saved(folder: Path, proto: Any) -> str:
    """The path of the model, or of the bytes, in a file."""
    path = folder / "m.onnx"
    path.write_bytes(proto if isinstance(proto, bytes) else proto.SerializeToString())
    return str(path)


def load(folder: Path, proto: Any, **options: Any) -> Graph:
    return load_network(saved(folder, proto), **options)


def report(folder: Path, proto: Any, **options: Any) -> Report:
    return network_report(load(folder, proto, **options))


def input_shape(proto: Any) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim)


@dataclass(frozen=True)
class OpCase:
    """A model of one operator, its counts worked out by hand, and the name of one of its rows."""

    name: str
    proto: Any
    parameters: int = 0
    macs: int = 0
    row: str | None = None

    def __str__(self) -> str:
        return self.name


def op_case(
    op: str, inputs: str, arrays: list[Any] | None = None, *, parameters: int = 0, macs: int = 0, opset: int = 18,
    x: tuple[int, ...] = X, row: str | None = None, outputs: str = "y", **attributes: Any,
) -> OpCase:  # fmt: skip
    proto = model([node(op, inputs, outputs, **attributes)], arrays or [], {"x": x}, opset, tuple(outputs.split())[:1])
    options = " ".join(f"{k}={v}" for k, v in attributes.items())
    return OpCase(f"{op} {options} {opset}", proto, parameters, macs, row)


def check_shape_and_counts(case: OpCase, folder: Path) -> None:
    """The shape is the one that ONNX infers, the counts are those worked out by hand."""
    inferred = onnx.shape_inference.infer_shapes(case.proto, data_prop=True).graph.output[0].type.tensor_type
    assert inferred.HasField("shape") or case.row in NOT_INFERRED
    wanted = tuple(d.dim_value for d in inferred.shape.dim) if inferred.HasField("shape") else input_shape(case.proto)
    answer = report(folder, case.proto)
    network = answer.graph
    assert network.nodes[network.output].shape == wanted
    assert (answer.parameters, answer.multiplications) == (case.parameters, case.macs)
    assert not answer.unsupported
    assert case.row is None or case.row in [layer.op for layer in answer.layers]


def check_values(case: OpCase, folder: Path) -> None:
    """Shape and values are those of ONNX Runtime; what is not run says so."""
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    network, arrays = load(folder, case.proto), weights_of(saved(folder, case.proto))
    session = runtime.InferenceSession(case.proto.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(5).standard_normal(input_shape(case.proto)).astype(np.float32)
    wanted = session.run(None, {"x": x})[0]
    assert network.nodes[network.output].shape == wanted.shape
    if case.proto.graph.node[0].op_type in NOT_RUN:
        with pytest.raises(ConvcalcError, match="check: every layer must be one that can be run"):
            check_runnable(network)
        return
    out = next(done.out for done in executed(network, [x], arrays) if done.number == network.output)
    np.testing.assert_allclose(out, wanted, rtol=2e-4, atol=2e-4)


def check_weights(case: OpCase, folder: Path) -> None:
    """The arrays of every layer come in the order, and with the shapes, of its parameters."""
    path = saved(folder, case.proto)
    arrays = weights_of(path)
    for node in load_network(path).nodes:
        shapes = [shape for _, shape in parameter_shapes(node.primitive)]
        assert [a.shape for a in arrays.get(node.name, ())][: len(shapes)] == shapes
