"""One network on several inputs, from which the rules of its sizes are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from convcalc.errors import ConvcalcError
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import (
    Concat,
    Correlate,
    Elementwise,
    Input,
    Merge,
    Normalize,
    Pool,
    Primitive,
    Reduce,
    ShuffleChannels,
    Slice,
    Softmax,
    TransposedCorrelate,
    WithConstant,
)  # fmt: skip
from convcalc.notation import Axes

Place: TypeAlias = Callable[[Axes], Graph]
"""The network on an input of (channels, *spatial); raises ConvcalcError if it does not fit."""


def placed_samples(graph: Graph, at: Place) -> list[Graph]:
    """The network on its own input, and on others if it accepts them, with axes of different sizes.

    A size that divides as often as its own tells a factor from a fixed size; one that is odd however often it is halved
    tells a factor from the size of another layer.
    """
    channels, *spatial = (graph.inputs[0].shape or ())[1:]
    graphs = [graph]
    transposed = any(isinstance(node.primitive, TransposedCorrelate) for node in graph.nodes)
    if alike(graph) and not transposed:  # no size has several explanations
        return graphs
    others = (
        [n + i for i, n in enumerate(spatial, 1)],
        [n * i for i, n in enumerate(spatial, 2)],
        [(n << i) - 1 for i, n in enumerate(spatial, 1)],
    )
    for size in others:
        try:
            graphs.append(at((channels, *size)))
        except ConvcalcError:
            continue
    return graphs


def alike(graph: Graph) -> bool:
    """Whether every layer does the same along all axes, and none of them mixes axes."""
    return all(_alike(node.primitive, len(graph.inputs[0].shape or ()) - 2) for node in graph.nodes)


def _alike(primitive: Primitive, dims: int) -> bool:
    match primitive:
        case Correlate() | TransposedCorrelate() | Pool():
            along = [primitive.kernel, primitive.stride, primitive.dilation, primitive.padding]
            if isinstance(primitive, TransposedCorrelate):
                along.append(primitive.output_padding)
            return all(isinstance(values, str) or len(set(values)) < 2 for values in along)
        case Concat() | Slice() | Softmax():
            return primitive.axis == 1
        case Normalize() | WithConstant():
            return len(primitive.shape) < 2 or set(primitive.shape[1:]) == {1}
        case Reduce():
            return primitive.axes == tuple(range(2, 2 + dims)) and primitive.keep
        case Input() | Elementwise() | Merge() | ShuffleChannels():
            return True
        case _:
            return False
