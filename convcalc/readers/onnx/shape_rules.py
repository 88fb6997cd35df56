"""ONNX's rules for shapes, axes and slices, the same for layers and for constants.

Source: the ONNX operator specification, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from convcalc.notation import Axes
from convcalc.readers.onnx.attributes import Attributes
from convcalc.readers.onnx.errors import MalformedError

Arrays = Sequence["np.ndarray | None"]
"""The inputs of a node as arrays, None for one that is left out or not known."""


def whole_numbers(array: np.ndarray | None) -> tuple[int, ...] | None:
    """The numbers of a small array as Python's integers. Raises MalformedError for anything but integers."""
    if array is None:
        return None
    if array.dtype.kind not in "iub":
        raise MalformedError("sizes and axes must be whole numbers")
    return tuple(int(n) for n in array.reshape(-1))


def axes_of(attributes: Attributes, arrays: Arrays) -> tuple[int, ...] | None:
    """The axes from an attribute, as older files have them, or from the second input."""
    axes = attributes.integers("axes")
    return axes if axes is not None or len(arrays) <= 1 else whole_numbers(arrays[1])


def from_front(axis: int, rank: int) -> int:
    """An axis counted from the front; ONNX counts negative ones from the end.

    >>> from_front(-1, 4)
    3
    """
    if not -rank <= axis < rank:
        raise MalformedError(f"axis {axis} is not one of {rank}")
    return axis % rank


def all_from_front(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Different axes, each counted from the front."""
    counted = tuple(from_front(axis, rank) for axis in axes)
    if len(set(counted)) < len(counted):
        raise MalformedError(f"axes {tuple(axes)} name one axis twice")
    return counted


def reshaped(shape: Axes, target: Sequence[int], allow_zero: bool = False) -> Axes:
    """The shape that a Reshape makes: 0 keeps an axis, -1 takes the elements that are left.

    >>> reshaped((2, 6, 11), (0, 3, -1))
    (2, 3, 22)
    """
    result = list(target)
    for axis, size in enumerate(target):
        if size == 0 and not allow_zero:
            if axis >= len(shape):
                raise MalformedError(f"a shape keeps axis {axis} of {len(shape)}")
            result[axis] = shape[axis]
    if result.count(-1) > 1 or any(n < -1 for n in result):
        raise MalformedError(f"a shape must have sizes and at most one -1, got {tuple(target)}")
    if -1 in result:
        rest = prod(n for n in result if n != -1)
        if rest == 0 or prod(shape) % rest:
            raise MalformedError(f"{shape} does not go into {tuple(target)}")
        result[result.index(-1)] = prod(shape) // rest
    return tuple(result)


def flattened(shape: Axes, axis: int) -> Axes:
    """Two axes: everything before an axis, and the rest.

    >>> flattened((2, 6, 11, 13), 2)
    (12, 143)
    """
    if not -len(shape) <= axis <= len(shape):
        raise MalformedError(f"axis {axis} is not one of {len(shape)}")
    axis += len(shape) if axis < 0 else 0
    return prod(shape[:axis]), prod(shape[axis:])


def squeezed(shape: Axes, axes: Sequence[int] | None) -> Axes:
    """The shape without the given axes of length 1, or without all of that length.

    >>> squeezed((2, 1, 5, 1), (1,)), squeezed((2, 1, 5, 1), None)
    ((2, 5, 1), (2, 5))
    """
    if axes is None:
        return tuple(size for size in shape if size != 1)
    gone = all_from_front(axes, len(shape))
    if any(shape[axis] != 1 for axis in gone):
        raise MalformedError(f"axes {gone} of {shape} must have length 1")
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def unsqueezed(shape: Axes, axes: Sequence[int]) -> Axes:
    """The shape with new axes of length 1, which are numbered as in the result.

    >>> unsqueezed((2, 5), (0, -1))
    (1, 2, 5, 1)
    """
    rank = len(shape) + len(axes)
    new, sizes = all_from_front(axes, rank), iter(shape)
    return tuple(1 if axis in new else next(sizes) for axis in range(rank))


@dataclass(frozen=True, slots=True)
class Cut:
    """Positions of one axis: `first`, first + step, ..., `count` of them."""

    axis: int
    first: int
    count: int
    step: int


def cuts(shape: Axes, attributes: Attributes, arrays: Arrays) -> list[Cut] | None:
    """The positions that a Slice takes along each of its axes; None if its starts or ends are not known.

    Opset 9 and older have starts, ends and axes as attributes, later ones as inputs, with steps.
    """
    steps: tuple[int, ...] | None
    if attributes.integers("starts") is not None:
        starts, ends, axes = (attributes.integers(name) for name in ("starts", "ends", "axes"))
        steps = None
    else:
        starts, ends, axes, steps = (
            whole_numbers(arrays[number]) if number < len(arrays) else None for number in range(1, 5)
        )
    if starts is None or ends is None:
        return None
    along = all_from_front(range(len(starts)) if axes is None else axes, len(shape))
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(along) == len(steps) or 0 in steps:
        raise MalformedError("a slice needs as many starts as ends, axes and steps, and no step of 0")
    result = []
    for axis, start, end, step in zip(along, starts, ends, steps, strict=True):
        first, stop, hop = slice(start, end, step).indices(shape[axis])
        result.append(Cut(axis, first, len(range(first, stop, hop)), hop))
    return result


def shape_part(shape: Axes, attributes: Attributes) -> np.ndarray:
    """The output of Shape: all sizes, or those from `start` to `end`."""
    end = attributes.integer("end", len(shape))
    return np.array(shape[slice(attributes.integer("start", 0), end)], np.int64)
