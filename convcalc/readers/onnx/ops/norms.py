"""Normalizations and Softmax."""

from __future__ import annotations

from math import prod

import numpy as np

from convcalc.graph import primitives
from convcalc.notation import Axes
from convcalc.readers.onnx.errors import MalformedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import MakeLayers, NodeContext
from convcalc.readers.onnx.shape_rules import all_from_front, flattened, from_front
from convcalc.readers.onnx.tensors import ConstantTensor
from convcalc.readers.onnx.weights import behind


def batch_norm(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    shape = node.shape(data)
    arrays = scale_and_shift(node, channels_of(shape))
    if node.attributes.flag("training_mode"):  # it uses the statistics of the batch, not the stored ones
        over = (0, *range(2, len(shape)))
        primitive = primitives.Normalize("instance_norm", channels_of(shape), over, epsilon=epsilon_of(node))
        return [node.add("batch_norm", primitive, [data], arrays)]
    arrays += [node.constant(3, "mean"), node.constant(4, "variance")]
    primitive = primitives.Normalize("batch_norm", channels_of(shape), epsilon=epsilon_of(node))
    return [node.add("batch_norm", primitive, [data], arrays)]


def instance_norm(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    shape = node.shape(data)
    arrays = scale_and_shift(node, channels_of(shape))
    over = tuple(range(2, len(shape)))
    if isinstance(behind(node.layers.nodes, data).primitive, primitives.Reshape) and _changes_nothing(*arrays):
        primitive = primitives.Normalize("instance_norm", (), over, epsilon=epsilon_of(node))
        return [node.add("instance_norm", primitive, [data])]
    primitive = primitives.Normalize("instance_norm", arrays[0].shape, over, epsilon=epsilon_of(node))
    return [node.add("instance_norm", primitive, [data], arrays)]


def _changes_nothing(scale: ConstantTensor, shift: ConstantTensor) -> bool:
    """Whether scale and shift are the constants 1 and 0 with which exporters write a group normalization.

    It is on groups of channels that a reshape has made.
    """
    if scale.learned or shift.learned:
        return False
    ones, zeros = scale.small_values(), shift.small_values()
    return ones is not None and zeros is not None and np.allclose(ones, 1) and np.allclose(zeros, 0)


def layer_norm(kind: str) -> MakeLayers:
    def make(node: NodeContext) -> list[Value]:
        data = node.layer(0)
        rank = len(node.shape(data))
        axis = from_front(node.attributes.integer("axis", -1), rank)
        shape = node.constant(1, "scale").shape
        arrays = scale_and_shift(node, shape, shift_needed=False)
        over = tuple(range(axis, rank))
        primitive = primitives.Normalize(kind, shape, over, epsilon=epsilon_of(node), bias=len(arrays) > 1)
        return [node.add(kind, primitive, [data], arrays)]

    return make


def group_norm(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    shape, groups = node.shape(data), node.attributes.integer("num_groups", 0)
    if len(shape) < 2 or groups < 1 or shape[1] % groups:
        raise MalformedError(f"its num_groups must divide the channels, got {groups} and shape {shape}")
    # one scale per group before opset 21, one per channel since
    arrays = scale_and_shift(node, (shape[1] if node.opset >= 21 else groups,))
    over = (1, *range(2, len(shape)))
    primitive = primitives.Normalize("group_norm", arrays[0].shape, over, groups, epsilon_of(node))
    return [node.add("group_norm", primitive, [data], arrays)]


def local_response_norm(node: NodeContext) -> list[Value]:
    defaults = (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    settings = tuple((name, node.attributes.number(name, default)) for name, default in defaults)
    settings += (("size", float(node.attributes.integer("size", 1))),)
    return [node.add("lrn", primitives.Normalize("lrn", (), (1,), settings=settings), [node.layer(0)])]


def lp_norm(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    axis = from_front(node.attributes.integer("axis", -1), len(node.shape(data)))
    settings = (("p", float(node.attributes.integer("p", 2))),)
    return [node.add("lp_norm", primitives.Normalize("lp_norm", (), (axis,), settings=settings), [data])]


def mean_variance_norm(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    axes = all_from_front(node.attributes.integers("axes") or (0, 2, 3), len(node.shape(data)))
    primitive = primitives.Normalize("mean_variance_norm", (), axes, epsilon=1e-9)
    return [node.add("mean_variance_norm", primitive, [data])]


def softmax(log: bool) -> MakeLayers:
    """Along one axis since opset 13; before, along everything from an axis on."""
    op = "log_softmax" if log else "softmax"

    def make(node: NodeContext) -> list[Value]:
        data = node.layer(0)
        shape = node.shape(data)
        axis = from_front(node.attributes.integer("axis", -1 if node.opset >= 13 else 1), len(shape))
        if node.opset >= 13 or prod(shape[axis + 1 :]) == 1:
            return [node.add(op, primitives.Softmax(axis, log), [data])]
        rows = node.add("flatten", primitives.Reshape(flattened(shape, axis)), [data], suffix="/flatten")
        rows = node.add(op, primitives.Softmax(1, log), [rows], suffix=f"/{op}")
        return [node.add("reshape", primitives.Reshape(shape), [rows])]

    return make


def channels_of(shape: Axes) -> Axes:
    """(channels,); a tensor with only a batch axis has one channel."""
    return (shape[1] if len(shape) > 1 else 1,)


def epsilon_of(node: NodeContext) -> float:
    return node.attributes.number("epsilon", 1e-5)


def scale_and_shift(node: NodeContext, shape: Axes, *, shift_needed: bool = True) -> list[ConstantTensor]:
    """The second and third input, each of this shape; the shift may be left out unless it is needed."""
    found = [node.constant(number, "scale") for number in (1, 2) if node.has(number)]
    if (shift_needed and len(found) < 2) or any(array.shape != shape for array in found):
        raise MalformedError(f"its scale and shift must have shape {shape}, got {[array.shape for array in found]}")
    return found
