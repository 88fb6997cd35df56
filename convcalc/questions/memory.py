"""The tensors of a graph that live at once as it runs, one node after another."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import parameter_shapes
from convcalc.notation import Axes


class Peak(NamedTuple):
    """The peak: the sum of live elements, and the number of the node that is running then."""

    elements: int
    node: int


def peak(graph: Graph) -> Peak:
    """The largest sum of live tensors, in elements of the whole batch, and the node that runs when it arises.

    Every node writes a tensor of its own, which lives from then until its last reader has run, the output for good.
    """
    last_read = last_reads(graph)
    live, most = 0, Peak(0, 0)
    for number, node in enumerate(graph.nodes):
        if live + node.elements > most.elements:
            most = Peak(live + node.elements, number)
        live += node.elements if last_read[number] > number else 0
        live -= sum(graph.nodes[i].elements for i in {*node.inputs} if last_read[i] == number)
    return most


def live_tensors(graph: Graph, at: Peak) -> Iterator[tuple[str, Axes, int]]:
    """The label, whole shape and elements of every tensor that is alive at the peak."""
    last_read = last_reads(graph)
    for number, node in enumerate(graph.nodes[: at.node + 1]):
        if node.shape is not None and (number == at.node or last_read[number] >= at.node):
            yield graph.labels[number], node.shape, node.elements


def last_reads(graph: Graph) -> list[int]:
    """The number of each tensor's last reader: its own if there is none, beyond all nodes for the output."""
    last_read = list(range(len(graph.nodes)))
    for number, node in enumerate(graph.nodes):
        for i in node.inputs:
            last_read[i] = number
    last_read[graph.output] = len(graph.nodes)
    return last_read


def moved_elements(node: Node) -> int:
    """Elements that a node must at least read and write: its inputs, parameters and output, once each."""
    parameters = sum(prod(shape) for _, shape in parameter_shapes(node.primitive))
    return parameters + node.elements + sum(prod(shape) for shape in node.input_shapes if shape is not None)
