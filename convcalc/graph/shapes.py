"""The output shape of every primitive: one match, usable without a graph.

Formulas and sources are those of `convcalc.axis`, the arithmetic of one axis; here a window is mapped over the spatial
axes, and the other primitives work on whole shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod
from typing import NamedTuple, TypeVar, assert_never

from convcalc.axis.padding import cropped, padded
from convcalc.axis.window import Window, ceiled_size, max_output_padding, output_size, transposed_size
from convcalc.errors import ShapeError
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Constant,
    Convolution,
    Correlate,
    Elementwise,
    Expand,
    Input,
    Linear,
    MatMul,
    Merge,
    Normalize,
    Pad,
    Pool,
    Primitive,
    Reduce,
    Reshape,
    Resize,
    ShuffleChannels,
    Slice,
    Softmax,
    Take,
    Transpose,
    TransposedCorrelate,
    Unknown,
    Windowed,
    WithConstant,
    windows,
)  # fmt: skip
from convcalc.notation import Axes, show_size

W = TypeVar("W", bound=Windowed)
MAX_DIVISOR = 1 << 16
"""Largest group count considered as a suggestion in messages."""
AXIS_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class Placed(NamedTuple):
    """A primitive with its padding as numbers, and its whole output shape; None if that cannot be known."""

    primitive: Primitive
    shape: Axes | None


def place(primitive: Primitive, shapes: Sequence[Axes], names: Sequence[str] = ()) -> Placed:
    """The primitive on inputs of these whole shapes; `names` are the names of the inputs, for messages.

    Raises ShapeError if they do not fit.

    >>> from convcalc.graph.primitives import Pool
    >>> place(Pool("max", (3, 3), (2, 2), "same", (1, 1)), [(1, 64, 7, 8)]).shape
    (1, 64, 4, 4)
    """
    match primitive:
        case Correlate() | TransposedCorrelate():
            _check_spatial(shapes[0])
            _check_channels(primitive, shapes[0][1])
            known = resolved(primitive, shapes[0][2:])
            return Placed(known, (shapes[0][0], known.out_channels, *_along_axes(known, shapes[0][2:])))
        case Pool():
            _check_spatial(shapes[0])
            pool = resolved(primitive, shapes[0][2:])
            return Placed(pool, (*shapes[0][:2], *_along_axes(pool, shapes[0][2:])))
        case ShuffleChannels():
            _check_spatial(shapes[0])
            channels = shapes[0][1]
            _check_divides(primitive.groups, channels, "channels", channels)
            return Placed(primitive, shapes[0])
        case Input() | Constant() | Unknown() | Reshape():
            if isinstance(primitive, Reshape) and prod(primitive.shape) != prod(shapes[0]):
                sizes = show_size(shapes[0]), show_size(primitive.shape)
                raise ShapeError(f"must keep the elements, got {sizes[0]} as {sizes[1]}")
            return Placed(primitive, primitive.shape)
        case Linear():
            return Placed(primitive, _rows(primitive, shapes[0]))
        case MatMul():
            return Placed(primitive, _product(*shapes))
        case Normalize() | Elementwise() | Softmax():
            return Placed(primitive, shapes[0])
        case WithConstant():
            return Placed(primitive, broadcast((shapes[0], primitive.shape), (*names[:1], "its own array")))
        case Merge():
            rank = max(map(len, shapes))
            full = [with_space(shape, rank) if primitive.flat else shape for shape in shapes]
            return Placed(primitive, broadcast(full, names))
        case Concat():
            return Placed(primitive, _joined(primitive.axis, shapes, names))
        case Reduce():
            kept = (1 if axis in primitive.axes else size for axis, size in enumerate(shapes[0]))
            return Placed(primitive, tuple(n for a, n in enumerate(kept) if primitive.keep or a not in primitive.axes))
        case Slice():
            return Placed(primitive, _with_size(shapes[0], primitive.axis, primitive.length))
        case Take():
            before, after = shapes[0][: primitive.axis], shapes[0][primitive.axis + 1 :]
            return Placed(primitive, (*before, *primitive.shape, *after))
        case Pad():
            longer = tuple(b + size + a for size, (b, a) in zip(shapes[0], primitive.pairs, strict=True))
            if min(longer) < 1:
                raise ShapeError(f"padding must leave something, got {show_size(longer)}")
            return Placed(primitive, longer)
        case Transpose():
            return Placed(primitive, tuple(shapes[0][axis] for axis in primitive.order))
        case Expand():
            return Placed(primitive, broadcast((shapes[0], primitive.shape), (*names[:1], "the shape wanted")))
        case Resize() | AdaptivePool():
            return Placed(primitive, (*shapes[0][: -len(primitive.sizes)], *primitive.sizes))
        case _:
            assert_never(primitive)


def resolved(primitive: W, spatial: Sequence[int | None]) -> W:
    """The primitive with its padding as numbers; sizes may be None if the padding word does not depend on them."""
    if not isinstance(primitive.padding, str):
        return primitive
    word = primitive.padding
    plain = [Window(*axis) for axis in zip(primitive.kernel, primitive.stride, primitive.dilation, strict=True)]
    if isinstance(primitive, TransposedCorrelate):
        crops = [cropped(word, window) for window in plain]
        longer = tuple(own + crop[2] for own, crop in zip(primitive.output_padding, crops, strict=True))
        return primitive._replace(padding=tuple(crop[:2] for crop in crops), output_padding=longer)
    pairs = tuple(padded(word, size, window) for size, window in zip(spatial, plain, strict=True))
    return primitive._replace(padding=pairs)  # type: ignore[return-value]  # the same class


def broadcast(shapes: Sequence[Axes], names: Sequence[str]) -> Axes:
    """The shape that all of these broadcast to, as in NumPy. Raises ShapeError, naming two that disagree."""
    result: Axes = ()
    for number, shape in enumerate(shapes):
        longer = max(len(result), len(shape))
        ours, theirs = ((1,) * (longer - len(axes)) + axes for axes in (result, shape))
        if any(a != b and 1 not in (a, b) for a, b in zip(ours, theirs, strict=True)):
            first = next(n for n in range(number) if not _stretch(shapes[n], shape))
            raise ShapeError(
                f"its inputs must have one shape, got {shown(shapes[first])} from {names[first]} "
                f"and {shown(shape)} from {names[number]}; give both branches the same filters, strides and padding"
            )
        result = tuple(max(a, b) for a, b in zip(ours, theirs, strict=True))
    return result


def with_space(shape: Axes, rank: int) -> Axes:
    """(batch, features) as (batch, features, 1, ...); a shape that has spatial axes stays as it is."""
    return (*shape, *(1,) * (rank - 2)) if len(shape) == 2 else shape


def shown(shape: Axes) -> str:
    """A shape as the user writes it: without the batch."""
    return show_size(shape[1:]) or "one number"


def _stretch(left: Axes, right: Axes) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(left[::-1], right[::-1], strict=False))


def _check_spatial(shape: Axes) -> None:
    if not 3 <= len(shape) <= 5:
        raise ShapeError(f"takes channels and 1 to 3 spatial axes, got {shown(shape)}")


def _along_axes(primitive: Windowed, spatial: Axes) -> Axes:
    sizes: list[int] = []
    try:
        for axis, (size, window) in enumerate(zip(spatial, windows(primitive), strict=True)):
            sizes.append(_size(primitive, axis, size, window))
    except ShapeError as error:
        raise ShapeError(f"{AXIS_NAMES[len(spatial)][len(sizes)]}: {error}") from None
    return tuple(sizes)


def _size(primitive: Windowed, axis: int, size: int, window: Window) -> int:
    if isinstance(primitive, TransposedCorrelate):
        _check_output_padding(primitive.output_padding[axis], window)
        return transposed_size(size, window, primitive.output_padding[axis])
    if isinstance(primitive, Pool) and primitive.ceil_mode:
        return ceiled_size(size, window)
    return output_size(size, window)


def _check_output_padding(output_padding: int, window: Window) -> None:
    """Output padding beyond both stride and dilation would append outputs that no input size can explain."""
    most = max_output_padding(window)
    if output_padding > most:
        raise ShapeError(
            f"output-padding must be smaller than stride or dilation, got {output_padding} "
            f"for stride {window.stride} and dilation {window.dilation}; use at most {most}"
        )


def _check_channels(primitive: Convolution, channels: int) -> None:
    if primitive.in_channels != channels:
        raise ShapeError(f"input channels must match the stage, got {channels} for in_channels={primitive.in_channels}")
    if primitive.groups != 1:
        common = gcd(primitive.in_channels, primitive.out_channels)
        _check_divides(primitive.groups, primitive.in_channels, "in_channels", common)
        _check_divides(primitive.groups, primitive.out_channels, "filters", common)


def _check_divides(groups: int, channels: int, name: str, common: int) -> None:
    """Raises ShapeError unless groups divides the channels, suggesting the nearest divisors of `common`."""
    if channels % groups:
        divisors = [d for d in range(1, min(common, MAX_DIVISOR) + 1) if common % d == 0]
        near = sorted(sorted(divisors, key=lambda d: abs(d - groups))[:2])
        raise ShapeError(
            f"groups must divide {name}, got groups={groups} and {name}={channels}; try {' or '.join(map(str, near))}"
        )


def _rows(linear: Linear, shape: Axes) -> Axes:
    rows, features = (shape[:1], prod(shape[1:])) if linear.flatten else (shape[:-1], shape[-1])
    if features != linear.in_features:
        raise ShapeError(f"takes {linear.in_features} features, got {features}")
    return (*rows, linear.out_features)


def _product(left: Axes, right: Axes) -> Axes:
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-2]:
        raise ShapeError(f"a matrix product needs (..., m, k) and (..., k, n), got {left} and {right}")
    return (*broadcast((left[:-2], right[:-2]), ("the left", "the right")), left[-2], right[-1])


def _joined(axis: int, shapes: Sequence[Axes], names: Sequence[str]) -> Axes:
    for name, shape in zip(names[1:], shapes[1:], strict=True):
        if len(shape) != len(shapes[0]) or _with_size(shape, axis, 0) != _with_size(shapes[0], axis, 0):
            raise ShapeError(
                f"its inputs may differ along one axis only, got {shown(shapes[0])} from {names[0]} "
                f"and {shown(shape)} from {name}; crop, pad or resize one of them"
            )
    return _with_size(shapes[0], axis, sum(shape[axis] for shape in shapes))


def _with_size(shape: Axes, axis: int, size: int) -> Axes:
    return (*shape[:axis], size, *shape[axis + 1 :])
