"""What every node does along the axis on which time runs, and what cannot run over a stream."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple, TypeAlias, assert_never

from convcalc.axis.window import Window
from convcalc.graph.graph import Graph, Node, ancestors
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Constant,
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
from convcalc.notation import Axes

REPEATING = (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"))
"""Coordinates and rounding with which nearest resizing by a whole factor repeats every position."""


class Arrive(NamedTuple):
    """The samples themselves."""


class Still(NamedTuple):
    """An array that does not change while the stream runs."""


class Pointwise(NamedTuple):
    """Every position on its own."""


class Slide(NamedTuple):
    """A window that steps along the time, as in convolutions and pools."""

    window: Window
    ceil_mode: bool = False


class Spread(NamedTuple):
    """A transposed convolution: every input is added to `extent` outputs. `longer` is its output padding."""

    window: Window
    longer: int


class Shift(NamedTuple):
    """Positions added before the first and after the last; negative ones are cut off."""

    before: int
    after: int


class Repeat(NamedTuple):
    """Every position becomes `factor` of them."""

    factor: int


class Join(NamedTuple):
    """Branches that meet, position by position."""


Move: TypeAlias = Arrive | Still | Pointwise | Slide | Spread | Shift | Repeat | Join


class Timed(NamedTuple):
    """A node over a stream: what it does, and the axis of its output on which time runs, None if there is none."""

    move: Move
    axis: int | None


class Obstacle(NamedTuple):
    """A node that cannot run over a stream, and why."""

    number: int
    reason: str


def timeline(graph: Graph, axis: int) -> tuple[tuple[Timed | None, ...], tuple[Obstacle, ...]]:
    """What every node that the output needs does to the time, which is this axis of the whole input.

    None for nodes that the output does not need, and for those behind one that cannot run over a stream.
    """
    needed = ancestors(graph, graph.output)
    main = (graph.inputs[0].shape or ())[axis]
    found, obstacles = list[Timed | None](), list[Obstacle]()
    for number, node in enumerate(graph.nodes):
        before = [found[i] for i in node.inputs]
        if number not in needed or None in before:
            found.append(None)
            continue
        if isinstance(node.primitive, Input):
            fits = axis < len(node.shape or ()) and (node.shape or ())[axis] == main
            moved: Timed | str | None = (
                Timed(Arrive(), axis) if fits else "an input that is not as long as the first one"
            )
        else:
            moved = _timed(node, [timed.axis for timed in before if timed is not None])
        if isinstance(moved, str):
            obstacles.append(Obstacle(number, moved))
            moved = _as_if(node, before[0])
        found.append(moved)
    return tuple(found), tuple(obstacles)


def _as_if(node: Node, before: Timed | None) -> Timed | None:
    """What to go on with after an obstacle that leaves the time where it is, to name further ones."""
    kept = isinstance(node.primitive, Windowed | Normalize | Pad | Resize)
    return Timed(Pointwise(), before.axis) if kept and before is not None else None


def _timed(node: Node, axes: Sequence[int | None]) -> Timed | str:
    """One node on inputs whose time runs along these axes; a text says why it cannot run over a stream."""
    if all(axis is None for axis in axes):
        return Timed(Still(), None)
    primitive, axis = node.primitive, axes[0]
    shapes, shape = [each or () for each in node.input_shapes], node.shape or ()
    match primitive:
        case Merge() | Concat() | MatMul():
            return _joined(primitive, axes, shapes, shape)
        case Unknown():
            return f"{primitive.reason}, so that what it keeps is not known"
        case _ if axis is None:
            return "the stream is its second input"
        case Input() | Constant():
            return Timed(Still(), None)
        case Correlate() | TransposedCorrelate() | Pool():
            return _windowed(node, primitive, axis)
        case ShuffleChannels():
            return Timed(Pointwise(), axis)
        case Elementwise():
            return Timed(Pointwise(), axis)
        case WithConstant():
            at = axis + len(primitive.shape) - len(shapes[0])
            if at >= 0 and primitive.shape[at] > 1:
                return "its own array has a value for every position"
            return Timed(Pointwise(), axis + len(shape) - len(shapes[0]))
        case Normalize():
            return "it takes its mean over all positions" if axis in primitive.over else Timed(Pointwise(), axis)
        case Softmax():
            return "its sum runs over all positions" if axis == primitive.axis else Timed(Pointwise(), axis)
        case Linear():
            if primitive.flatten or axis == len(shapes[0]) - 1:
                return "every output reads all positions"
            return Timed(Pointwise(), axis)
        case Reduce():
            if axis in primitive.axes:
                return "it reads all positions"
            gone = 0 if primitive.keep else sum(a < axis for a in primitive.axes)
            return Timed(Pointwise(), axis - gone)
        case Resize() | AdaptivePool():
            return _resized(primitive, axis, shapes[0], shape)
        case Slice():
            return _sliced(primitive, axis, shapes[0])
        case Take():
            if axis == primitive.axis:
                return "it picks positions by their numbers"
            return Timed(Pointwise(), axis + (len(primitive.shape) - 1 if primitive.axis < axis else 0))
        case Pad():
            before, after = primitive.pairs[axis]
            if primitive.mode != "constant" and max(before, after) > 0:
                return f"its padding ({primitive.mode}) shows samples of other times; a stream has zeros before it"
            return Timed(Shift(before, after) if before or after else Pointwise(), axis)
        case Reshape():
            return _reshaped(axis, shapes[0], shape)
        case Transpose():
            return Timed(Pointwise(), primitive.order.index(axis))
        case Expand():
            moved = axis + len(shape) - len(shapes[0])
            same = shape[moved] == shapes[0][axis]
            return Timed(Pointwise(), moved) if same else "it repeats one position to the whole length"
        case _:
            assert_never(primitive)


def _windowed(node: Node, primitive: Windowed, axis: int) -> Timed | str:
    if axis < 2:
        return "it sums over the axis of the time"
    window = windows(primitive)[axis - 2]
    if isinstance(primitive, TransposedCorrelate):
        return Timed(Spread(window, primitive.output_padding[axis - 2]), axis)
    if node.padding_word in ("same", "same-lower") and window.stride > 1:
        begin, end = max(0, window.extent - window.stride), window.stride - 1
        return (
            f"its padding {node.padding_word} at stride {window.stride} begins at another sample for every length; "
            f"{begin}:{end} does not"
        )
    plain = window.kernel == window.stride == 1 and window.before == window.after == 0
    ceil_mode = isinstance(primitive, Pool) and primitive.ceil_mode
    return Timed(Pointwise() if plain else Slide(window, ceil_mode), axis)


def _joined(
    primitive: Merge | Concat | MatMul, axes: Sequence[int | None], shapes: Sequence[Axes], shape: Axes
) -> Timed | str:
    """Branches position by position; a matrix product only if its second matrix stays as it is."""
    if isinstance(primitive, MatMul):
        rows = axes[0] is not None and axes[0] < len(shapes[0]) - 1 and axes[1] is None
        moved = (axes[0] or 0) + len(shape) - len(shapes[0])
        return Timed(Pointwise(), moved) if rows else "every position reads all others (attention)"
    places = {
        axis + (0 if isinstance(primitive, Merge) and primitive.flat else len(shape) - len(each))
        for axis, each in zip(axes, shapes, strict=True)
        if axis is not None
    }
    if len(places) > 1:
        return "its branches have the time on different axes"
    [place] = places
    if isinstance(primitive, Concat) and place == primitive.axis:
        return "it joins its inputs one after the other in time"
    for axis, each in zip(axes, shapes, strict=True):
        at = place + len(each) - len(shape)
        if axis is None and (isinstance(primitive, Concat) or (at >= 0 and each[at] > 1)):
            return "one of its inputs has a value for every position"
        if axis is not None and each[axis] < shape[place]:
            return "it repeats one position to the whole length"
    return Timed(Join(), place)


def _resized(primitive: Resize | AdaptivePool, axis: int, shape: Axes, wanted: Axes) -> Timed | str:
    before, after = shape[axis], wanted[axis]
    first = len(shape) - len(primitive.sizes)
    scale = None
    if isinstance(primitive, Resize) and axis >= first:
        _, scale = list(primitive.along())[axis - first]
    if axis < first or (before == after and scale in (None, 1)):
        return Timed(Pointwise(), axis)
    if isinstance(primitive, AdaptivePool):
        return "its windows depend on the length"
    if primitive.mode != "nearest" or after % before or scale not in (None, after // before):
        return f"resizing ({primitive.mode}) from {before} to {after}; nearest by a whole factor works"
    if (primitive.coordinates, primitive.rounding) not in (
        ("asymmetric", "floor"),
        ("half_pixel", "round_prefer_floor"),
    ):
        return f"its coordinates ({primitive.coordinates}, {primitive.rounding}); asymmetric with floor works"
    return Timed(Repeat(after // before), axis)


def _sliced(primitive: Slice, axis: int, shape: Axes) -> Timed | str:
    if axis != primitive.axis:
        return Timed(Pointwise(), axis)
    if primitive.step < 0:
        return "it reverses the time"
    last = primitive.first + (primitive.length - 1) * primitive.step
    if primitive.step == 1:
        return Timed(Shift(-primitive.first, last + 1 - shape[axis]), axis)
    if shape[axis] - last > primitive.step:
        return "it cuts off an end that depends on the length"
    return Timed(Slide(Window(1, primitive.step, before=-primitive.first)), axis)


def _reshaped(axis: int, shape: Axes, wanted: Axes) -> Timed | str:
    """Time stays if as many elements lie before and after it, or if the axes after it become further positions."""
    length, behind = shape[axis], prod(shape[axis + 1 :])
    for at, size in enumerate(wanted):
        if size == length and prod(wanted[at + 1 :]) == behind and (length > 1 or at == axis):
            return Timed(Pointwise(), at)
    for at, size in enumerate(wanted):
        rest = prod(wanted[at + 1 :])
        if length > 1 and size > length and size % length == 0 and rest * (size // length) == behind:
            return Timed(Repeat(size // length), at)
    return "it mixes positions with another axis"
