"""QuantizeLinear and DequantizeLinear: of layers, and of weights."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from onnx import TensorProto, helper

from convcalc.graph import primitives
from convcalc.readers.onnx.errors import MalformedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import MakeLayers, NodeContext
from convcalc.readers.onnx.shape_rules import from_front
from convcalc.readers.onnx.tensors import ConstantTensor


def quantize(kind: str) -> MakeLayers:
    def make(node: NodeContext) -> list[Value]:
        scalars = (("scale", node.scalar(1)), ("zero_point", node.scalar(2)))
        settings = tuple((name, number) for name, number in scalars if number is not None)
        return [node.add(kind, primitives.Elementwise(kind, settings), [node.layer(0)])]

    return make


def dequantized_constant(node: NodeContext, array: ConstantTensor) -> ConstantTensor:
    """Weights stored as small integers: (integer - zero point) * scale."""
    scale, zero, spread = _quantization(node, array)

    def dequantized(values: np.ndarray) -> np.ndarray:
        shift = 0 if zero is None else spread(zero.values().astype(np.float32))
        return np.asarray((values.astype(np.float32) - shift) * spread(scale.values()))

    learned = array.elements > 1 and not array.setting
    return array.through(dequantized, type=scale.type, learned=learned, scales=(scale, zero))


def quantized_constant(node: NodeContext, array: ConstantTensor) -> ConstantTensor | None:
    """Weights that training rounds to small integers: round(value / scale) + zero point, within the integer's range."""
    scale, zero, spread = _quantization(node, array)
    type = TensorProto.UINT8 if zero is None else zero.type
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(type))
    if dtype.kind not in "iu":
        return None

    def quantized(values: np.ndarray) -> np.ndarray:
        shift = 0 if zero is None else spread(zero.values().astype(np.float32))
        limits = np.iinfo(dtype)
        rounded: np.ndarray = np.rint(values / spread(scale.values())) + shift
        return rounded.clip(limits.min, limits.max).astype(dtype)

    return array.through(quantized, type=type, scales=(scale, zero))


def _quantization(
    node: NodeContext, array: ConstantTensor
) -> tuple[ConstantTensor, ConstantTensor | None, Callable[[np.ndarray], np.ndarray]]:
    """Scale and zero point of a constant, and what spreads them over its shape.

    There is one number, one per index of an axis, or one per block along that axis.
    """
    scale, zero = node.constant(1, "scale"), node.constant(2, "zero point") if node.has(2) else None
    shape, block = (1,) * len(array.shape), node.attributes.integer("block_size", 0)
    if block or scale.elements != 1:
        axis = from_front(node.attributes.integer("axis", 1), len(array.shape))
        along = -(-array.shape[axis] // block) if block > 0 else array.shape[axis]
        around = array.shape if block else shape
        shape = (*around[:axis], along, *around[axis + 1 :])
    if scale.elements != prod(shape) or (zero is not None and zero.elements != scale.elements):
        raise MalformedError(f"its scale and zero point must have {prod(shape)} numbers, got {scale.elements}")

    def spread(values: np.ndarray) -> np.ndarray:
        values = values.reshape(shape)
        return np.take(values.repeat(block, axis), range(array.shape[axis]), axis) if block > 0 else values

    return scale, zero, spread
