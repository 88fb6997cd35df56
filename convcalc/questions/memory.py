"""What the tensors of a network take while it runs, layer after layer in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from convcalc.graph.graph import Network, Node
from convcalc.graph.primitives import Convolve, parameter_shapes
from convcalc.graph.stages import Axes


@dataclass(frozen=True, slots=True)
class Peak:
    """Where most is alive at once: the number of the layer and which of its stages, and the sum in elements."""

    elements: int
    layer: int
    stage: int


def peak(network: Network) -> Peak:
    """The largest sum of live tensors, in elements of the whole batch, and the stage of a layer where it arises.

    Every layer writes a tensor of its own; a tensor lives from then until its last reader has run, the output for
    good. A layer of several stages lets go of its input and its own tensors stage by stage.
    """
    last_read = last_reads(network)
    live, most = 0, Peak(0, 0, 0)
    for number, node in enumerate(network.nodes):
        freed = sum(network.nodes[i].elements for i in {*node.inputs} if last_read[i] == number)
        for stage, (read, written) in enumerate(_stages(node)):
            during = live - freed + (freed if read is None else prod(read)) + prod(written)
            if during > most.elements:
                most = Peak(during, number, stage)
        live += (node.elements if last_read[number] > number else 0) - freed
    return most


def live_tensors(network: Network, at: Peak) -> Iterator[tuple[str, Axes, int]]:
    """The name, whole shape and elements of every tensor that is alive there; of a stage's own, with its name."""
    last_read = last_reads(network)
    node = network.nodes[at.layer]
    for number, other in enumerate(network.nodes[: at.layer]):
        held = last_read[number] > at.layer or (at.stage == 0 and last_read[number] == at.layer)
        if held and other.shape is not None:
            yield other.name, other.shape, other.elements
    read, written = list(_stages(node))[at.stage]
    if read is not None:
        yield f"{node.name}/{node.steps[at.stage - 1].path}", read, prod(read)
    if node.shape is not None:
        name = f"{node.name}/{node.steps[at.stage].path}" if len(node.steps) > 1 else node.name
        yield name, written, prod(written)


def last_reads(network: Network) -> list[int]:
    """The number of each tensor's last reader: its own where nothing reads it, beyond all for the output."""
    last_read = list(range(len(network.nodes)))
    for number, node in enumerate(network.nodes):
        for i in node.inputs:
            last_read[i] = number
    last_read[network.output] = len(network.nodes)
    return last_read


def _stages(node: Node) -> Iterator[tuple[Axes | None, Axes]]:
    """The shapes that each stage reads, None for the layer's own inputs, and that it writes."""
    if len(node.steps) < 2:
        yield None, (0,) if node.shape is None else node.shape
        return
    batch = node.shape[0] if node.shape else 1
    for index, step in enumerate(node.steps):
        yield None if index == 0 else (batch, *step.input), (batch, *step.output)


def moved_elements(node: Node) -> int:
    """Elements that a layer must at least read and write: inputs, parameters and outputs of all of its stages, once."""
    parameters = sum(prod(shape) for _, shape in parameter_shapes(node.operator))
    if isinstance(node.operator, Convolve):
        batch = node.shape[0] if node.shape else 1
        return parameters + sum(batch * (prod(step.input) + prod(step.output)) for step in node.steps)
    return parameters + node.elements + sum(prod(shape) for shape in node.input_shapes if shape is not None)
