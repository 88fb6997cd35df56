"""The small arrays of an ONNX graph worked out with NumPy: the sizes that exported models compute on their way.

A dynamic Reshape, for one, is fed by Shape, Gather, arithmetic and Concat; with the input's size given all of it is
known. Only what stays small is worked out, and only with the operators below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from onnx import helper

from convcalc.graph.stages import Axes
from convcalc.readers.onnx.values import MOST_FOLDED, Attributes, MalformedError, constant

Arrays = Sequence["np.ndarray | None"]
Fold = Callable[[Attributes, Arrays], "np.ndarray | list[np.ndarray]"]


def folded(op: str, attributes: Attributes, arrays: Arrays) -> list[np.ndarray] | None:
    """What an operator makes of known arrays; None for an operator that is not worked out, or a result too large.

    Raises MalformedError, or what NumPy raises, for arrays that do not fit together.
    """
    fold = FOLDS.get(op)
    if fold is None or not arrays or arrays[0] is None:
        return None
    if op in ELEMENTWISE and prod(np.broadcast_shapes(*(a.shape for a in arrays if a is not None))) > MOST_FOLDED:
        return None
    with np.errstate(all="ignore"):
        result = fold(attributes, arrays)
    results = [np.asarray(array) for array in (result if isinstance(result, list) else [result])]
    return None if any(array.size > MOST_FOLDED for array in results) else results


def integers(array: np.ndarray | None) -> tuple[int, ...] | None:
    """The numbers of a small array as Python's integers. Raises MalformedError for anything but integers."""
    if array is None:
        return None
    if array.dtype.kind not in "iub":
        raise MalformedError("sizes and axes must be whole numbers")
    return tuple(int(n) for n in array.reshape(-1))


def axes_of(attributes: Attributes, arrays: Arrays, place: int = 1) -> tuple[int, ...] | None:
    """Axes from an attribute, as older files have them, or from an input."""
    given = attributes.ints("axes")
    return given if given is not None or len(arrays) <= place else integers(arrays[place])


def on_axis(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    if not -rank <= axis < rank:
        raise MalformedError(f"axis {axis} is not one of {rank}")
    return axis % rank


def on_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    placed = tuple(on_axis(axis, rank) for axis in axes)
    if len(set(placed)) < len(placed):
        raise MalformedError(f"axes {tuple(axes)} name one axis twice")
    return placed


def reshaped(shape: Axes, wanted: Sequence[int], allow_zero: bool = False) -> Axes:
    """The shape that a Reshape asks for: 0 keeps an axis, -1 takes what is left."""
    result = list(wanted)
    for axis, size in enumerate(wanted):
        if size == 0 and not allow_zero:
            if axis >= len(shape):
                raise MalformedError(f"a shape keeps axis {axis} of {len(shape)}")
            result[axis] = shape[axis]
    if result.count(-1) > 1 or any(n < -1 for n in result):
        raise MalformedError(f"a shape must have sizes and at most one -1, got {tuple(wanted)}")
    if -1 in result:
        rest = prod(n for n in result if n != -1)
        if rest == 0 or prod(shape) % rest:
            raise MalformedError(f"{shape} does not go into {tuple(wanted)}")
        result[result.index(-1)] = prod(shape) // rest
    return tuple(result)


def squeezed(shape: Axes, axes: Sequence[int] | None) -> Axes:
    """The shape without these axes of length 1, or without all such."""
    gone = (
        on_axes(axes, len(shape)) if axes is not None else tuple(axis for axis, size in enumerate(shape) if size == 1)
    )
    if any(shape[axis] != 1 for axis in gone):
        raise MalformedError(f"axes {gone} of {shape} must have length 1")
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def unsqueezed(shape: Axes, axes: Sequence[int]) -> Axes:
    """The shape with axes of length 1 at these places of the result."""
    rank = len(shape) + len(axes)
    new, sizes = on_axes(axes, rank), iter(shape)
    return tuple(1 if axis in new else next(sizes) for axis in range(rank))


def slices(shape: Axes, attributes: Attributes, arrays: Arrays) -> list[tuple[int, int, int, int]] | None:
    """(axis, first, count, step) of a Slice; None where an input that says so is not known."""
    if attributes.ints("starts") is not None:
        starts, ends, axes, steps = attributes.ints("starts"), attributes.ints("ends"), attributes.ints("axes"), None
    else:
        told = [integers(arrays[place]) if place < len(arrays) else None for place in range(1, 5)]
        starts, ends, axes, steps = told
    if starts is None or ends is None:
        return None
    placed = on_axes(range(len(starts)) if axes is None else axes, len(shape))
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(placed) == len(steps) or 0 in steps:
        raise MalformedError("a slice needs as many starts as ends, axes and steps, and no step of 0")
    result = []
    for axis, start, end, step in zip(placed, starts, ends, steps, strict=True):
        first, stop, hop = slice(start, end, step).indices(shape[axis])
        result.append((axis, first, len(range(first, stop, hop)), hop))
    return result


def _sliced(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    data = _first(arrays)
    parts = slices(data.shape, attributes, arrays)
    if parts is None:
        raise MalformedError("a slice needs starts and ends")
    for axis, first, count, step in parts:
        data = np.take(data, [first + n * step for n in range(count)], axis)
    return data


def _first(arrays: Arrays) -> np.ndarray:
    first = arrays[0]
    assert first is not None
    return first


def _all(arrays: Arrays) -> list[np.ndarray]:
    return [array for array in arrays if array is not None]


def _range(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    start, limit, delta = (array.reshape(-1)[0] for array in _all(arrays))
    count = int(np.ceil((limit - start) / delta)) if delta else 0
    if count > MOST_FOLDED:
        raise MalformedError(f"a range of {count} is too long")
    return np.asarray(start + delta * np.arange(max(0, count), dtype=_first(arrays).dtype))


def _filled(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    shape = integers(arrays[0]) or ()
    tensor = attributes.tensor("value")
    value = np.zeros(1, np.float32) if tensor is None else constant(tensor, "").load().reshape(-1)
    if any(n < 0 for n in shape):
        raise MalformedError(f"a shape must have sizes, got {shape}")
    # over the limit, an array that takes no memory says so
    return np.broadcast_to(value[:1].reshape(()), shape)


def _expanded(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    data = _first(arrays)
    shape = np.broadcast_shapes(data.shape, integers(arrays[1]) or ())
    return np.broadcast_to(data, shape)


def _tiled(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    repeats = integers(arrays[1]) or ()
    if _first(arrays).size * prod(repeats) > MOST_FOLDED:
        raise MalformedError("a known array is repeated too often")
    return np.tile(_first(arrays), repeats)


def _cast(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    return _first(arrays).astype(helper.tensor_dtype_to_np_dtype(attributes.int("to", 1)))


def _gathered(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    data, indices = _all(arrays)
    axis = on_axis(attributes.int("axis", 0), data.ndim)
    if data.size // max(1, data.shape[axis]) * indices.size > MOST_FOLDED:
        raise MalformedError("a known array is gathered from too often")
    return np.take(data, indices.astype(np.int64), axis)


def _concatenated(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    return np.concatenate(_all(arrays), attributes.int("axis", 0))


def _split(attributes: Attributes, arrays: Arrays) -> list[np.ndarray]:
    data, sizes = _first(arrays), attributes.ints("split") or (integers(arrays[1]) if len(arrays) > 1 else None)
    if sizes is None:
        raise MalformedError("a known array is split into parts without sizes")
    ends = np.cumsum(sizes)[:-1]
    return list(np.split(data, ends, attributes.int("axis", 0)))


def _reduced(function: Callable[..., np.ndarray]) -> Fold:
    def fold(attributes: Attributes, arrays: Arrays) -> np.ndarray:
        axes, keep = axes_of(attributes, arrays), bool(attributes.int("keepdims", 1))
        return function(_first(arrays), axis=axes or None, keepdims=keep)

    return fold


def _on_one(function: Callable[..., np.ndarray]) -> Fold:
    def fold(attributes: Attributes, arrays: Arrays) -> np.ndarray:
        del attributes
        data = _first(arrays)
        return np.asarray(function(data)).astype(data.dtype, copy=False)

    return fold


def _on_all(function: Callable[..., np.ndarray]) -> Fold:
    def fold(attributes: Attributes, arrays: Arrays) -> np.ndarray:
        del attributes
        result = _first(arrays)
        for other in _all(arrays)[1:]:
            result = function(result, other)
        return result

    return fold


def _divided(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Whole numbers are cut towards zero, as in C."""
    if left.dtype.kind not in "iu":
        return np.asarray(left / right)
    if not np.all(right):
        raise MalformedError("a size is divided by 0")
    return np.asarray(np.sign(left) * np.sign(right) * (abs(left) // abs(right)), left.dtype)


def _remainder(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    left, right = _all(arrays)
    if not np.all(right):
        raise MalformedError("a size is divided by 0")
    return np.asarray(np.fmod(left, right) if attributes.int("fmod", 0) else np.mod(left, right))


def _where(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    condition, yes, no = _all(arrays)
    return np.where(condition.astype(bool), yes, no)


def _scattered(attributes: Attributes, arrays: Arrays) -> np.ndarray:
    del attributes
    data, indices, updates = _all(arrays)
    result = data.copy()
    result[tuple(np.moveaxis(indices.astype(np.int64), -1, 0))] = updates
    return result


ELEMENTWISE: dict[str, Fold] = {
    "Add": _on_all(np.add), "Sub": _on_all(np.subtract), "Mul": _on_all(np.multiply), "Div": _on_all(_divided),
    "Pow": _on_all(lambda a, b: np.power(a, b.astype(a.dtype))), "Max": _on_all(np.maximum),
    "Min": _on_all(np.minimum), "Sum": _on_all(np.add), "Equal": _on_all(np.equal), "Less": _on_all(np.less),
    "Greater": _on_all(np.greater), "LessOrEqual": _on_all(np.less_equal),
    "GreaterOrEqual": _on_all(np.greater_equal), "And": _on_all(np.logical_and), "Or": _on_all(np.logical_or),
    "Mod": _remainder, "Where": _where,
}  # fmt: skip
ON_ONE: dict[str, Callable[..., np.ndarray]] = {
    "Identity": lambda a: a,
    "Dropout": lambda a: a,
    "Neg": np.negative,
    "Abs": np.abs,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Sqrt": np.sqrt,
    "Exp": np.exp,
    "Log": np.log,
    "Sign": np.sign,
    "Not": np.logical_not,
    "Reciprocal": lambda a: 1 / a,
    "Sin": np.sin,
    "Cos": np.cos,
}
FOLDS: dict[str, Fold] = {
    **ELEMENTWISE,
    **{name: _on_one(function) for name, function in ON_ONE.items()},
    "Cast": _cast,
    "CastLike": lambda _, arrays: _first(arrays).astype(_all(arrays)[1].dtype),
    "Concat": _concatenated,
    "Gather": _gathered,
    "Slice": _sliced,
    "Split": _split,
    "Range": _range,
    "ConstantOfShape": _filled,
    "Expand": _expanded,
    "Tile": _tiled,
    "ScatterND": _scattered,
    "Shape": lambda attributes, arrays: shape_part(_first(arrays).shape, attributes),
    "Size": lambda _, arrays: np.asarray(_first(arrays).size, np.int64),
    "Reshape": lambda attributes, arrays: _first(arrays).reshape(
        reshaped(_first(arrays).shape, integers(arrays[1]) or (), bool(attributes.int("allowzero", 0)))
    ),
    "Flatten": lambda attributes, arrays: _first(arrays).reshape(
        flattened(_first(arrays).shape, attributes.int("axis", 1))
    ),
    "Squeeze": lambda attributes, arrays: _first(arrays).reshape(
        squeezed(_first(arrays).shape, axes_of(attributes, arrays))
    ),
    "Unsqueeze": lambda attributes, arrays: _first(arrays).reshape(
        unsqueezed(_first(arrays).shape, axes_of(attributes, arrays) or ())
    ),
    "Transpose": lambda attributes, arrays: _first(arrays).transpose(attributes.ints("perm")),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
}  # fmt: skip


def shape_part(shape: Axes, attributes: Attributes) -> np.ndarray:
    """What Shape gives: all sizes, or those from `start` to `end`."""
    rank = len(shape)
    end = attributes.int("end", rank)
    return np.array(shape[slice(attributes.int("start", 0), end)], np.int64)


def flattened(shape: Axes, axis: int) -> Axes:
    """Two axes: what lies before an axis, and the rest."""
    if not -len(shape) <= axis <= len(shape):
        raise MalformedError(f"axis {axis} is not one of {len(shape)}")
    axis += len(shape) if axis < 0 else 0
    return prod(shape[:axis]), prod(shape[axis:])
