"""Which channels of an earlier map every channel of a node depends on, exactly, in one walk over the graph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import chain
from math import prod
from operator import or_
from typing import NamedTuple, assert_never

from convcalc.graph.graph import Graph, Node
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
)  # fmt: skip
from convcalc.notation import Axes


class Mixing(NamedTuple):
    """What the channels of a node depend on: of the `total` channels of the node `source`, the last map before whose
    channels all depend on everything.

    `reads` has a set of bits per channel; None if every channel is that channel of the source. `axes` are the sizes of
    the axes that the channels are spread over. `depth` counts the convolutions in groups since the source, one after
    the other; `within` those of them that mix some channels. `latest` is the last of all.
    """

    source: int
    total: int
    reads: tuple[int, ...] | None
    axes: Axes
    depth: int = 0
    within: int = 0
    latest: int = 0

    @property
    def each(self) -> tuple[int, ...]:
        return tuple([1 << i for i in range(self.total)]) if self.reads is None else self.reads

    @property
    def fewest(self) -> int:
        """How many channels of the source the channel depends on that depends on fewest."""
        return 1 if self.reads is None else min(reads.bit_count() for reads in set(self.reads))


def mixing(graph: Graph) -> tuple[Mixing, ...]:
    """What the channels of every node depend on.

    Where channels cannot be followed, as through a matrix product, they count as mixed.
    """
    found: list[Mixing] = []
    for number, node in enumerate(graph.nodes):
        found.append(_after(number, node, [found[i] for i in node.inputs]) or _mixed(number, node))
    return tuple(found)


def _mixed(number: int, node: Node) -> Mixing:
    channels = node.shape[1] if node.shape is not None and len(node.shape) > 1 else 1
    return Mixing(number, channels, None, (channels,))


def _after(number: int, node: Node, branches: Sequence[Mixing]) -> Mixing | None:
    """The mixing after a node; None if every channel depends on all that there was, or if that is not known."""
    primitive = node.primitive
    if node.shape is None or not branches:
        return None
    first, before = branches[0], node.input_shapes[0] or ()
    match primitive:
        case Correlate() | TransposedCorrelate():
            return _convolved(number, primitive, first)
        case ShuffleChannels():
            each = first.each
            own = len(each) // primitive.groups
            return _with(first, [each[i] for n in range(own) for i in range(n, len(each), own)])
        case Pool() | Elementwise() | Resize() | AdaptivePool() | Pad():
            return first if prod(first.axes) == node.shape[1] else None
        case WithConstant() | Expand():
            return first if node.shape[: len(before)] == before else None
        case Normalize():
            return None if 1 in primitive.over or primitive.kind == "group_norm" else first
        case Linear():
            spread = len(first.axes) > 1 or (len(before) > 2 and not primitive.flatten)
            return None if spread else _joined(first, primitive.out_features)
        case Merge():
            return _merged(branches) if all(prod(b.axes) == node.shape[1] for b in branches) else None
        case Concat():
            same = {branch.source for branch in branches}
            if len(same) > 1 or any(len(branch.axes) > 1 for branch in branches):
                return None
            if primitive.axis == 1:
                parts = chain.from_iterable(branch.each for branch in branches)
                return _deepest(_with(first, parts), branches)
            return _merged(branches)
        case Reduce():
            return first if len(first.axes) == 1 and min(primitive.axes) > 1 else None
        case Slice():
            if primitive.axis == 1 and len(first.axes) == 1:
                stop = primitive.first + primitive.length * primitive.step
                each = first.each[primitive.first : stop if stop >= 0 else None : primitive.step]
                return _with(first, each)
            return first if primitive.axis > len(first.axes) else None
        case Reshape():
            return _reshaped(first, before, primitive.shape)
        case Transpose():
            return _transposed(first, primitive.order)
        case Softmax():
            return first if primitive.axis > len(first.axes) else None
        case Input() | Constant() | MatMul() | Take() | Unknown():
            return None
        case _:
            assert_never(primitive)


def _with(before: Mixing, each: Sequence[int] | chain[int]) -> Mixing:
    reads = tuple(each)
    return before._replace(reads=reads, axes=(len(reads),))


def _everything(before: Mixing) -> int:
    return (1 << before.total) - 1


def _joined(before: Mixing, made: int) -> Mixing | None:
    """After a layer whose every channel reads all before it."""
    if before.reads is None:
        return None
    union = reduce(or_, set(before.reads))
    return None if union == _everything(before) else _with(before, (union,) * made)


def _convolved(number: int, primitive: Correlate | TransposedCorrelate, before: Mixing) -> Mixing | None:
    if primitive.groups == 1:
        return _joined(before, primitive.out_channels)
    read, made = primitive.in_channels // primitive.groups, primitive.out_channels // primitive.groups
    if read == made == 1:
        return before._replace(axes=(primitive.out_channels,), depth=before.depth + 1, latest=number)
    each = before.each
    unions = [reduce(or_, each[g * read : (g + 1) * read]) for g in range(primitive.groups)]
    if all(union == _everything(before) for union in unions):
        return None
    after = _with(before, [union for union in unions for _ in range(made)])
    return after._replace(depth=before.depth + 1, within=before.within + (read > 1), latest=number)


def _merged(branches: Sequence[Mixing]) -> Mixing | None:
    """After an element-wise operation: branches of one source unite; of several, one has mixed what the other has."""
    first = branches[0]
    if any(branch.source != first.source or len(branch.each) != len(first.each) for branch in branches):
        return None
    if all(branch.reads == first.reads for branch in branches):
        return _deepest(first, branches)
    union = tuple(reduce(or_, reads) for reads in zip(*(branch.each for branch in branches), strict=True))
    if all(reads == _everything(first) for reads in union):
        return None
    return _deepest(_with(first, union), branches)


def _deepest(after: Mixing, branches: Sequence[Mixing]) -> Mixing:
    """With the counts of the longest branch."""
    counts = zip(*((branch.depth, branch.within, branch.latest) for branch in branches), strict=True)
    depth, within, latest = map(max, counts)
    return after._replace(depth=depth, within=within, latest=latest)


def _reshaped(before: Mixing, shape: Axes, wanted: Axes) -> Mixing | None:
    """The channels spread over more axes, or brought together again; the pixels stay apart from them."""
    channels, pixels = prod(before.axes), prod(shape[1 + len(before.axes) :])
    for count in range(1, len(wanted)):
        if prod(wanted[1 : 1 + count]) == channels and prod(wanted[1 + count :]) == pixels:
            return before._replace(axes=wanted[1 : 1 + count])
    return None


def _transposed(before: Mixing, order: Axes) -> Mixing | None:
    """The axes of the channels in another order; None if they change places with others."""
    count = len(before.axes)
    if order[0] != 0 or set(order[1 : 1 + count]) != set(range(1, 1 + count)):
        return None
    axes = tuple(before.axes[i - 1] for i in order[1 : 1 + count])
    strides = [prod(before.axes[i:]) for i in order[1 : 1 + count]]
    places = [0]
    for size, stride in zip(axes, strides, strict=True):
        places = [place + n * stride for place in places for n in range(size)]
    each = before.each
    return before._replace(reads=tuple([each[place] for place in places]), axes=axes)
