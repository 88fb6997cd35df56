"""ONNX files: every operator's shape against ONNX's own inference, counts by hand, and files that cannot be trusted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import ConvcalcError
from convcalc.explain.network import explain_network
from convcalc.graph.graph import Network
from convcalc.graph.primitives import Unknown
from convcalc.proof.walk import check_runnable, run_layers
from convcalc.questions.report import NetworkReport, network_report
from convcalc.readers import load_network
from tests.test_cli import Run, output

__all__ = ["output"]

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
weights_of = pytest.importorskip("convcalc.readers.onnx.graph").weights_of
TensorProto = onnx.TensorProto
F, I = TensorProto.FLOAT, TensorProto.INT64  # noqa: E741 -- as short as the tables need

X = (2, 6, 11, 13)


def node(op: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    return onnx.helper.make_node(op, [n if n != "-" else "" for n in inputs.split()], outputs.split(), **attributes)


def array(name: str, *shape: int) -> Any:
    """Weights of that shape, all different."""
    values = np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape) / 8
    return onnx.numpy_helper.from_array(values, name)


def ints(name: str, *values: int) -> Any:
    return onnx.numpy_helper.from_array(np.array(values, np.int64), name)


def floats(name: str, *values: float) -> Any:
    return onnx.numpy_helper.from_array(np.array(values, np.float32), name)


def number(name: str, value: float, dtype: Any = np.float32) -> Any:
    return onnx.numpy_helper.from_array(np.array(value, dtype), name)


def model(
    nodes: list[Any], arrays: list[Any] = [], inputs: dict[str, Any] | None = None,  # noqa: B006 -- never changed
    opset: int = 18, outputs: tuple[str, ...] = ("y",),
) -> Any:  # fmt: skip
    given = {"x": X} if inputs is None else inputs
    graph = onnx.helper.make_graph(
        nodes, "g",
        [onnx.helper.make_tensor_value_info(name, F, shape) for name, shape in given.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs], arrays,
    )  # fmt: skip
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


def saved(tmp_path: Path, proto: Any) -> str:
    path = tmp_path / "m.onnx"
    path.write_bytes(proto if isinstance(proto, bytes) else proto.SerializeToString())
    return str(path)


def load(tmp_path: Path, proto: Any, **options: Any) -> Network:
    return load_network(saved(tmp_path, proto), **options)


def report(tmp_path: Path, proto: Any, **options: Any) -> NetworkReport:
    return network_report(load(tmp_path, proto, **options))


def op_case(
    op: str, inputs: str, arrays: list[Any] | None = None, *, parameters: int = 0, macs: int = 0, opset: int = 18,
    x: tuple[int, ...] = X, row: str | None = None, outputs: str = "y", **attributes: Any,
) -> Any:  # fmt: skip
    proto = model([node(op, inputs, outputs, **attributes)], arrays or [], {"x": x}, opset, tuple(outputs.split())[:1])
    told = " ".join(f"{k}={v}" for k, v in attributes.items())
    return pytest.param(proto, parameters, macs, row, id=f"{op} {told} {opset}")


W, B = array("w", 4, 3, 3, 2), array("b", 4)
P = 4 * 3 * 3 * 2
T = array("w", 6, 4, 3, 2)
C6 = [array(name, 6) for name in ("s", "b", "m", "v")]
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
    *(op_case(f"Global{kind}Pool", "x", row=f"global_{row}_pool")
      for kind, row in (("Average", "avg"), ("Max", "max"), ("Lp", "lp"))),
    op_case("Einsum", "x w", [array("w", 5, 13, 6)], equation="bchw,nwc->bhnc", parameters=390,
            macs=2 * 6 * 11 * 13 * 5, row="einsum"),
    op_case("Einsum", "x x", x=(2, 5, 7), equation="bnc, bmc -> nbm", macs=2 * 5 * 5 * 7, row="einsum"),
    op_case("Einsum", "x w", [array("w", 4, 5)], x=(2, 5, 7), equation="abc,db", parameters=20, macs=2 * 5 * 7 * 4),
    op_case("Gemm", "x w b", [array("w", 4, 6), array("b", 4)], x=(3, 6), transB=1, alpha=0.5, beta=2.0,
            parameters=28, macs=72, row="linear"),
    op_case("Gemm", "x w b", [array("w", 6, 4), array("b", 1, 4)], x=(6, 3), transA=1, parameters=28, macs=72),
    op_case("Gemm", "x w b", [array("w", 6, 4), array("b", 3, 1)], x=(3, 6), parameters=27, macs=72),
    op_case("MatMul", "x w", [array("w", 13, 4)], parameters=52, macs=2 * 6 * 11 * 52, row="linear"),
    op_case("MatMul", "w x", [array("w", 5, 11)], parameters=55, macs=2 * 6 * 13 * 55),
    op_case("MatMul", "x w", [array("w", 6, 13, 4)], parameters=312, macs=2 * 6 * 11 * 13 * 4),
    op_case("MatMul", "x w", [array("w", 13)], parameters=13, macs=2 * 6 * 11 * 13),
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
    op_case("LpPool", "x", kernel_shape=[2, 3], strides=[2, 1], pads=[1, 0, 0, 1]),
    op_case("LpNormalization", "x", axis=-1, p=1),
    op_case("MeanVarianceNormalization", "x", row="mean_variance_norm"),
    op_case("LRN", "x", size=5, alpha=0.3, beta=0.6, bias=1.5),
    op_case("ReduceLogSumExp", "x a", [ints("a", 1)], keepdims=0),
    op_case("ReduceSumSquare", "x a", [ints("a", 1, -1)]),
    op_case("Mean", "x x x", row="mean"),
    op_case("Gelu", "x", opset=20, row="gelu"),
    op_case("Cast", "x", to=TensorProto.INT32, row="cast"),
    op_case("Clip", "x a b", [number("a", 0), number("b", 6)], row="relu6"),
    op_case("Clip", "x", opset=6, min=-1.0, max=1.0, row="clip"),
    op_case("PRelu", "x s", [array("s", 6, 1, 1)], parameters=6, row="prelu"),
    op_case("Softmax", "x", axis=1, row="softmax"),
    op_case("LogSoftmax", "x", row="log_softmax"),
    op_case("Softmax", "x", opset=11, axis=1),
    op_case("Add", "x b", [array("b", 6, 1, 1)], parameters=6, row="add"),
    op_case("Sub", "b x", [number("b", 1)], row="subtract"),
    op_case("Mul", "x b", [array("b", 2, 1, 1, 13)], parameters=26, row="multiply"),
    op_case("Div", "x b", [array("b", 1)], row="divide"),
    op_case("Pow", "x b", [number("b", 2)], row="power"),
    op_case("Add", "x x", row="add"),
    op_case("Max", "x x x", row="maximum"),
    op_case("Max", "x", row="identity"),
    op_case("Min", "x b", [number("b", 2)], row="minimum"),
    op_case("Concat", "x x", axis=-1, row="concat"),
    op_case("Concat", "x c", [array("c", 2, 3, 11, 13)], axis=1, parameters=858),
    op_case("Split", "x s", [ints("s", 2, 4)], axis=1, outputs="y z", row="split"),
    op_case("Split", "x", axis=3, opset=13, outputs="y", row="split"),
    op_case("Split", "x", axis=2, num_outputs=3, outputs="y z w"),
    op_case("Slice", "x a b c d", [ints("a", 9, 1), ints("b", -100, 12), ints("c", 2, -1), ints("d", -2, 3)],
            row="slice"),
    op_case("Slice", "x", opset=9, starts=[1], ends=[-1], axes=[2]),
    op_case("Gather", "x i", [number("i", -1, np.int64)], axis=2, row="gather"),
    op_case("Gather", "x i", [ints("i", 5, 0, 3)], axis=1),
    op_case("Gather", "x i", [onnx.numpy_helper.from_array(np.array([[0, 2], [1, 5]]), "i")], axis=1),
    op_case("Reshape", "x s", [ints("s", 0, 3, -1, 13)], row="reshape"),
    op_case("Flatten", "x", axis=2, row="flatten"),
    op_case("Flatten", "x", axis=0),
    op_case("Squeeze", "x a", [ints("a", 1)], x=(2, 1, 5), row="squeeze"),
    op_case("Squeeze", "x", opset=11, axes=[-2], x=(2, 1, 5)),
    op_case("Unsqueeze", "x a", [ints("a", 0, -1)], row="unsqueeze"),
    op_case("Transpose", "x", perm=[0, 2, 3, 1], row="transpose"),
    op_case("Transpose", "x"),
    op_case("Expand", "x s", [ints("s", 4, 1, 5)], x=(2, 1, 3, 5), row="expand"),
    op_case("Expand", "x s", [ints("s", 7, 2, 1, 3, 5)], x=(2, 1, 3, 5)),
    op_case("Tile", "x s", [ints("s", 1, 3, 2, 1)], row="tile"),
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
    op_case("Pad", "x p", [ints("p", 0, 0, 1, 2, 0, 0, 3, -4)], row="pad"),
    op_case("Pad", "x p", [ints("p", 1, 2, 3, 0)], mode="reflect", row="pad"),
    op_case("Pad", "x", opset=2, pads=[0, 0, 1, 2, 0, 0, 3, 4], mode="edge"),
    op_case("DepthToSpace", "x", blocksize=2, x=(1, 8, 3, 5), row="depth_to_space"),
    op_case("DepthToSpace", "x", blocksize=2, mode="CRD", x=(1, 8, 3, 5)),
    op_case("SpaceToDepth", "x", blocksize=2, x=(1, 3, 6, 10), row="space_to_depth"),
    op_case("ReduceMean", "x a", [ints("a", 2, 3)], row="reduce_mean"),
    op_case("ReduceMean", "x", opset=13, axes=[-1], keepdims=0),
    op_case("ReduceL2", "x", row="reduce_l2"),
    op_case("ArgMax", "x", axis=1, keepdims=0, row="arg_max"),
]  # fmt: skip
OPS = [case for case in OPS if case.id != "Pad mode=reflect 18"] + [
    pytest.param(
        model([node("Pad", "x p - a", mode="reflect")], [ints("p", 1, 2, 3, 0), ints("a", -1, 2)]), 0, 0, "pad",
        id="Pad axes",
    )
]  # fmt: skip


@pytest.mark.parametrize(("proto", "parameters", "macs", "row"), OPS)
def test_an_operator_has_the_shape_that_onnx_infers_and_the_counts_worked_out_by_hand(
    proto: Any, parameters: int, macs: int, row: str | None, tmp_path: Path
) -> None:
    inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph.output[0].type.tensor_type
    wanted = inferred.shape if inferred.HasField("shape") else proto.graph.input[0].type.tensor_type.shape
    functions = ("group_norm", "mean_variance_norm")  # of which ONNX infers nothing
    assert inferred.HasField("shape") or row in functions
    answer = report(tmp_path, proto)
    network = answer.network
    assert network.nodes[network.output].shape == tuple(dim.dim_value for dim in wanted.dim)
    assert (answer.parameters, answer.multiplications) == (parameters, macs)
    assert not answer.unsupported
    assert row is None or row in [layer.op for layer in answer.layers]


def test_shapes_are_those_that_onnx_runtime_computes(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    compared = 0
    for case in OPS:
        proto, *_ = case.values
        try:
            session = runtime.InferenceSession(proto.SerializeToString())
        except Exception:  # an operator, or an age of it, that the runtime has not
            continue
        shape = tuple(dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim)
        result = session.run(None, {"x": np.ones(shape, np.float32)})[0]
        network = load(tmp_path, proto)
        assert network.nodes[network.output].shape == result.shape, case.id
        compared += 1
    assert compared > len(OPS) / 2


NOT_RUN = ("Cast", "ArgMax")
"""Results that are no floats, which a run in floats does not have."""


@pytest.mark.parametrize("proto", [pytest.param(case.values[0], id=case.id) for case in OPS])
def test_an_operator_gives_the_values_of_onnx_runtime(proto: Any, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    network, arrays = load(tmp_path, proto), weights_of(saved(tmp_path, proto))
    if proto.graph.node[0].op_type in NOT_RUN:
        with pytest.raises(ConvcalcError, match="check: every layer must be one that can be run"):
            check_runnable(network)
        return
    try:
        session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:
        pytest.skip(f"ONNX Runtime does not know this operator, or this age of it: {error}")
    shape = tuple(dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim)
    x = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    out = next(run.out for run in run_layers(network, [x], arrays) if run.number == network.output)
    np.testing.assert_allclose(out, session.run(None, {"x": x})[0], rtol=2e-4, atol=2e-4)


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


def test_a_channel_shuffle_written_as_reshapes_keeps_the_receptive_field(tmp_path: Path) -> None:
    proto = model(
        [
            node("Conv", "x w", "a"),
            node("Reshape", "a s", "b"),
            node("Transpose", "b", "c", perm=[0, 2, 1, 3, 4]),
            node("Reshape", "c t", "y"),
        ],
        [array("w", 8, 6, 3, 5), ints("s", 2, 2, 4, 9, 9), ints("t", 2, 8, 9, 9)],
    )
    field = report(tmp_path, proto).receptive_field
    assert [(axis.size, axis.jump) for axis in field] == [(3, 1), (5, 1)]


@pytest.mark.parametrize(
    ("op", "x", "before", "after"), [("DepthToSpace", (1, 8, 6, 10), 1, 2), ("SpaceToDepth", (1, 3, 6, 10), 2, 1)]
)
def test_blocks_of_pixels_are_followed_through_their_reshapes(
    op: str, x: tuple[int, ...], before: int, after: int, tmp_path: Path
) -> None:
    field = report(tmp_path, model([node(op, "x", blocksize=2)], inputs={"x": x})).receptive_field
    assert [(axis.size, float(axis.jump)) for axis in field] == [(before, before / after)] * 2


def test_shapes_worked_out_on_the_way_are_understood(tmp_path: Path) -> None:
    """What exporters write for x.view(x.size(0), -1, x.size(3) * 2)."""
    proto = model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "batch", axis=0),
            node("Gather", "s three", "width", axis=0),
            node("Mul", "width two", "wide"),
            node("Unsqueeze", "batch axes", "b1"),
            node("Unsqueeze", "wide axes", "w1"),
            node("Concat", "b1 rest w1", "target", axis=0),
            node("Reshape", "x target", "y"),
        ],
        [number("zero", 0, np.int64), number("three", 3, np.int64), number("two", 2, np.int64), ints("axes", 0),
         ints("rest", -1)],
        {"x": ("n", 6, 11, 13)},
    )  # fmt: skip
    answer = report(tmp_path, proto, batch=4)
    assert answer.network.nodes[answer.network.output].shape == (4, 33, 26)
    assert [layer.op for layer in answer.layers] == ["reshape"]


def test_a_bias_made_from_the_shape_of_a_weight_is_understood(tmp_path: Path) -> None:
    """What unoptimized exports have for a convolution without bias."""
    proto = model(
        [node("CastLike", "zero x", "z"), node("Expand", "z n", "b"), node("Conv", "x w b", group=2)],
        [W, number("zero", 0), ints("n", 4)],
    )
    [layer] = report(tmp_path, proto).layers
    assert (layer.op, layer.parameters) == ("conv", P)


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


def test_a_convolution_called_twice_counts_once_and_is_checked(output: Run, tmp_path: Path) -> None:
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


def test_a_mask_written_into_a_fill_is_not_learned(tmp_path: Path) -> None:
    proto = model([node("ScatterND", "f i u", "mask"), node("Add", "x mask", "y")],
                  [array("f", 11, 13), ints("i", 2, 3), array("u", 1)])  # fmt: skip
    proto.graph.initializer[1].dims[:] = [1, 2]
    assert report(tmp_path, proto).parameters == 0


def test_numbers_of_the_graph_that_no_layer_has_as_weights_are_told(tmp_path: Path) -> None:
    proto = model([node("Constant", "", "b", value=array("b", 13)), node("Add", "x b", "y")])
    answer = report(tmp_path, proto)
    assert answer.parameters == 0
    assert any("13 values in Constant nodes" in note for note in answer.notes)


def test_an_array_that_is_worked_with_counts_once(tmp_path: Path) -> None:
    """A standardized weight: the weight less its mean."""
    proto = model([node("ReduceMean", "w a", "m"), node("Sub", "w m", "v"), node("Conv", "x v", "y", group=2)],
                  [W, ints("a", 1, 2, 3)])  # fmt: skip
    answer = report(tmp_path, proto)
    assert answer.parameters == P
    assert answer.unsupported == ("y",)


def test_a_second_input_is_no_weight_of_a_file_that_has_its_own(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x w", "a"), node("MatMul", "a z", "y")]
    two = {"x": (1, 10, 16), "z": (16, 10)}
    answer = report(tmp_path, model(nodes, [array("w", 16, 16)], two))
    assert (answer.parameters, answer.multiplications) == (256, 10 * 256 + 10 * 10 * 16)
    bare = report(tmp_path, model(nodes, [], {**two, "w": (16, 16)}))
    assert bare.parameters == 256 + 160
    assert any("taken for weights: z, w" in note for note in bare.notes)


def test_statistics_of_the_batch(tmp_path: Path) -> None:
    """Against ONNX's reference; what ONNX Runtime gives depends on whether the other outputs are read."""
    from onnx.reference import ReferenceEvaluator

    proto = model([node("BatchNormalization", "x s b m v", "y m2 v2", training_mode=1)], C6)
    answer = report(tmp_path, proto)
    assert (answer.parameters, answer.unsupported) == (12, ())
    x = np.random.default_rng(5).standard_normal(X).astype(np.float32)
    [run] = run_layers(answer.network, [x], weights_of(saved(tmp_path, proto)))
    np.testing.assert_allclose(run.out, ReferenceEvaluator(proto).run(None, {"x": x})[0], rtol=1e-4, atol=1e-5)


def test_factors_of_a_product_of_two_layers(tmp_path: Path) -> None:
    nodes = [node("Relu", "z", "r"), node("Gemm", "x x r", "y", transB=1, alpha=0.5, beta=3.0)]
    proto = model(nodes, [], {"x": (3, 8), "z": (3, 3)})
    answer = report(tmp_path, proto)
    assert (answer.multiplications, answer.unsupported) == (3 * 8 * 3, ())
    x, z = np.arange(24, dtype=np.float32).reshape(3, 8), np.ones((3, 3), np.float32)
    runs = run_layers(answer.network, [x, z], weights_of(saved(tmp_path, proto)))
    np.testing.assert_allclose([run.out for run in runs][-1], 0.5 * x @ x.T + 3)


def test_a_bias_added_after_a_matrix_product_is_a_parameter_of_the_addition(tmp_path: Path) -> None:
    proto = model([node("MatMul", "x w", "a"), node("Add", "a b", "y")], [array("w", 13, 5), array("b", 5)])
    assert [layer.parameters for layer in report(tmp_path, proto).layers] == [65, 5]


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
    told = answer.to_dict()
    assert told["unsupported"] == [{"name": "s", "op": "GridSample", "reason": "the operator is not understood"}]
    assert told["totals"]["at_least"]
    assert told["totals"]["parameters"] == 216
    assert any("at least" in note for note in told["notes"])


def test_a_graph_inside_a_node_is_not_followed(tmp_path: Path) -> None:
    inner = onnx.helper.make_graph(
        [node("Relu", "x", "r")], "inner", [], [onnx.helper.make_tensor_value_info("r", F, X)]
    )
    proto = model([node("If", "c", "y", then_branch=inner, else_branch=inner)],
                  [onnx.numpy_helper.from_array(np.array(True), "c")])  # fmt: skip
    network = load(tmp_path, proto)
    last = network.nodes[network.output]
    assert isinstance(last.operator, Unknown)
    assert [network.nodes[i].name for i in last.inputs] == ["x"]


def test_open_sizes_are_given_or_asked_for(tmp_path: Path) -> None:
    proto = model([node("Relu", "x", "y")], [], {"x": ("n", 3, "h", "w")})
    with pytest.raises(ConvcalcError, match=r"leaves h, w open; give its size with --input"):
        load(tmp_path, proto)
    assert load(tmp_path, proto, input="3x5x7", batch=2).nodes[-1].shape == (2, 3, 5, 7)
    with pytest.raises(ConvcalcError, match="besides the batch, got 3x5"):
        load(tmp_path, proto, input="3x5")


def test_a_fixed_batch_is_kept_and_another_applied_where_nothing_depends_on_it(tmp_path: Path) -> None:
    assert load(tmp_path, model([node("Relu", "x")])).nodes[-1].shape == X
    assert load(tmp_path, model([node("Relu", "x")]), batch=5).nodes[-1].shape == (5, *X[1:])
    fixed = model([node("Reshape", "x s")], [ints("s", 2, -1)])
    with pytest.raises(ConvcalcError, match="batch: the file is made for 2"):
        load(tmp_path, fixed, batch=4)


def test_the_image_is_the_main_input(tmp_path: Path) -> None:
    proto = model([node("Mul", "t x", "y")], [], {"t": (1,), "x": X})
    assert [n.name for n in load(tmp_path, proto).inputs] == ["x", "t"]


def test_weights_come_in_the_order_of_the_parameters(tmp_path: Path) -> None:
    from convcalc.graph.primitives import parameter_shapes
    from convcalc.readers.onnx.graph import weights_of

    for case in OPS:
        proto, *_ = case.values
        path = saved(tmp_path, proto)
        arrays = weights_of(path)
        for layer in load_network(path).layers:
            shapes = [shape for _, shape in parameter_shapes(layer.operator)]
            assert [a.shape for a in arrays.get(layer.name, ())][: len(shapes)] == shapes, case.id
    path = saved(tmp_path, OPS[[case.id.split()[0] for case in OPS].index("Gemm")].values[0])
    [(weight, bias)] = weights_of(path).values()
    np.testing.assert_array_equal(weight, np.arange(1, 25).reshape(4, 6) / 16)
    np.testing.assert_array_equal(bias, np.arange(1, 5) / 4)


def external(location: str, length: int = 216) -> Any:
    proto = model([node("Conv", "x w")], [array("w", 1, 6, 3, 3)])
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return proto


def test_external_weights_may_be_missing_and_are_read_from_the_directory_of_the_model_only(tmp_path: Path) -> None:
    from convcalc.readers.onnx.graph import weights_of

    inside = tmp_path / "model"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(bytes(216))
    path = saved(inside, external("w.bin"))
    assert network_report(load_network(path)).parameters == 54
    with pytest.raises(ConvcalcError, match="external data must be readable"):
        weights_of(path)
    (inside / "w.bin").write_bytes(np.arange(54, dtype="<f4").tobytes())
    [(weight,)] = weights_of(path).values()
    np.testing.assert_array_equal(weight.reshape(-1), np.arange(54))
    os.symlink(tmp_path / "secret", inside / "link")
    for location in ("../secret", str(tmp_path / "secret"), "link", "", "."):
        with pytest.raises(ConvcalcError, match="must be in the model's directory"):
            weights_of(saved(inside, external(location)))
    with pytest.raises(ConvcalcError, match="must have 216 bytes"):
        weights_of(saved(inside, external("w.bin", 1 << 60)))


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


HOSTILE = {
    "no output": (model([node("Relu", "x")], outputs=()), "must have an output"),
    "no nodes": (model([], outputs=("x",)), "at least one layer"),
    "no input": (model([node("Relu", "x")], inputs={}), "an input that is a tensor"),
    "missing": (model([node("Relu", "z")]), "reads z, which nothing writes"),
    "circle": (model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")]), "in a circle"),
    "twice": (model([node("Relu", "x"), node("Relu", "x")]), "written once"),
    "unwritten output": (model([node("Relu", "x")], outputs=("z",)), "an output must be written"),
    "negative weight": (model([node("Conv", "x w")], [TensorProto(name="w", dims=[4, -6, 3, 3], data_type=F)]),
                        "must have sizes"),
    "giant weight": (model([node("Conv", "x w")], [TensorProto(name="w", dims=[2**40] * 4, data_type=F)]),
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
                       [TensorProto(name="s", dims=[5], data_type=I, raw_data=b"123")]), ""),
    "zero scale": (model([node("Resize", "x - s")], [floats("s", 1, 1, 0, 1)]), "must be positive"),
    "not a number": (model([node("Resize", "x - s")], [floats("s", 1, 1, float("nan"), 1)]), "must be positive"),
    "transposed stride": (model([node("ConvTranspose", "x w", strides=[2**40, 1])], [T]), ""),
    "resized": (model([node("Resize", "x - - s")], [ints("s", 2, 6, 2**40 + 1, 3)]), ""),
    "a list of sizes without end": (
        model([node("Shape", "x", "n"), node("Slice", "n s e", "m"), node("Reshape", "x m")],
              [TensorProto(name="s", dims=[2**62], data_type=I), ints("e", 2)]), ""),
    "an operator without inputs": (model([node("QLinearConv", "x")]), ""),
    "scales of another number": (
        model([node("DequantizeLinear", "w s", "f", axis=0), node("Conv", "x f", group=2)],
              [onnx.numpy_helper.from_array(np.ones((4, 3, 3, 2), np.int8), "w"), array("s", 5)]),
        "scale and zero point must have 4 numbers, got 5"),
}  # fmt: skip


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


def test_a_width_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvcalcError, match="width: scales the filters of a TOML file"):
        load(tmp_path, model([node("Relu", "x")]), width=0.5)


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    path = saved(tmp_path, model([node("Relu", "x")]))
    code = (
        "import sys; sys.modules['onnx'] = None; import convcalc.cli as cli; "
        f"sys.argv = ['convcalc', 'net', {path!r}]; sys.exit(cli.main())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: onnx: ")
    assert "pip install 'convcalc[onnx]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_onnx_is_imported_for_onnx_files_only() -> None:
    code = "import sys, convcalc.readers, convcalc.cli; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
