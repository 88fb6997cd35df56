"""One axis of a graph that runs on a piece of its input: where every map lies, and which of its positions are right.

A position is right if it has the value that it has when the whole input is there. At an edge of the piece that is no
edge of the input, layers read their padding where there should be data; what depends on that is not right.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import NamedTuple, assert_never

from convcalc.axis.strands import Field, Strand
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
    WithConstant,
    windows,
)  # fmt: skip
from convcalc.graph.shapes import with_space
from convcalc.notation import Axes
from convcalc.questions.follow import Along, Cache, axis_after


class ObstacleError(Exception):
    """A layer that gives no right piece of its map, by its number, and why."""

    def __init__(self, node: int, why: str) -> None:
        super().__init__(why)
        self.node, self.why = node, why


class Step(NamedTuple):
    """What the outputs of a node read of its input number `source`, whose axis this is, along one axis."""

    source: int
    reads: Strand


class Course(NamedTuple):
    """One axis of the input followed through a graph, by the numbers of the nodes that it reaches.

    `axes` is the axis of each node's own output, `ratios` its positions per input pixel; pieces of the input must begin
    at multiples of `multiple`, so that every stride and every pattern begins where it does on the whole.
    """

    steps: Mapping[int, tuple[Step, ...]]
    axes: Mapping[int, int]
    ratios: Mapping[int, Fraction]
    multiple: int


class Lie(NamedTuple):
    """A node's map of a piece: `size` positions, of which the first is number `origin` of the whole map.

    Those from `first` up to, not including, `end` are right; None: up to that edge of the whole map, and padding too.
    """

    origin: int
    size: int
    first: int | None
    end: int | None


def course(graph: Graph, axis: int, known: dict[object, Along] | None = None) -> Course:
    """One spatial axis of the first input, counted from 0, through all nodes that the output depends on.

    Raises ObstacleError at the first node that mixes the whole axis. `known` keeps what equal nodes do.
    """
    known = {} if known is None else known
    steps, axes, ratios = dict[int, tuple[Step, ...]](), dict[int, int](), dict[int, Fraction]()
    multiple, main = 1, graph.nodes.index(graph.inputs[0])
    for number in sorted(ancestors(graph, graph.output)):
        node = graph.nodes[number]
        if number == main:
            steps[number], axes[number], ratios[number] = (), axis + 2, Fraction(1)
            continue
        if isinstance(node.primitive, Input) and len(node.shape or ()) > 2:
            raise ObstacleError(number, "is a second input, and tiles are cut from one")
        found: list[Step] = []
        if isinstance(node.primitive, AdaptivePool):
            raise ObstacleError(number, _reason(node.primitive))  # even if it leaves a map of this one size as it is
        several = isinstance(node.primitive, Merge | Concat | MatMul | Unknown)
        for place, source in enumerate(node.inputs if several else node.inputs[:1]):  # others give their size alone
            if source not in axes:
                continue
            after = _local(node, place, axes[source], known)
            if isinstance(node.primitive, Resize) and node.primitive.coordinates == "align_corners":
                raise ObstacleError(number, _differs(node))  # here, rather than where its map meets another
            if after.axis is None or after.field.whole.runs or len(after.field.strands) != 1:
                raise ObstacleError(number, _reason(node.primitive))
            if axes.setdefault(number, after.axis) != after.axis:
                raise ObstacleError(number, _reason(node.primitive))
            [reads] = after.field.strands
            if reads.advance < 1:
                raise ObstacleError(number, "does not move over the map from its beginning to its end")
            ratio = ratios[source]
            if not len(reads.phases) == reads.advance == 1:  # as most layers, which is worth a shortcut
                multiple = lcm(multiple, (ratio / reads.advance).denominator)  # of rounds of its pattern per pixel
                ratio /= reads.jump
            if ratios.setdefault(number, ratio) is not ratio and ratios[number] != ratio:
                raise ObstacleError(number, "joins maps of which one moves faster over the input than the other")
            found.append(Step(source, reads))
        if found:
            if isinstance(node.primitive, WithConstant | Merge):
                _check_constants(graph, number, axes)
            steps[number] = tuple(found)
    return Course(steps, axes, ratios, multiple)


def check_alike(whole: Graph, along: Course, piece: Graph, other: Course) -> None:
    """Raises ObstacleError at the first node that does something else on a piece than on the whole."""
    for number, steps in along.steps.items():
        node = whole.nodes[number]
        if number >= len(piece.nodes) or type(piece.nodes[number].primitive) is not type(node.primitive):
            raise ObstacleError(number, "is another layer on a tile")
        if other.steps.get(number) != steps:
            raise ObstacleError(number, _differs(node))


def lies(
    piece: Graph, along: Course, start: int, size: int, *, begins: bool, whole: Graph | None, mode: str = "zeros"
) -> Mapping[int, Lie]:
    """Where the maps of a piece lie, along one axis: `size` pixels of the input from `start` on.

    `piece` is the graph on the piece, `along` the course of the axis. `begins` says that the piece has the beginning of
    the input; it has the end if the `whole` graph is given. `mode` is the padding mode of convolutions.
    Raises ObstacleError if a node's map does not lie on the whole one's positions.
    """
    found = dict[int, Lie]()
    for number, steps in along.steps.items():
        if not steps:
            found[number] = Lie(start, size, None if begins else start, None if whole else start + size)
            continue
        node, at = piece.nodes[number], along.axes[number]
        length, before = (node.shape or ())[at], [found[step.source] for step in steps]
        origins = set[int]()
        for lie, step in zip(before, steps, strict=True):
            rounds, rest = divmod(lie.origin, step.reads.advance)
            origins.add(rounds * len(step.reads.phases))
            if rest or len(origins) > 1:
                raise ObstacleError(number, "begins in the middle of its stride")
        [origin] = origins
        firsts = [
            _first(step.reads, lie.first) for lie, step in zip(before, steps, strict=True) if lie.first is not None
        ]
        ends = [_end(step.reads, lie.end) for lie, step in zip(before, steps, strict=True) if lie.end is not None]
        if whole is not None and origin + length != (whole.nodes[number].shape or ())[at]:
            raise ObstacleError(number, "does not end where the whole map ends")
        _check_mirror(number, node, along.axes[steps[0].source], before[0], mode)
        found[number] = Lie(
            origin,
            length,
            max([origin, *(first for first in firsts if first is not None)]) if firsts else None,
            min([origin + length, *(end for end in ends if end is not None)]) if ends else None,
        )
    return found


def _first(reads: Strand, first: int) -> int | None:
    """The first output from which on none reads anything before `first`."""
    period = len(reads.phases)
    wrong = [
        phase + (-((seen.first - first) // reads.advance) - 1) * period
        for phase, seen in enumerate(reads.phases)
        if seen.runs
    ]
    return max(wrong) + 1 if wrong else None


def _end(reads: Strand, end: int) -> int | None:
    """The first output that reads something at `end` or beyond."""
    period = len(reads.phases)
    wrong = [
        phase + -((seen.last - end) // reads.advance) * period for phase, seen in enumerate(reads.phases) if seen.runs
    ]
    return min(wrong) if wrong else None


def _local(node: Node, place: int, axis: int, known: dict[object, Along]) -> Along:
    """What becomes of an axis of one of the node's inputs, and which of its positions every output reads."""
    key = node.primitive, node.input_shapes, node.shape, place, axis
    if key not in known:
        branches = [Along(None, Field.nothing())] * len(node.inputs)
        branches[place] = Along(axis, Field.identity())
        known[key] = axis_after(node, branches, (node.input_shapes[place] or ())[axis], Cache())
    return known[key]


def _check_constants(graph: Graph, number: int, axes: Mapping[int, int]) -> None:
    """Raises ObstacleError if arrays of the network, such as position embeddings, change along the axis."""
    node = graph.nodes[number]
    shape = node.shape or ()
    arrays = [graph.nodes[i].shape or () for i in node.inputs if i not in axes]
    if isinstance(node.primitive, WithConstant):
        arrays = [node.primitive.shape]
    for array in arrays:
        full: Axes = (
            with_space(array, len(shape)) if isinstance(node.primitive, Merge) and node.primitive.flat else array
        )
        if dict(zip(range(len(shape) - 1, -1, -1), reversed(full), strict=False)).get(axes[number], 1) > 1:
            raise ObstacleError(number, "combines every position with a value of its own")


def _check_mirror(number: int, node: Node, axis: int, lie: Lie, mode: str) -> None:
    """Raises ObstacleError if padding repeats pixels of the input that the piece does not have."""
    primitive = node.primitive
    if isinstance(primitive, Pad):
        kind, (before, after) = primitive.mode, primitive.pairs[axis]
    elif isinstance(primitive, Correlate):
        window = windows(primitive)[axis - 2]
        kind, before, after = mode, window.before, window.after
    else:
        return
    if kind in ("constant", "zeros") or max(before, after) <= 0:
        return
    if kind in ("wrap", "circular"):
        raise ObstacleError(number, "pads with pixels of the other end of the map")
    begins, ends = lie.first is None, lie.end is None
    enough = (lie.end is None or lie.end > before) and (lie.first is None or lie.first < lie.origin + lie.size - after)
    if (begins or ends) and not enough:
        raise ObstacleError(number, f"mirrors {max(before, after)} pixels at the border, more than a tile has there")


def _reason(primitive: Primitive) -> str:
    """Why every output of a layer depends on a whole axis."""
    match primitive:
        case Reduce():
            return "pools the whole map"
        case AdaptivePool():
            return "pools windows that depend on the size of the map"
        case Normalize():
            return "takes its mean and variance over all pixels"
        case Softmax():
            return "takes its sum over all pixels"
        case Linear():
            return "has a weight for every pixel of the map"
        case MatMul():
            return "multiplies all pixels with each other"
        case Reshape() | Transpose() | Expand() | Take():
            return "puts pixels elsewhere, depending on the size of the map"
        case Concat():
            return "joins maps end to end"
        case Unknown():
            return "is not understood"
        case (
            Input() | Constant() | Correlate() | TransposedCorrelate() | ShuffleChannels() | Pool() | Elementwise()
            | WithConstant() | Merge() | Slice() | Pad() | Resize()
        ):  # fmt: skip
            return "depends on the whole map"
        case _:
            assert_never(primitive)


def _differs(node: Node) -> str:
    """Why a node does something else on a piece."""
    primitive = node.primitive
    if node.padding_word is not None and isinstance(primitive, Correlate | Pool):
        return f"pads by the size of the map, because its padding is '{node.padding_word}'"
    if isinstance(primitive, Resize):
        if primitive.coordinates in ("align_corners", "half_pixel_symmetric"):
            return f"resizes by steps that depend on the size of the map, because of {primitive.coordinates}"
        return f"resizes to {'x'.join(map(str, primitive.sizes))}, whatever the size of the map"
    return "depends on the size of the map"
