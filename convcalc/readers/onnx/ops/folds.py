"""Operators on small known arrays, with NumPy: the sizes that exported models compute.

A dynamic Reshape, for one, reads a shape made by Shape, Gather, arithmetic and Concat. Once the input's size is
given, all of it is known.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeAlias

import numpy as np
from onnx import helper

from convcalc.readers.onnx.attributes import Attributes
from convcalc.readers.onnx.errors import MalformedError
from convcalc.readers.onnx.shape_rules import (
    Arrays,
    axes_of,
    cuts,
    flattened,
    from_front,
    reshaped,
    shape_part,
    squeezed,
    unsqueezed,
    whole_numbers,
)
from convcalc.readers.onnx.tensors import MAX_FOLDED

Fold: TypeAlias = Callable[[Attributes, Arrays], "np.ndarray | list[np.ndarray] | None"]
"""The outputs of a node whose inputs are known (the first is never None); None if they are not worked out."""


def elementwise(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Fold:
    """The inputs joined by a function of two, from left to right."""

    def fold(attributes: Attributes, arrays: Arrays) -> np.ndarray | None:
        del attributes
        if _is_too_large(arrays):
            return None
        result, *others = _given(arrays)
        for other in others:
            result = function(result, other)
        return result

    return fold


def on_one(function: Callable[[np.ndarray], np.ndarray]) -> Fold:
    """A function of every element that keeps the type."""

    def fold(attributes: Attributes, arrays: Arrays) -> np.ndarray:
        del attributes
        data = _first(arrays)
        return np.asarray(function(data)).astype(data.dtype, copy=False)

    return fold


def unchanged(values: np.ndarray) -> np.ndarray:
    return values


def reciprocal(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / values)


def divided(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Whole numbers are cut towards zero, as in C."""
    if left.dtype.kind not in "iu":
        return np.asarray(left / right)
    if not np.all(right):
        raise MalformedError("a size is divided by 0")
    return np.asarray(np.sign(left) * np.sign(right) * (abs(left) // abs(right)), left.dtype)


def power(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.asarray(np.power(left, right.astype(left.dtype)))


def remainder(attributes: Attributes, arrays: Arrays) -> np.ndarray | None:
    if _is_too_large(arrays):
        return None
    left, right = _given(arrays)
    if not np.all(right):
        raise MalformedError("a size is divided by 0")
    return np.asarray(np.fmod(left, right) if attributes.flag("fmod") else np.mod(left, right))


def where(attributes: Attributes, arrays: Arrays) -> np.ndarray | None:
    del attributes
    if _is_too_large(arrays):
        return None
    condition, yes, no = _given(arrays)
    return np.where(condition.astype(bool), yes, no)


def cast(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    return _first(arrays).astype(helper.tensor_dtype_to_np_dtype(attributes.integer("to", 1)))


def cast_like(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    return _first(arrays).astype(_given(arrays)[1].dtype)


def concatenated(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    return np.concatenate(_given(arrays), attributes.integer("axis", 0))


def split(attributes: Attributes, arrays: Arrays) -> list[np.ndarray] | None:
    """The parts, if the node says their sizes."""
    sizes = attributes.integers("split")
    if sizes is None and len(arrays) < 2:
        return None
    sizes = sizes or (whole_numbers(arrays[1]) if len(arrays) > 1 else None)
    if sizes is None:
        raise MalformedError("a known array is split into parts without sizes")
    return list(np.split(_first(arrays), np.cumsum(sizes)[:-1], attributes.integer("axis", 0)))


def sliced(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    data = _first(arrays)
    parts = cuts(data.shape, attributes, arrays)
    if parts is None:
        raise MalformedError("a slice needs starts and ends")
    for cut in parts:
        data = np.take(data, [cut.first + n * cut.step for n in range(cut.count)], cut.axis)
    return data


def gathered(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    data, indices = _given(arrays)
    axis = from_front(attributes.integer("axis", 0), data.ndim)
    if data.size // max(1, data.shape[axis]) * indices.size > MAX_FOLDED:
        raise MalformedError("a known array is gathered from too often")
    return np.take(data, indices.astype(np.int64), axis)


def scattered(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    data, indices, updates = _given(arrays)
    result = data.copy()
    result[tuple(np.moveaxis(indices.astype(np.int64), -1, 0))] = updates
    return result


def counted_up(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    """The output of Range."""
    del attributes
    start, limit, delta = (array.reshape(-1)[0] for array in _given(arrays))
    count = int(np.ceil((limit - start) / delta)) if delta else 0
    if count > MAX_FOLDED:
        raise MalformedError(f"a range of {count} is too long")
    return np.asarray(start + delta * np.arange(max(0, count), dtype=_first(arrays).dtype))


def expanded(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    data = _first(arrays)
    return np.broadcast_to(data, np.broadcast_shapes(data.shape, whole_numbers(arrays[1]) or ()))


def tiled(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    repeats = whole_numbers(arrays[1]) or ()
    if _first(arrays).size * prod(repeats) > MAX_FOLDED:
        raise MalformedError("a known array is repeated too often")
    return np.tile(_first(arrays), repeats)


def reshape(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    data = _first(arrays)
    return data.reshape(reshaped(data.shape, whole_numbers(arrays[1]) or (), attributes.flag("allowzero")))


def flatten(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    data = _first(arrays)
    return data.reshape(flattened(data.shape, attributes.integer("axis", 1)))


def squeeze(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    data = _first(arrays)
    return data.reshape(squeezed(data.shape, axes_of(attributes, arrays)))


def unsqueeze(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    data = _first(arrays)
    return data.reshape(unsqueezed(data.shape, axes_of(attributes, arrays) or ()))


def transpose(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    return _first(arrays).transpose(attributes.integers("perm"))


def shape(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    return shape_part(_first(arrays).shape, attributes)


def size(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    return np.asarray(_first(arrays).size, np.int64)


def reduced(function: Callable[..., np.ndarray]) -> Fold:
    def fold(attributes: Attributes, arrays: Arrays) -> np.ndarray:
        axes = axes_of(attributes, arrays)
        return function(_first(arrays), axis=axes or None, keepdims=attributes.flag("keepdims", True))

    return fold


def _first(arrays: Arrays) -> np.ndarray:
    first = arrays[0]
    assert first is not None
    return first


def _given(arrays: Arrays) -> list[np.ndarray]:
    return [array for array in arrays if array is not None]


def _is_too_large(arrays: Arrays) -> bool:
    """Whether the inputs broadcast to more elements than are worked out."""
    return prod(np.broadcast_shapes(*(array.shape for array in _given(arrays)))) > MAX_FOLDED
