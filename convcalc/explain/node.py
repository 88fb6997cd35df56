"""Which rules explain the numbers of one primitive: one match over all of them.

To explain a new primitive, say here which of the rules in `sizes` and `counts` it follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple, assert_never

from convcalc import formulas
from convcalc.explain import counts, sizes
from convcalc.explain.rows import Explanation
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
from convcalc.questions.report import StageReport


class Parts(NamedTuple):
    """The working-out of a node in three parts; none is worked out before it is iterated over."""

    sizes: Iterator[Explanation]
    parameters: Iterator[Explanation]
    counts: Iterator[Explanation]


def parts(where: str, stage: StageReport) -> Parts:
    """The working-out of a node's output, parameters and counts."""
    node, cost = stage.node, stage.cost
    primitive, rank = node.primitive, len(node.shape or ())
    shapes = [shape for shape in node.input_shapes if shape is not None]
    nothing_learned, uncounted = counts.no_parameters(where, cost), counts.not_counted(where, node, cost)
    array: Iterator[Explanation] = counts.parameters_of_array(where, node, cost)
    match primitive:
        case Correlate() | TransposedCorrelate():
            return Parts(
                sizes.of_convolution(where, node, primitive),
                counts.parameters_of_convolution(where, node, primitive, cost),
                counts.counts_of_convolution(where, node, primitive, cost),
            )
        case Pool():
            return Parts(sizes.of_pool(where, node, primitive), nothing_learned, uncounted)
        case ShuffleChannels():
            return Parts(sizes.of_shuffle(where, node), nothing_learned, uncounted)
        case Linear():
            features = {"filters": primitive.out_features}
            rule = sizes.but(sizes.kept(shapes[0]), rank - 1, formulas.OUTPUT_FEATURES, **features)
            return Parts(
                sizes.of_axes(where, node, rule),
                counts.parameters_of_linear(where, node, primitive, cost),
                counts.counts_of_linear(where, node, primitive, cost),
            )
        case MatMul():
            rule = sizes.product_of(shapes, rank)
            multiplied = counts.counts_of_product(where, node, cost)
            return Parts(sizes.of_axes(where, node, rule), nothing_learned, multiplied)
        case Unknown():
            rule, nothing = sizes.of_size(formulas.OUTPUT_STATED, node.shape or ()), iter(())
            return Parts(sizes.of_axes(where, node, rule), nothing, counts.activations(where, node, cost))
        case Input():
            rule = sizes.of_size(formulas.OUTPUT_GIVEN, primitive.shape)
        case Constant():
            rule = sizes.of_size(formulas.OUTPUT_OWN, primitive.shape)
        case Normalize():
            rule, array = sizes.kept(shapes[0]), chain(array, counts.statistics(where, node, cost))
        case Elementwise() | Softmax():
            rule = sizes.kept(shapes[0])
        case WithConstant() | Expand():
            rule = sizes.stretched([shapes[0], primitive.shape], rank)
        case Merge():
            rule = sizes.merged(shapes, rank, primitive)
        case Concat():
            inputs = [shape[primitive.axis] for shape in shapes]
            rule = sizes.but(sizes.kept(shapes[0]), primitive.axis, formulas.OUTPUT_SIDE_BY_SIDE, inputs=inputs)
        case Reduce():
            rule = sizes.reduced(shapes[0], primitive)
        case Slice():
            taken = {"size": primitive.length}
            rule = sizes.but(sizes.kept(shapes[0]), primitive.axis, formulas.OUTPUT_TAKEN, **taken)
        case Take():
            rule = sizes.taken(shapes[0], primitive)
        case Pad():
            rule = sizes.padded(shapes[0], primitive)
        case Reshape():
            rule = sizes.reshaped(shapes[0], primitive)
        case Transpose():
            rule = sizes.kept(tuple(shapes[0][axis] for axis in primitive.order))
        case Resize() | AdaptivePool():
            rule = sizes.resized(shapes[0], primitive.sizes)
        case _:
            assert_never(primitive)
    return Parts(sizes.of_axes(where, node, rule), array, uncounted)
