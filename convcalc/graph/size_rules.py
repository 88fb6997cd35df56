"""The rule behind the size of one node: how its output's shape follows from the shapes of its inputs.

A placed node has numbers where the file or the words have rules: a reshape's target, the sizes of a resize. The rule is
found by comparing the node on several inputs of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import floor, prod
from typing import TypeAlias, assert_never

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
from convcalc.graph.size_algebra import (
    Fits,
    Size,
    Sizes,
    all_of,
    broadcast,
    ceiled,
    joined,
    length_rule,
    matrix_product,
    product,
    runs_of_axes,
    scaled,
    unchanged,
)  # fmt: skip
from convcalc.notation import Axes

Shapes: TypeAlias = "list[Sizes | None]"
"""The shape of every node, None if it is not known."""
Step: TypeAlias = Callable[[Shapes], tuple["Sizes | None", Fits]]
"""The shape of one node, and whether its inputs fit, from the shapes of the nodes before it."""


class UnfollowedError(Exception):
    """A layer whose size follows no rule that is known here; the message is its name."""


class SizeRule:
    """The rule of one node, from the node as it is on each of several inputs."""

    def __init__(self, nodes: Sequence[Node], seen: dict[Axes, tuple[int, int]], reads: set[int], fixed: bool) -> None:
        self.nodes, self.seen, self.reads, self.fixed = nodes, seen, reads, fixed
        self.node = nodes[0]
        self.divisors: list[int] = []
        self.monotone = len(self.node.inputs) < 2 and not isinstance(self.node.primitive, MatMul | Expand | Slice)

    def step(self) -> Step:
        kinds = {type(node.primitive) for node in self.nodes}
        if Unknown in kinds:
            return self._unknown()
        if len(kinds) > 1 or any(node.inputs != self.node.inputs for node in self.nodes):
            raise UnfollowedError(self.node.name)
        inputs = self.node.inputs
        known = self._known()

        def step(shapes: Shapes) -> tuple[Sizes | None, Fits]:
            given = [shapes[i] for i in inputs]
            return (None, True) if any(shape is None for shape in given) else known(shapes, *given)

        one = inputs[0] if len(inputs) == 1 else None
        if known is _same and one is not None:
            return lambda shapes: (shapes[one], True)
        return step

    def _unknown(self) -> Step:
        try:
            sizes = [self._size(values) for values in self._output_values()]
        except UnfollowedError:
            return lambda _shapes: (None, True)
        return lambda shapes: (tuple(size(shapes) for size in sizes), True)

    def _output_values(self) -> list[Axes]:
        """The sizes of the output axis by axis, each on all inputs."""
        shapes = [node.shape for node in self.nodes]
        if None in shapes or len({len(shape or ()) for shape in shapes}) > 1:
            raise UnfollowedError(self.node.name)
        return list(zip(*(shape or () for shape in shapes), strict=True))

    def _size(self, values: Axes) -> Callable[[Shapes], Size]:
        """A size that is always the same, or that of an earlier node's axis."""
        if len(set(values)) == 1:
            return lambda _shapes: values[0]
        if values not in self.seen:
            raise UnfollowedError(self.node.name)
        number, axis = self.seen[values]
        self.reads.add(number)
        return lambda shapes: (shapes[number] or ())[axis]

    def _fixed_or_seen(self) -> Callable[[Shapes], Sizes]:
        sizes = [self._size(values) for values in self._output_values()]
        return lambda shapes: tuple(size(shapes) for size in sizes)

    def _known(self) -> Callable[..., tuple[Sizes, Fits]]:
        primitive = self.node.primitive
        match primitive:
            case Input():
                shape = primitive.shape
                return lambda _shapes: (shape, True)
            case Constant():
                constant = self._fixed_or_seen()
                return lambda shapes: (constant(shapes), True)
            case Correlate() | Pool() | TransposedCorrelate():
                return self._windowed()
            case Normalize():
                return self._normalize(primitive)
            case ShuffleChannels() | Elementwise() | Softmax():
                return _same
            case Linear():
                return self._linear(primitive)
            case MatMul():
                return lambda _shapes, left, right: matrix_product(left, right)
            case WithConstant():
                array = self._array()
                return lambda shapes, given: broadcast([given, array(shapes)])
            case Expand():
                target = self._array()
                return lambda shapes, given: broadcast([given, target(shapes)])
            case Merge():
                flat = primitive.flat

                def merge(_shapes: Shapes, *given: Sizes) -> tuple[Sizes, Fits]:
                    rank = max(map(len, given))
                    return broadcast([with_space(each, rank) if flat else each for each in given])

                return merge
            case Concat():
                axis = primitive.axis
                return lambda _shapes, *given: joined(axis, given)
            case Reduce():
                axes, keep = primitive.axes, primitive.keep

                def reduce(_shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
                    sizes = [1 if a in axes else size for a, size in enumerate(given)]
                    return tuple(size for a, size in enumerate(sizes) if keep or a not in axes), True

                return reduce
            case AdaptivePool():
                sizes = primitive.sizes
                return lambda _shapes, given: ((*given[: -len(sizes)], *sizes), True)
            case Slice():
                return self._slice(primitive)
            case Take():
                at, last, taken = primitive.axis, max(primitive.indices), primitive.shape
                return lambda _shapes, given: ((*given[:at], *taken, *given[at + 1 :]), given[at] > last)
            case Pad():
                return self._pad(primitive)
            case Reshape():
                return self._reshape()
            case Transpose():
                order = primitive.order
                return lambda _shapes, given: (tuple(given[axis] for axis in order), True)
            case Resize():
                return self._resize(primitive)
            case Unknown():
                raise UnfollowedError(self.node.name)
            case _:
                assert_never(primitive)

    def _windowed(self) -> Callable[..., tuple[Sizes, Fits]]:
        """One function for each axis: the output size, and whether the window fits."""
        primitive = self.node.primitive
        assert isinstance(primitive, Correlate | Pool | TransposedCorrelate)
        along: list[Callable[[Size], tuple[Size, Fits]]] = []
        follows_input = self.node.padding_word in ("same", "same-lower") and not isinstance(
            primitive, TransposedCorrelate
        )
        if not follows_input and any(node.primitive != primitive for node in self.nodes):
            changed = self._fixed_or_seen()  # a transposed convolution that is cropped to a given size
            return lambda shapes, _given: (changed(shapes), True)
        if not isinstance(primitive, TransposedCorrelate):
            self.divisors += {stride for stride in primitive.stride if stride > 1}
        for axis, window in enumerate(windows(primitive)):
            both, extent, stride = window.before + window.after, window.extent, window.stride
            if follows_input:
                along.append(lambda n, s=stride: (-(-n // s), True))  # type: ignore[misc]
            elif isinstance(primitive, TransposedCorrelate):
                more = extent - stride - both + primitive.output_padding[axis]
                along.append(lambda n, s=stride, m=more: (n * s + m, n * s + m > 0))  # type: ignore[misc]
            elif isinstance(primitive, Pool) and primitive.ceil_mode:
                along.append(
                    lambda n, s=stride, r=both - extent, b=window.before: ceiled(n, s, r, b)  # type: ignore[misc]
                )
            elif (stride, both) == (1, extent - 1):
                along.append(unchanged)
            else:
                along.append(lambda n, s=stride, r=both - extent: ((n + r) // s + 1, n + r >= 0))  # type: ignore[misc]
        channels = None if isinstance(primitive, Pool) else (primitive.in_channels, primitive.out_channels)

        def step(_shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
            fits: Fits = True if channels is None or given[1] is channels[0] else given[1] == channels[0]
            sizes = []
            for size, follow in zip(given[2:], along, strict=True):
                after, here = follow(size)
                sizes.append(after)
                fits = here if fits is True else fits & here
            return (given[0], given[1] if channels is None else channels[1], *sizes), fits

        return step

    def _normalize(self, primitive: Normalize) -> Callable[..., tuple[Sizes, Fits]]:
        """A learned scale over the last axes fits maps of its own size only."""
        rank = len(self.node.shape or ())
        size = primitive.shape
        if len(size) < 2 or primitive.over != tuple(range(rank - len(size), rank)):
            return _same
        self.monotone = False

        def step(_shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
            return given, all_of(a == b for a, b in zip(given[-len(size) :], size, strict=True))

        return step

    def _linear(self, primitive: Linear) -> Callable[..., tuple[Sizes, Fits]]:
        """A matrix of a fixed width, unless it is as wide as what arrives on every input."""
        widths = {node.primitive.in_features for node in self.nodes if isinstance(node.primitive, Linear)}
        fixed = primitive.in_features if len(widths) == 1 else None
        flatten, outputs = primitive.flatten, primitive.out_features
        self.monotone = fixed is None

        def step(_shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
            rows, features = (given[:1], product(given[1:])) if flatten else (given[:-1], given[-1])
            return (*rows, outputs), fixed is None or features == fixed

        return step

    def _array(self) -> Callable[[Shapes], Sizes]:
        """The array or target of a layer: of a fixed shape, or of sizes that earlier nodes have."""
        shapes = [node.primitive.shape for node in self.nodes if isinstance(node.primitive, WithConstant | Expand)]
        if len({len(shape) for shape in shapes}) > 1:
            raise UnfollowedError(self.node.name)
        sizes = [self._size(values) for values in zip(*shapes, strict=True)]
        self.monotone &= prod(shapes[0][1:]) == 1
        return lambda given: tuple(size(given) for size in sizes)

    def _slice(self, primitive: Slice) -> Callable[..., tuple[Sizes, Fits]]:
        axis, first, step = primitive.axis, primitive.first, primitive.step
        arriving = [(node.input_shapes[0] or ())[axis] for node in self.nodes]
        lengths = [(node.shape or ())[axis] for node in self.nodes]
        rule = length_rule(arriving, lengths, first, step)
        if rule is None:
            raise UnfollowedError(self.node.name)
        follow, divisor = rule
        self.divisors.append(divisor)
        self.monotone = len(set(arriving)) == 1

        def cut(_shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
            length, fits = follow(given[axis])
            return (*given[:axis], length, *given[axis + 1 :]), fits

        return cut

    def _pad(self, primitive: Pad) -> Callable[..., tuple[Sizes, Fits]]:
        if len(self.node.inputs) > 1:  # cropped to the size of a second input

            def crop(_shapes: Shapes, given: Sizes, other: Sizes) -> tuple[Sizes, Fits]:
                fits = all_of(have >= want for have, want in zip(given[2:], other[2:], strict=True))
                return (*given[:2], *other[2:]), fits

            return crop
        if any(node.primitive != primitive for node in self.nodes):
            changed = self._fixed_or_seen()
            return lambda shapes, _given: (changed(shapes), True)
        added = [before + after for before, after in primitive.pairs]

        def pad(_shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
            sizes = tuple(size + more for size, more in zip(given, added, strict=True))
            return sizes, all_of(size > 0 for size, more in zip(sizes, added, strict=True) if more < 0)

        return pad

    def _resize(self, primitive: Resize) -> Callable[..., tuple[Sizes, Fits]]:
        kept = len(self.node.shape or ()) - len(primitive.sizes)
        if len(self.node.inputs) > 1:  # to the size of a second input
            return lambda _shapes, given, other: ((*given[:kept], *other[kept:]), True)
        follow: list[Callable[[Shapes, Size], Size]] = []
        for axis, values in enumerate(self._output_values()[kept:], kept):
            arriving = tuple((node.input_shapes[0] or ())[axis] for node in self.nodes)
            scale = primitive.scales[axis - kept] if primitive.scales else Fraction(values[0], arriving[0])
            factor = scale.numerator if scale.denominator == 1 else float(scale)
            fixed = self.fixed and len(set(values)) == 1
            if not fixed and all(floor(n * factor) == m for n, m in zip(arriving, values, strict=True)):
                self.divisors.append(scale.denominator)
                follow.append(lambda _shapes, n, f=factor: scaled(n, f))  # type: ignore[misc]
            else:
                size = self._size(values)
                follow.append(lambda shapes, _n, s=size: s(shapes))  # type: ignore[misc]

        def resize(shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
            sizes = [rule(shapes, n) for rule, n in zip(follow, given[kept:], strict=True)]
            return (*given[:kept], *sizes), all_of(size > 0 for size in sizes)

        return resize

    def _reshape(self) -> Callable[..., tuple[Sizes, Fits]]:
        """Runs of axes with as many elements before as after; one size of each run follows from the others."""
        largest = max(self.nodes, key=lambda node: node.elements)
        outputs, runs = self._output_values(), runs_of_axes(largest.input_shapes[0] or (), largest.shape or ())
        alone = len({node.input_shapes[0] for node in self.nodes}) == 1
        made = []
        for before, after in runs:
            sizes: list[Callable[[Shapes], Size] | None] = []
            for axis in after:
                try:
                    sizes.append(self._size(outputs[axis]))
                except UnfollowedError:
                    sizes.append(None)
            changing = [i for i, axis in enumerate(after) if len(set(outputs[axis])) > 1]
            if after and len(changing) < 2 and not (self.fixed and alone):
                sizes[changing[0] if changing else 0] = None
            if sizes.count(None) > 1:
                raise UnfollowedError(self.node.name)
            made.append((before, sizes))
            if len(sizes) != 1:
                self.divisors.append(prod(outputs[axis][0] for axis, size in zip(after, sizes, strict=True) if size))
            self.monotone &= len(sizes) == 1 and None in sizes

        def step(shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
            result: list[Size] = []
            fits: Fits = True
            for before, sizes in made:
                if len(before) == len(sizes) == 1 and sizes[0] is None:
                    result.append(given[before[0]])
                    continue
                elements = product([given[axis] for axis in before])
                known = [None if size is None else size(shapes) for size in sizes]
                others = product([size for size in known if size is not None])
                result += [elements // others if size is None else size for size in known]
                here = elements % others == 0 if None in sizes else elements == others
                fits = fits & here
            return tuple(result), fits

        return step


def _same(_shapes: Shapes, given: Sizes) -> tuple[Sizes, Fits]:
    return given, True
