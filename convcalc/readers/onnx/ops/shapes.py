"""The same elements under other axes: Reshape, Transpose and the like, repetition, and shapes themselves."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeAlias

import numpy as np

from convcalc.graph import primitives
from convcalc.notation import Axes
from convcalc.readers.onnx.errors import MalformedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.names import row_name
from convcalc.readers.onnx.ops.node import MakeLayers, NodeContext, Rearrange
from convcalc.readers.onnx.shape_rules import axes_of, flattened, reshaped, shape_part, squeezed, unsqueezed
from convcalc.readers.onnx.tensors import ConstantTensor, computed

NewShape: TypeAlias = Callable[[NodeContext, Axes], Axes]
"""The shape that a node gives to a tensor of that shape."""


def reshape_target(node: NodeContext, shape: Axes) -> Axes:
    target = node.attributes.integers("shape")
    target = node.integers(1, "shape") if target is None else target
    if target is None:
        raise MalformedError("it has no shape")
    return reshaped(shape, target, node.attributes.flag("allowzero"))


def flatten_target(node: NodeContext, shape: Axes) -> Axes:
    return flattened(shape, node.attributes.integer("axis", 1))


def squeeze_target(node: NodeContext, shape: Axes) -> Axes:
    return squeezed(shape, _axes(node))


def unsqueeze_target(node: NodeContext, shape: Axes) -> Axes:
    return unsqueezed(shape, _axes(node) or ())


def _axes(node: NodeContext) -> Axes | None:
    node.integers(1, "axes")  # must be known if they are an input
    return axes_of(node.attributes, node.arrays())


def reshape(target: NewShape) -> MakeLayers:
    def make(node: NodeContext) -> list[Value]:
        data = node.layer(0)
        return [node.add(row_name(node.op), primitives.Reshape(target(node, node.shape(data))), [data])]

    return make


def reshape_constant(target: NewShape) -> Rearrange:
    def make(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
        shape = target(node, array.shape)
        if prod(shape) != array.elements:
            raise MalformedError(f"it must keep the elements, got {array.shape} as {shape}")
        return array.through(lambda values: values.reshape(shape), shape)

    return make


def transpose(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    return [node.add("transpose", primitives.Transpose(_order(node, len(node.shape(data)))), [data])]


def transpose_constant(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    order = _order(node, len(array.shape))
    return array.through(lambda values: values.transpose(order), tuple(array.shape[axis] for axis in order))


def _order(node: NodeContext, rank: int) -> Axes:
    """The order of the axes after a Transpose: reversed, if the file does not say."""
    order = node.attributes.integers("perm") or tuple(range(rank))[::-1]
    if sorted(order) != list(range(rank)):
        raise MalformedError(f"its perm must order {rank} axes, got {order}")
    return order


def expand(node: NodeContext) -> list[Value]:
    target = node.integers(1, "shape") or ()
    if min(target, default=1) < 1:
        raise MalformedError(f"its shape must have sizes, got {target}")
    return [node.add("expand", primitives.Expand(target), [node.layer(0)])]


def tile(node: NodeContext) -> list[Value]:
    """Each axis repeated: expanded along a new axis in front of it, unless it has length 1 itself."""
    data, repeats = node.layer(0), node.integers(1, "repeats")
    shape = node.shape(data)
    if repeats is None or len(repeats) != len(shape) or min(repeats, default=1) < 1:
        raise MalformedError(f"its repeats must be {len(shape)} positive numbers, got {repeats}")
    tiled = tuple(size * times for size, times in zip(shape, repeats, strict=True))
    if all(size == 1 or times == 1 for size, times in zip(shape, repeats, strict=True)):
        return [node.add("tile", primitives.Expand(tiled), [data])]
    apart = primitives.Reshape(tuple(n for size in shape for n in (1, size)))
    data = node.add("reshape", apart, [data], suffix="/apart")
    repeated = primitives.Expand(tuple(n for pair in zip(repeats, shape, strict=True) for n in pair))
    data = node.add("expand", repeated, [data], suffix="/repeated")
    return [node.add("tile", primitives.Reshape(tiled), [data])]


def depth_to_space(node: NodeContext) -> list[Value]:
    """Channels become blocks of pixels; the block's axes come before the channels in mode DCR, after them in CRD."""
    data, block = node.layer(0), node.attributes.integer("blocksize", 0)
    shape = node.shape(data)
    if len(shape) != 4 or block < 1 or shape[1] % block**2:
        raise MalformedError(f"its blocksize {block} must divide the channels of (batch, channels, h, w), got {shape}")
    batch, channels, height, width = shape
    if node.attributes.text("mode", "DCR") == "CRD":
        apart, order = (batch, channels // block**2, block, block, height, width), (0, 1, 4, 2, 5, 3)
    else:
        apart, order = (batch, block, block, channels // block**2, height, width), (0, 3, 4, 1, 5, 2)
    joined = (batch, channels // block**2, height * block, width * block)
    return _rearranged(node, data, "depth_to_space", apart, order, joined)


def space_to_depth(node: NodeContext) -> list[Value]:
    """Blocks of pixels become channels."""
    data, block = node.layer(0), node.attributes.integer("blocksize", 0)
    shape = node.shape(data)
    if len(shape) != 4 or block < 1 or shape[2] % block or shape[3] % block:
        raise MalformedError(f"its blocksize {block} must divide height and width, got {shape}")
    batch, channels, height, width = shape
    apart = (batch, channels, height // block, block, width // block, block)
    joined = (batch, channels * block**2, height // block, width // block)
    return _rearranged(node, data, "space_to_depth", apart, (0, 3, 5, 1, 2, 4), joined)


def _rearranged(node: NodeContext, data: int, op: str, apart: Axes, order: Axes, joined: Axes) -> list[Value]:
    data = node.add("reshape", primitives.Reshape(apart), [data], suffix="/apart")
    data = node.add("transpose", primitives.Transpose(order), [data], suffix="/transpose")
    return [node.add(op, primitives.Reshape(joined), [data])]


def shape_of(node: NodeContext) -> list[Value]:
    return [computed(shape_part(_input_shape(node), node.attributes))]


def size_of(node: NodeContext) -> list[Value]:
    return [computed(np.array(prod(_input_shape(node)), np.int64))]


def _input_shape(node: NodeContext) -> Axes:
    value = node.value(0)
    if value is None:
        raise MalformedError("it has no input")
    return node.shape(value)
