"""What the tensors of a network take while it runs, layer after layer in its order."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from convcalc.network.graph import Network, Node
from convcalc.network.operators import Convolve, parameter_shapes


def peak_elements(network: Network) -> tuple[int, int]:
    """The largest sum of live tensors, in elements of the whole batch, and the number of the layer where it arises.

    Every layer writes a tensor of its own; a tensor lives from then until its last reader has run, the output for
    good. A layer of several stages lets go of its input and its own tensors stage by stage.
    """
    last_read = last_reads(network)
    live = peak = at = 0
    for number, node in enumerate(network.nodes):
        freed = sum(network.nodes[i].elements for i in {*node.inputs} if last_read[i] == number)
        for read, written in _stages(node):
            during = live - freed + (freed if read is None else read) + written
            if during > peak:
                peak, at = during, number
        live += (node.elements if last_read[number] > number else 0) - freed
    return peak, at


def last_reads(network: Network) -> list[int]:
    """The number of each tensor's last reader: its own where nothing reads it, beyond all for the output."""
    last_read = list(range(len(network.nodes)))
    for number, node in enumerate(network.nodes):
        for i in node.inputs:
            last_read[i] = number
    last_read[network.output] = len(network.nodes)
    return last_read


def _stages(node: Node) -> Iterator[tuple[int | None, int]]:
    """What each stage reads, None for the layer's own inputs, and what it writes."""
    if len(node.steps) < 2:
        yield None, node.elements
        return
    batch = node.shape[0] if node.shape else 1
    for index, step in enumerate(node.steps):
        yield None if index == 0 else batch * prod(step.input), batch * prod(step.output)


def moved_elements(node: Node) -> int:
    """Elements that a layer must at least read and write: inputs, parameters and outputs of all of its stages, once."""
    parameters = sum(prod(shape) for _, shape in parameter_shapes(node.operator))
    if isinstance(node.operator, Convolve):
        batch = node.shape[0] if node.shape else 1
        return parameters + sum(batch * (prod(step.input) + prod(step.output)) for step in node.steps)
    return parameters + node.elements + sum(prod(shape) for shape in node.input_shapes if shape is not None)
