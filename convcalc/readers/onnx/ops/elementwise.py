"""Activations, casts, arithmetic and quantization: element by element."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from onnx import TensorProto

from convcalc.graph import primitives
from convcalc.readers.onnx.errors import MalformedError, UnsupportedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import MakeLayers, NodeContext, Rearrange
from convcalc.readers.onnx.shape_rules import from_front
from convcalc.readers.onnx.tensors import ConstantTensor

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
            primitive = primitives.WithConstant(kind, array.shape, array.learned, first=values[0] is array)
            return [node.add(kind, primitive, layers, [array])]
        return [node.add(kind, primitives.Merge(kind), [node.layer(number) for number in range(len(node.inputs))])]

    return make


def constant_arithmetic(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Rearrange:
    """A learned array with a setting, such as a scale, which keeps its shape."""

    def make(node: NodeContext, array: ConstantTensor) -> ConstantTensor | None:
        other = node.constant(1, "operand")
        if other.learned or np.broadcast_shapes(array.shape, other.shape) != array.shape:
            return None
        return array.through(lambda values: function(values, other.values()))

    return make


def same_constant(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    del node
    return array


def cast(node: NodeContext) -> list[Value]:
    kind = FLOAT_NAMES.get(node.attributes.integer("to", 0), "cast")
    return [node.add("cast", primitives.Elementwise(kind), [node.layer(0)])]


def cast_constant(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    return array.through(lambda values: values, type=node.attributes.integer("to", array.type))


def cast_like(node: NodeContext) -> list[Value]:
    value = node.value(0)
    if isinstance(value, ConstantTensor):  # the other input's type changes no count
        return [value]
    return [node.add("cast", primitives.Elementwise("cast"), [node.layer(0)])]


def cast_constant_like(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    return array.through(lambda values: values, type=node.constant(1, "type").type)


def quantize(kind: str) -> MakeLayers:
    def make(node: NodeContext) -> list[Value]:
        scalars = (("scale", node.scalar(1)), ("zero_point", node.scalar(2)))
        settings = tuple((name, number) for name, number in scalars if number is not None)
        return [node.add(kind, primitives.Elementwise(kind, settings), [node.layer(0)])]

    return make


def dequantized_constant(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    """Weights stored as small integers: (integer - zero point) * scale, with one scale or one per index of an axis."""
    if node.attributes.integer("block_size", 0):
        raise UnsupportedError("it has a scale for every block")
    scale, zero = node.constant(1, "scale"), node.constant(2, "zero point") if node.has(2) else None
    shape = (1,) * len(array.shape)
    if scale.elements != 1:
        axis = from_front(node.attributes.integer("axis", 1), len(array.shape))
        shape = (*shape[:axis], array.shape[axis], *shape[axis + 1 :])
    if scale.elements != prod(shape) or (zero is not None and zero.elements != scale.elements):
        raise MalformedError(f"its scale and zero point must have {prod(shape)} numbers, got {scale.elements}")

    def dequantized(values: np.ndarray) -> np.ndarray:
        shift = 0 if zero is None else zero.values().astype(np.float32).reshape(shape)
        return np.asarray((values.astype(np.float32) - shift) * scale.values().reshape(shape))

    return array.through(dequantized, type=scale.type, learned=array.elements > 1)
