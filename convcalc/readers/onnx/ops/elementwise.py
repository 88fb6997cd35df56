"""Activations, casts and arithmetic: element by element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import TensorProto, helper

from convcalc.graph import primitives
from convcalc.readers.onnx.errors import MalformedError, UnsupportedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import MakeLayers, NodeContext, Rearrange
from convcalc.readers.onnx.tensors import FLOATING, ConstantTensor
from convcalc.readers.onnx.weights import is_weight_by_place

FLOAT_NAMES: dict[int, str] = {
    TensorProto.FLOAT16: "float16", TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64",
}  # fmt: skip
OF_ONE_INPUT = ("add", "maximum", "minimum", "mean")
"""Operations that ONNX allows on a single input, which they return."""


def activation(kind: str, **defaults: float) -> MakeLayers:
    """A function of every element; `defaults` are its attributes."""

    def make(node: NodeContext) -> list[Value]:
        settings = tuple((name, node.attributes.number(name, default)) for name, default in defaults.items())
        return [node.add(kind, primitives.Elementwise(kind, settings), [node.layer(0)])]

    return make


def gelu(node: NodeContext) -> list[Value]:
    kind = "gelu_tanh" if node.attributes.text("approximate", "none") == "tanh" else "gelu"
    return [node.add(kind, primitives.Elementwise(kind), [node.layer(0)])]


def swish(node: NodeContext) -> list[Value]:
    alpha = node.attributes.number("alpha", 1.0)
    settings = (("alpha", alpha),) if alpha != 1 else ()
    return [node.add("silu", primitives.Elementwise("silu", settings), [node.layer(0)])]


def clip(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    if any(node.has(number) and node.scalar(number) is None for number in (1, 2)):
        raise UnsupportedError("another layer makes its limits")
    low, high = (
        node.attributes.number(name, 0) if name in node.attributes else node.scalar(number)
        for name, number in (("min", 1), ("max", 2))
    )
    if (low, high) == (0, 6):
        return [node.add("relu6", primitives.Elementwise("relu6"), [data])]
    if (low, high) == (0, None):
        return [node.add("relu", primitives.Elementwise("relu"), [data])]
    settings = tuple((name, limit) for name, limit in (("min", low), ("max", high)) if limit is not None)
    return [node.add("clip", primitives.Elementwise("clip", settings), [data])]


def prelu(node: NodeContext) -> list[Value]:
    slope = node.constant(1, "slope")
    primitive = primitives.WithConstant("prelu", slope.shape, learned=True)
    return [node.add("prelu", primitive, [node.layer(0)], [slope])]


def arithmetic(kind: str) -> MakeLayers:
    """An operation of several inputs; one constant among two inputs belongs to the layer."""

    def make(node: NodeContext) -> list[Value]:
        values = [node.layers.found(value) for value in node.inputs if value is not None]
        layers = [value for value in values if isinstance(value, int)]
        constants = [value for value in values if isinstance(value, ConstantTensor)]
        if len(values) == 1 and kind in OF_ONE_INPUT:
            return [node.add("identity", primitives.Elementwise("identity"), [node.layer(0)])]
        if len(values) < 2:
            raise MalformedError("it takes two inputs")
        if len(layers) == len(constants) == 1:
            [array] = constants
            learned = array.learned or is_weight_by_place(kind, array, node.layers.nodes, layers[0])
            primitive = primitives.WithConstant(kind, array.shape, learned, first=values[0] is array)
            return [node.add(kind, primitive, layers, [array])]
        return [node.add(kind, primitives.Merge(kind), [node.layer(number) for number in range(len(node.inputs))])]

    return make


def constant_arithmetic(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Rearrange:
    """An array of the file with another, such as its scale, that leaves its shape; neither is read for this."""

    def make(node: NodeContext, array: ConstantTensor) -> ConstantTensor | None:
        left, right = array, node.constant(1, "operand")
        shape = np.broadcast_shapes(left.shape, right.shape)
        whole = [each for each in (left, right) if each.stored and each.shape == shape]
        main = min(whole, key=lambda each: (not each.quantized, not each.learned), default=None)
        if main is None:
            return None
        other = right if main is left else left
        if other.learned and not main.quantized:  # both are learned, and count as layers of their own
            return None
        scales = [other] if other.stored else []
        return main.through(
            lambda values: function(values, right.values()) if main is left else function(left.values(), values),
            type=main.type if main.floating else other.type, scales=scales,
        )  # fmt: skip

    return make


def same_constant(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    del node
    return array


def cast(node: NodeContext) -> list[Value]:
    kind = FLOAT_NAMES.get(node.attributes.integer("to", 0), "cast")
    return [node.add("cast", primitives.Elementwise(kind), [node.layer(0)])]


def cast_constant(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    return _cast(array, node.attributes.integer("to", array.type))


def _cast(array: ConstantTensor, type: int) -> ConstantTensor:
    if array.floating and type in FLOATING:  # floats are computed with as they are stored
        return array.through(lambda values: values, type=type)
    return array.through(lambda values: values.astype(helper.tensor_dtype_to_np_dtype(type)), type=type)


def cast_like(node: NodeContext) -> list[Value]:
    value = node.value(0)
    if isinstance(value, ConstantTensor):  # like the output of a layer, which computes in floats
        return [_cast(value, TensorProto.FLOAT)]
    return [node.add("cast", primitives.Elementwise("cast"), [node.layer(0)])]


def cast_constant_like(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    return _cast(array, node.constant(1, "type").type)
