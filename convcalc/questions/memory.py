"""The tensors of a graph that live at once as it runs, one node after another: layer by layer, and as deployed.

Layer by layer, every node writes a tensor of its own. Deployed, a batch norm is folded into the convolution or linear
layer before it, element-wise layers work in place, and what only gives elements another shape takes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
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
    parameter_shapes,
)  # fmt: skip
from convcalc.notation import Axes

NOTHING_DONE = ("dropout", "identity")
"""Element-wise kinds that change no value once a network is trained."""


class Peak(NamedTuple):
    """The peak: the sum of live elements, and the number of the node that is running then."""

    elements: int
    node: int


class Placement(NamedTuple):
    """Which buffer holds every node's output, by the number of the node it was made for, and each buffer's last use."""

    buffers: tuple[int, ...]
    last_uses: tuple[int, ...]


def layer_by_layer(graph: Graph) -> Placement:
    """A buffer for every node, which lives until its last reader has run, the output's for good."""
    return Placement(tuple(range(len(graph.nodes))), tuple(last_reads(graph)))


def deployed(graph: Graph) -> Placement:
    """As few buffers as a deployment needs.

    What gives elements another shape, or does nothing, keeps its input's buffer. What goes element by element writes
    over an input of the output's shape, if no later node reads that buffer. All others have a buffer of their own.
    """
    last_read = last_reads(graph)
    buffers, last_uses = list(range(len(graph.nodes))), [*last_read]
    for number, node in enumerate(graph.nodes):
        if does_nothing(node.primitive):
            kept = buffers[node.inputs[0]]
        elif goes_by_element(node.primitive):
            over = (i for i in node.inputs if _is_over(graph, i, node, last_uses[buffers[i]] == number))
            kept = next((buffers[i] for i in over), number)
        else:
            continue
        buffers[number] = kept
        last_uses[kept] = max(last_uses[kept], last_read[number])
    return Placement(tuple(buffers), tuple(last_uses))


def _is_over(graph: Graph, source: int, node: Node, last: bool) -> bool:
    """Whether a node may write its output over that of its input `source`."""
    made = graph.nodes[source]
    return last and made.shape == node.shape is not None and not isinstance(made.primitive, Constant)


def peak(graph: Graph, placement: Placement) -> Peak:
    """The largest sum of live buffers, in elements of the whole batch, and the node that runs when it arises."""
    buffers, last_uses = placement
    live, most = 0, Peak(0, 0)
    for number, node in enumerate(graph.nodes):
        live += node.elements if buffers[number] == number else 0
        if live > most.elements:
            most = Peak(live, number)
        used = {buffers[number], *(buffers[i] for i in node.inputs)}
        live -= sum(graph.nodes[i].elements for i in used if last_uses[i] == number)
    return most


def live_tensors(graph: Graph, placement: Placement, at: Peak) -> Iterator[tuple[str, Axes, int]]:
    """The label, whole shape and elements of every buffer that is alive at the peak, as it was first written."""
    buffers, last_uses = placement
    for number, node in enumerate(graph.nodes[: at.node + 1]):
        if node.shape is not None and buffers[number] == number and last_uses[number] >= at.node:
            yield graph.labels[number], node.shape, node.elements


def last_reads(graph: Graph) -> list[int]:
    """The number of each tensor's last reader: its own if there is none, beyond all nodes for an output."""
    last_read = list(range(len(graph.nodes)))
    for number, node in enumerate(graph.nodes):
        for i in node.inputs:
            last_read[i] = number
    for i in (graph.output, *graph.others):
        last_read[i] = len(graph.nodes)
    return last_read


def moved_elements(node: Node) -> int:
    """Elements that a node must at least read and write: its inputs, parameters and output, once each."""
    parameters = sum(prod(shape) for _, shape in parameter_shapes(node.primitive))
    return parameters + node.elements + read_elements(node)


def read_elements(node: Node) -> int:
    """Elements of a node's inputs, of the whole batch, as far as their shapes are known."""
    return sum(prod(shape) for shape in node.input_shapes if shape is not None)


def free_nodes(graph: Graph) -> Sequence[bool]:
    """Whether each node costs a deployment no time: nothing of it is read or written apart from the layer before.

    These are what does nothing to the elements, and what goes element by element on the output of a single layer that
    nobody else reads: it is applied as that layer writes, or folded into its weights if it is a batch norm after some.
    """
    readers = [0] * len(graph.nodes)
    for node in graph.nodes:
        for i in {*node.inputs}:
            readers[i] += 1
    for i in (graph.output, *graph.others):
        readers[i] += 1
    writes: list[bool] = []
    """Whether a node's values are just being written, so that a function can be applied to them."""
    free = []
    for node in graph.nodes:
        follows = len(node.inputs) == 1 and readers[node.inputs[0]] == 1 and writes[node.inputs[0]]
        nothing = does_nothing(node.primitive)
        free.append(nothing or (follows and goes_by_element(node.primitive)))
        writes.append(follows if nothing else not isinstance(node.primitive, Input | Constant))
    return free


def does_nothing(primitive: Primitive) -> bool:
    """Whether the output has the input's elements in their order, so that it can be the same memory."""
    return isinstance(primitive, Reshape) or (isinstance(primitive, Elementwise) and primitive.kind in NOTHING_DONE)


def goes_by_element(primitive: Primitive) -> bool:
    """Whether every output element depends on the elements at its place alone."""
    match primitive:
        case Elementwise() | WithConstant() | Merge():
            return True
        case Normalize(kind=kind):  # the others need the whole input for their statistics first
            return kind == "batch_norm"
        case (
            Input() | Constant() | Correlate() | TransposedCorrelate() | ShuffleChannels() | Pool() | Linear()
            | MatMul() | Softmax() | Concat() | Reduce() | AdaptivePool() | Slice() | Take() | Pad() | Reshape()
            | Transpose() | Expand() | Resize() | Unknown()
        ):  # fmt: skip
            return False
        case _:
            assert_never(primitive)
