"""Constant and ConstantOfShape: arrays inside the graph."""

from __future__ import annotations

from math import prod

import numpy as np

from convcalc.readers.onnx.errors import UnsupportedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import NodeContext
from convcalc.readers.onnx.shape_rules import whole_numbers
from convcalc.readers.onnx.tensors import MAX_FOLDED, ConstantTensor, attribute_tensor, computed, dimensions


def constant(node: NodeContext) -> list[Value]:
    """The value of a Constant node, which ONNX keeps under one of several names."""
    attributes = node.attributes
    tensor = attributes.tensor("value")
    if tensor is not None:
        return [attribute_tensor(tensor, node.folder, node.outputs[0] if node.outputs else "")]
    if "value_float" in attributes:
        return [computed(np.array(attributes.number("value_float", 0), np.float32))]
    if "value_int" in attributes:
        return [computed(np.array(attributes.integer("value_int", 0), np.int64))]
    numbers, integers = attributes.numbers("value_floats"), attributes.integers("value_ints")
    if numbers is not None:
        return [computed(np.array(numbers, np.float32))]
    if integers is not None:
        return [computed(np.array(integers, np.int64))]
    raise UnsupportedError("its value is not an array of numbers")


def filled(node: NodeContext, shape: ConstantTensor) -> ConstantTensor | None:
    """An array of one number; a large one is made only when its values are needed."""
    numbers = whole_numbers(shape.small_values())
    if numbers is None:
        return None
    sizes = dimensions(numbers, node.name)
    proto = node.attributes.tensor("value")
    fill = computed(np.zeros(1, np.float32)) if proto is None else attribute_tensor(proto, node.folder)
    if prod(sizes) > MAX_FOLDED:
        return ConstantTensor(sizes, fill.type, lambda: np.full(sizes, fill.values().reshape(-1)[0]))
    return computed(np.broadcast_to(fill.values().reshape(-1)[:1].reshape(()), sizes))
