"""One spatial axis of the input followed through one node, whatever its primitive does with its own axes.

After a primitive that mixes a whole axis, every output reads all that was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple, assert_never

from convcalc.axis.sampling import adaptive_reads, resize_reads
from convcalc.axis.strands import AxisField, Enumerated, Field, Reads, merged
from convcalc.axis.window import Window
from convcalc.graph.graph import Node
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
    WithConstant,
    windows,
)  # fmt: skip
from convcalc.graph.shapes import with_space
from convcalc.notation import Axes

MAX_JOINED = 1 << 8
"""A reshape that repeats each position more often than this counts as reading the whole axis."""


class Along(NamedTuple):
    """The axis of a node's output that one spatial axis of the input became (None: it is gone), and its field."""

    axis: int | None
    field: Field


class Cache:
    """Results that are kept for axes and layers that are alike: fields after a window, and their summaries.

    Keys are identities, which is safe because the values keep the fields alive.
    """

    def __init__(self) -> None:
        self.fields: dict[tuple[int, Window, bool], tuple[Field, Field]] = {}
        self.enumerated = Enumerated()
        self.summaries: dict[tuple[int, int, int], tuple[Field, AxisField]] = {}

    def after(self, field: Field, window: Window, transposed: bool) -> Field:
        key = id(field), window, transposed
        if key not in self.fields:
            if not transposed:
                self.enumerated.read(field, Reads.through(window))
            self.fields[key] = field, field.spread(window) if transposed else field.after(Reads.through(window))
        return self.fields[key][1]

    def summary(self, field: Field, outputs: int, size: int) -> AxisField:
        """Raises ShapeError for too many separate positions."""
        bordered = bool(field.whole.runs)
        key = id(field), outputs if bordered or len(field.strands) > 1 else 0, size if bordered else 0
        if key not in self.summaries:
            self.summaries[key] = field, field.summary(outputs, size)
        return self.summaries[key][1]


def axis_after(node: Node, branches: Sequence[Along], size: int, known: Cache) -> Along:
    """One axis after a node; `size` is the graph input's along it."""
    primitive = node.primitive
    shapes = [shape or () for shape in node.input_shapes]
    shape = node.shape or ()
    first = branches[0] if branches else Along(None, Field.nothing())
    match primitive:
        case Correlate() | TransposedCorrelate() | Pool():
            if first.axis is None or first.axis < 2:  # channels are summed over, a batch never moves
                return _gone(first, shapes[0], (1,), size)
            window = windows(primitive)[first.axis - 2]
            transposed = isinstance(primitive, TransposedCorrelate)
            return Along(first.axis, known.after(first.field, window, transposed))
        case ShuffleChannels():
            return _gone(first, shapes[0], (1,), size)
        case Input() | Constant():
            return first  # the image itself, represented by the main input, or nothing
        case Elementwise() | WithConstant():
            return _shifted_axis(first, len(shape) - len(shapes[0]))
        case Normalize():
            return _mixed(first, shapes[0], primitive.over, size)
        case Softmax():
            return _mixed(first, shapes[0], (primitive.axis,), size)
        case Linear():
            if primitive.flatten:
                return _everything(branches, shapes, size)
            return _gone(first, shapes[0], (len(shapes[0]) - 1,), size)
        case MatMul():
            return _product(branches, shapes, len(shape), size)
        case Merge():
            full = [with_space(each, len(shape)) if primitive.flat else each for each in shapes]
            moved = [_stretched(branch, each, shape, size) for branch, each in zip(branches, full, strict=True)]
            aligned = [_shifted_axis(a, len(shape) - len(s)) for a, s in zip(moved, full, strict=True)]
            return _merged(aligned, shape, size)
        case Concat():
            joined = [_gone(a, s, (primitive.axis,), size) for a, s in zip(branches, shapes, strict=True)]
            return _merged(joined, shape, size)
        case Reduce():
            kept = _gone(first, shapes[0], primitive.axes, size)
            if primitive.keep or kept.axis is None:
                return kept
            if kept.axis in primitive.axes:
                return Along(None, kept.field)
            return Along(kept.axis - sum(axis < kept.axis for axis in primitive.axes), kept.field)
        case Slice():
            if first.axis != primitive.axis:
                return first
            return Along(first.axis, first.field.after(Reads.shifted(primitive.first, primitive.step)))
        case Take():
            return _taken(first, shapes[0], primitive, size)
        case Pad():
            if first.axis is None or primitive.pairs[first.axis] == (0, 0):
                return first
            return Along(first.axis, first.field.after(Reads.shifted(-primitive.pairs[first.axis][0])))
        case Reshape():
            return _reshaped(first, shapes[0], primitive.shape, size)
        case Transpose():
            return first if first.axis is None else Along(primitive.order.index(first.axis), first.field)
        case Expand():
            return _shifted_axis(_stretched(first, shapes[0], shape, size), len(shape) - len(shapes[0]))
        case Resize() | AdaptivePool():
            return _resized(first, shapes[0], primitive, size)
        case Unknown():
            return _everything(branches, shapes, size)
        case _:
            assert_never(primitive)


def _mixed(along: Along, shape: Axes, axes: Axes, size: int) -> Along:
    """After a node whose outputs read these axes completely; the axes stay."""
    gone = _gone(along, shape, axes, size)
    return along if gone is along else Along(along.axis, gone.field)


def _gone(along: Along, shape: Axes, axes: Axes, size: int) -> Along:
    """After these axes are reduced to one value."""
    if along.axis is None or along.axis not in axes:
        return along
    return Along(along.axis, along.field.all_of(shape[along.axis], size))


def _shifted_axis(along: Along, more: int) -> Along:
    """After `more` axes were added in front."""
    return along if along.axis is None or more == 0 else Along(along.axis + more, along.field)


def _stretched(along: Along, shape: Axes, wanted: Axes, size: int) -> Along:
    """After an axis of length 1 is repeated: all outputs read its one position."""
    if along.axis is None:
        return along
    if shape[along.axis] == 1 < wanted[along.axis + len(wanted) - len(shape)]:
        return Along(along.axis, along.field.all_of(1, size))
    return along


def _merged(branches: Sequence[Along], shape: Axes, size: int) -> Along:
    """The union of branches. A branch in which the axis has another place, or is gone, counts as a whole."""
    moving = [branch.axis for branch in branches if branch.axis is not None and branch.field.strands]
    axis = moving[0] if moving else next((branch.axis for branch in branches if branch.axis is not None), None)
    fields = [
        branch.field
        if branch.axis == axis or not branch.field.strands
        else branch.field.all_of(shape[branch.axis or 0], size)
        for branch in branches
    ]
    return Along(axis, merged(fields))


def _everything(branches: Sequence[Along], shapes: Sequence[Axes], size: int) -> Along:
    """After an unknown layer, whose every output may read everything."""
    fields = [
        branch.field if branch.axis is None else branch.field.all_of(shape[branch.axis] if shape else size, size)
        for branch, shape in zip(branches, shapes, strict=True)
    ]
    return Along(None, merged(fields))


def _product(branches: Sequence[Along], shapes: Sequence[Axes], rank: int, size: int) -> Along:
    """A matrix product sums over the last axis of the left and the last but one of the right."""
    (left, right), (above, below) = branches, shapes
    left = _shifted_axis(left, rank - len(above))
    right = _shifted_axis(right, rank - len(below))
    above, below = (1,) * (rank - len(above)) + above, (1,) * (rank - len(below)) + below
    summed = [_gone(left, above, (rank - 1,), size), _gone(right, below, (rank - 2,), size)]
    moving = {branch.axis for branch in summed if branch.field.strands}
    if len(moving) < 2:
        return Along(moving.pop() if moving else None, merged([branch.field for branch in summed]))
    return _everything(summed, [above, below], size)


def _reshaped(along: Along, shape: Axes, wanted: Axes, size: int) -> Along:
    """An axis is kept if as many elements lie before and after it as did; otherwise all of it is read."""
    if along.axis is None:
        return along
    length, behind = shape[along.axis], prod(shape[along.axis + 1 :])
    for axis, other in enumerate(wanted):
        if other == length and prod(wanted[axis + 1 :]) == behind and (length > 1 or axis == along.axis):
            return Along(axis, along.field)
    for axis, other in enumerate(wanted):
        after = prod(wanted[axis + 1 :])
        more, fewer = other // length, length // max(1, other)
        if length > 1 < more <= MAX_JOINED and other == length * more and after * more == behind:
            # joined with the axes after it: several outputs read each position
            return Along(axis, along.field.after(Reads(((0, 1, 1),) * more, 1)))
        if other > 1 < fewer and length == other * fewer and after == behind * fewer:
            # split, the rest comes after it: each output reads several positions
            return Along(axis, along.field.after(Reads(((0, 1, fewer),), fewer)))
    return Along(None, along.field.all_of(length, size))


def _taken(along: Along, shape: Axes, primitive: Take, size: int) -> Along:
    """An axis indexed by numbers: if they are not evenly spaced, every output counts as reading all positions."""
    if along.axis is None or along.axis < primitive.axis:
        return along
    if along.axis == primitive.axis:
        return Along(None, along.field.all_of(shape[along.axis], size))
    return _shifted_axis(along, len(primitive.shape) - 1)


def _resized(along: Along, shape: Axes, primitive: Resize | AdaptivePool, size: int) -> Along:
    spatial = len(shape) - len(primitive.sizes)
    if along.axis is None or along.axis < spatial:
        return along
    before, after = shape[along.axis], primitive.sizes[along.axis - spatial]
    if before == after:
        return along
    if isinstance(primitive, Resize):
        _, scale = list(primitive.along())[along.axis - spatial]
        kinds = primitive.coordinates, primitive.mode, primitive.rounding
        return Along(along.axis, along.field.after(resize_reads(before, after, *kinds, scale)))
    if after == 1:
        return Along(along.axis, along.field.all_of(before, size))
    return Along(along.axis, along.field.after(adaptive_reads(before, after)))
