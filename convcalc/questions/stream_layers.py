"""What every layer of a stream keeps from chunk to chunk, multiplies, and leaves unread at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from math import prod
from typing import NamedTuple

from convcalc.graph.graph import Graph, Group, Node
from convcalc.graph.primitives import TransposedCorrelate
from convcalc.notation import Axes
from convcalc.questions.cost import cost
from convcalc.questions.schedule import Count, Plan, counts
from convcalc.questions.timeline import Join, Slide, Spread


class Held(NamedTuple):
    """An array that a layer keeps from one chunk to the next, without the batch; `of` says what it is."""

    shape: Axes
    of: str
    batch: int

    @property
    def values(self) -> int:
        """Elements for the whole batch."""
        return self.batch * prod(self.shape)


class Unread(NamedTuple):
    """Positions at the end of a layer's input that no window reads, and the padding that reads all, if there is one."""

    positions: int
    of: int
    padding: tuple[int, int] | None


class StreamedLayer(NamedTuple):
    """One stage over the stream; multiplications are for each sample of the input."""

    number: int
    name: str
    op: str
    shape: Axes
    state: tuple[Held, ...]
    multiplications: Fraction
    unread: Unread | None

    @property
    def values(self) -> int:
        return sum(held.values for held in self.state)


class Alike(NamedTuple):
    """Layers in a row that keep and multiply the same: the first, the last, and their sums."""

    layers: tuple[StreamedLayer, ...]
    values: int
    multiplications: Fraction


def streamed_layers(
    graph: Graph, plan: Plan, found: Sequence[Fraction | None], size: int | None
) -> tuple[StreamedLayer, ...]:
    """Every stage over the stream; `found` are the nodes' rates, `size` the end, that of whole chunks if None."""
    none = (0,) * len(plan)
    now, end = counts(graph, plan, none, 0), counts(graph, plan, none, size or 0)
    return tuple(
        StreamedLayer(
            number, _name(group, graph.nodes[number]), group.op,
            _with_time(graph.nodes[number].shape or (), timed.axis, 0), tuple(_state(graph, plan, number, now)),
            _multiplications(graph, plan, found, number), _unread(graph, plan, number, end, size),
        )
        for group in graph.layers
        for number in group.nodes
        if (timed := plan[number]) is not None
    )  # fmt: skip


def _name(group: Group, node: Node) -> str:
    """A stage's name; a layer of a network that has one stage is called by its own."""
    if not group.name:
        return node.stage
    return f"{group.name}/{node.stage}" if len(group.nodes) > 1 or group.name.isdecimal() else group.name


def alike_layers(layers: Sequence[StreamedLayer]) -> tuple[Alike, ...]:
    """The layers that keep something or multiply, those that are alike together."""
    busy = [layer for layer in layers if layer.values or layer.multiplications]
    runs = groupby(busy, key=lambda layer: (layer.op, layer.state, layer.multiplications))
    found = [tuple(run) for _, run in runs]
    return tuple(Alike(run, len(run) * run[0].values, len(run) * run[0].multiplications) for run in found)


def _with_time(shape: Axes, axis: int | None, length: int) -> Axes:
    """A whole shape with another length of time, without the batch."""
    return tuple(length if at == axis else size for at, size in enumerate(shape))[1:]


def _state(graph: Graph, plan: Plan, number: int, now: Sequence[Count]) -> Iterator[Held]:
    """What a node keeps after whole chunks: inputs that later windows read, sums without their last terms, ..."""
    node, timed = graph.nodes[number], plan[number]
    if timed is None or timed.axis is None:
        return
    ready = now[number].ready
    for i, shape in zip(node.inputs, node.input_shapes, strict=True):
        before = plan[i]
        if before is None or before.axis is None:
            continue
        kept, of = 0, "inputs"
        if isinstance(timed.move, Slide):
            kept = now[i].ready + timed.move.window.before - ready * timed.move.window.stride
        elif isinstance(timed.move, Join):
            kept, of = now[i].ready - ready, f"inputs from {graph.labels[i]}"
        if kept > 0:
            yield Held(_with_time(shape or (), before.axis, kept), of, (shape or (1,))[0])
    pending = timed.move.window.extent - timed.move.window.stride if isinstance(timed.move, Spread) else 0
    if pending > 0:
        shape = node.shape or ()
        yield Held(_with_time(shape, timed.axis, pending), "sums of outputs", shape[0])


def _multiplications(graph: Graph, plan: Plan, found: Sequence[Fraction | None], number: int) -> Fraction:
    """Multiplications of a node for each sample of the network's input; a transposed one multiplies its inputs."""
    node = graph.nodes[number]
    at = node.inputs[0] if isinstance(node.primitive, TransposedCorrelate) else number
    timed, rate, shape = plan[at], found[at], graph.nodes[at].shape
    if timed is None or timed.axis is None or rate is None or shape is None:
        return Fraction(0)
    return Fraction(cost(node).multiplications, shape[timed.axis]) * rate


def _unread(graph: Graph, plan: Plan, number: int, end: Sequence[Count], size: int | None) -> Unread | None:
    """Positions at the end of the input that no window of a strided layer reads, on the size of the end."""
    timed = plan[number]
    if timed is None or not isinstance(timed.move, Slide) or timed.move.window.stride == 1:
        return None
    window, [source] = timed.move.window, graph.nodes[number].inputs
    last = (end[number].final - 1) * window.stride - window.before + window.extent
    unread = end[source].final - last
    if unread <= 0:
        return None
    reads_all = window.extent >= window.stride and window.dilation == 1
    padding = (window.extent - window.stride, window.stride - 1) if reads_all else None
    return Unread(unread, end[source].final if size else 0, padding)
