"""Layers that run over a stream, piece by piece: how late they are, and what every layer has to keep."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from math import gcd, prod
from typing import Any, NamedTuple

from convcalc.errors import ShapeError, first_of, plural
from convcalc.graph.graph import Graph, ancestors
from convcalc.graph.primitives import Input, TransposedCorrelate
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.notation import Axes
from convcalc.questions.cost import cost
from convcalc.questions.schedule import Count, Needed, counts, held_back, needed, rates, total_stride
from convcalc.questions.schema import SCHEMA, number
from convcalc.questions.timeline import Arrive, Join, Obstacle, Slide, Spread, Timed, timeline

DEFAULT_RATE = Fraction(16_000)
"""Samples a second, if no rate is given."""
MAX_COUNTED = 1 << 14
"""Most counts, of nodes times different chunks, that are looked at one by one."""
MAX_NAMED = 3
"""Most layers that a note or an error names."""


class NotStreamableError(ShapeError):
    """Layers that cannot run over a stream; `before` are those that the first of them depends on, in order."""

    def __init__(self, graph: Graph, obstacles: Sequence[Obstacle]) -> None:
        named = []
        for at, reason in obstacles:
            label, op = graph.labels[at], graph.groups[graph.group_of[at]].op
            named.append(f"{f'layer {label}, {op}' if label.isdigit() else f'{label} ({op})'}: {reason}")
        super().__init__(f"stream: every layer must run piece by piece, got {first_of(named, MAX_NAMED, '; ')}")
        first = graph.group_of[obstacles[0].number]
        read = [n for n in ancestors(graph, obstacles[0].number) if not isinstance(graph.nodes[n].primitive, Input)]
        self.before = tuple(graph.groups[n] for n in sorted({graph.group_of[n] for n in read} - {first}))


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


class Chunk(NamedTuple):
    """A stream of which `samples` arrive at a time: the fewest and most outputs at a time, and the longest delay.

    `outputs` is None if too many different chunks would have to be looked at. Computed from scratch, with its context,
    a chunk takes `whole` samples.
    """

    samples: int
    outputs: tuple[int, int] | None
    latency: int
    whole: int

    @property
    def recomputed(self) -> Fraction:
        """The share of the work that is done again if no state is kept."""
        return Fraction(self.whole - self.samples, self.whole)


@dataclass(frozen=True)
class Stream:
    """Layers over a stream of `rate` samples a second, whose time runs along `axis` of the whole input.

    To give the outputs of a chunk, its samples, `left_context` before and `look_ahead` after it are read.
    `plan` and `held_back` say node by node how it runs, and `block` what it needs for the outputs of one chunk. The end
    is that of `size` samples, of whole chunks if None.
    """

    graph: Graph
    axis: int
    rate: Fraction
    size: int | None
    left_context: int
    look_ahead: int
    smallest_chunk: int
    outputs_per_chunk: int
    layers: tuple[StreamedLayer, ...]
    chunk: Chunk
    plan: tuple[Timed | None, ...]
    held_back: tuple[int, ...]
    block: tuple[Needed | None, ...]

    @property
    def latency(self) -> int:
        """Samples from the first of a smallest chunk to its outputs, if they are computed as soon as they can be."""
        return self.look_ahead + self.smallest_chunk

    @property
    def state_values(self) -> int:
        return sum(layer.values for layer in self.layers)

    @property
    def multiplications(self) -> Fraction:
        """For each sample of the input."""
        return sum((layer.multiplications for layer in self.layers), Fraction(0))

    @property
    def output_rate(self) -> Fraction:
        """Outputs a second."""
        return self.rate * self.outputs_per_chunk / self.smallest_chunk

    @property
    def axis_name(self) -> str:
        """The name of the axis on which time runs."""
        return axis_names(self.graph)[self.axis - 2]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is lost at the end, and chunks that give now more and now fewer outputs."""
        return (*_valid_notes(self), *_unread_notes(self), *_chunk_notes(self), *self.graph.notes)

    def milliseconds(self, samples: int) -> float:
        """The time of some samples. Raises ShapeError if it is beyond all floats."""
        return _float(1000 * samples / self.rate)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        chunk = self.chunk
        return {
            "schema": SCHEMA,
            "axis": self.axis_name,
            "rate": number(self.rate),
            "output_rate": number(self.output_rate),
            "left_context": self.left_context,
            "look_ahead": self.look_ahead,
            "latency_samples": self.latency,
            "latency_ms": self.milliseconds(self.latency),
            "smallest_chunk": self.smallest_chunk,
            "outputs_per_chunk": self.outputs_per_chunk,
            "state_values": self.state_values,
            "multiplications_per_sample": number(self.multiplications),
            "multiplications_per_second": number(self.multiplications * self.rate),
            "chunk": {
                "samples": chunk.samples,
                "outputs": None if chunk.outputs is None else list(chunk.outputs),
                "latency_samples": chunk.latency,
                "latency_ms": self.milliseconds(chunk.latency),
            },
            "overlapped": {
                "samples": chunk.whole,
                "recomputed": float(chunk.recomputed),
                "multiplications_per_second": number(self.multiplications * self.rate * chunk.whole / chunk.samples),
            },
            "layers": [_layer_dict(layer, self.rate) for layer in self.layers],
            "notes": list(self.notes),
        }


def _layer_dict(layer: StreamedLayer, rate: Fraction) -> dict[str, Any]:
    """One layer; if it keeps several arrays, `state` is the largest."""
    return {
        "name": layer.name,
        "op": layer.op,
        "state": list(max((held.shape for held in layer.state), key=prod, default=layer.shape)),
        "state_values": layer.values,
        "kept": [{"of": held.of, "shape": list(held.shape)} for held in layer.state],
        "multiplications_per_second": number(layer.multiplications * rate),
        "never_read_at_end": layer.unread.positions if layer.unread else 0,
    }


def stream(
    graph: Graph, axis: int, *, rate: Fraction = DEFAULT_RATE, chunk: int | None = None, sized: bool = False
) -> Stream:
    """The layers over a stream whose time runs along this axis of the whole input.

    `chunk` samples arrive at a time, the smallest chunk if None. With `sized`, the stream may end as the input does.
    Raises ShapeError for layers that cannot run over a stream, naming them.
    """
    plan, obstacles = timeline(graph, axis)
    if obstacles:
        raise NotStreamableError(graph, obstacles)
    found = rates(graph, plan)
    out = found[graph.output]
    if out is None:
        raise ShapeError(
            f"{graph.labels[graph.output]}: must depend on the input, got a constant; give layers that read it"
        )
    stride = total_stride(found)
    held = held_back(graph, plan, stride)
    block = needed(graph, plan, held, Needed(0, int(out * stride) - 1))
    samples = [
        each for each, timed in zip(block, plan, strict=True) if each and timed and isinstance(timed.move, Arrive)
    ]
    left = max(0, -min(each.first for each in samples))
    until = max(each.last for each in samples) + 1
    ahead = max(0, until - stride)
    size = (graph.inputs[0].shape or ())[axis]
    _confirm(graph, plan, counts(graph, plan, held, size))
    now, end = counts(graph, plan, held, 0), counts(graph, plan, held, size if sized else 0)
    layers = tuple(
        StreamedLayer(
            number, f"{group.name}/{graph.nodes[number].stage}" if group.name else graph.nodes[number].stage, group.op,
            _with_time(graph.nodes[number].shape or (), timed.axis, 0), tuple(_state(graph, plan, number, now, held)),
            _multiplications(graph, plan, found, number), _unread(graph, plan, number, end, size if sized else 0),
        )
        for group in graph.layers
        for number in group.nodes
        if (timed := plan[number]) is not None
    )  # fmt: skip
    pieces = stride if chunk is None else chunk
    return Stream(
        graph, axis, rate, size if sized else None, left, ahead, stride, int(out * stride), layers,
        Chunk(
            pieces, _outputs(graph, plan, held, stride, int(out * stride), pieces), _latency(pieces, stride, until),
            -(-left // stride) * stride + pieces + ahead,
        ),
        plan, held, block,
    )  # fmt: skip


class Alike(NamedTuple):
    """Layers in a row that keep and multiply the same: the first, the last, and their sums."""

    layers: tuple[StreamedLayer, ...]
    values: int
    multiplications: Fraction


def busy_layers(stream: Stream) -> tuple[Alike, ...]:
    """The layers that keep something or multiply, those that are alike together."""
    busy = [layer for layer in stream.layers if layer.values or layer.multiplications]
    runs = groupby(busy, key=lambda layer: (layer.op, layer.state, layer.multiplications))
    found = [tuple(run) for _, run in runs]
    return tuple(Alike(run, len(run) * run[0].values, len(run) * run[0].multiplications) for run in found)


def axis_names(graph: Graph) -> tuple[str, ...]:
    """The names of the spatial axes of the input."""
    return AXIS_NAMES.get(len(graph.inputs[0].shape or ()) - 2, ())


def _confirm(graph: Graph, plan: Sequence[Timed | None], found: Sequence[Count]) -> None:
    """Raises AssertionError unless all that every node has given in the end is its output as it was placed."""
    for node, timed, count in zip(graph.nodes, plan, found, strict=True):
        if timed is not None and timed.axis is not None and count.final != (node.shape or ())[timed.axis]:
            raise AssertionError(f"{node.name}: {count.final} positions in the end, but its shape is {node.shape}")


def _with_time(shape: Axes, axis: int | None, length: int) -> Axes:
    """A whole shape with another length of time, without the batch."""
    return tuple(length if at == axis else size for at, size in enumerate(shape))[1:]


def _state(
    graph: Graph, plan: Sequence[Timed | None], number: int, now: Sequence[Count], held: Sequence[int]
) -> Iterator[Held]:
    """What a node keeps after whole chunks: inputs that later windows read, sums without their last terms, ..."""
    node, timed = graph.nodes[number], plan[number]
    if timed is None or timed.axis is None:
        return
    ready = now[number].ready + held[number]
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
    for kept, of in ((pending, "sums of outputs"), (held[number], "outputs that may be cut off")):
        if kept > 0:
            yield Held(_with_time(node.shape or (), timed.axis, kept), of, (node.shape or (1,))[0])


def _multiplications(
    graph: Graph, plan: Sequence[Timed | None], found: Sequence[Fraction | None], number: int
) -> Fraction:
    """Multiplications of a node for each sample of the network's input; a transposed one multiplies its inputs."""
    node = graph.nodes[number]
    at = node.inputs[0] if isinstance(node.primitive, TransposedCorrelate) else number
    timed, rate, shape = plan[at], found[at], graph.nodes[at].shape
    if timed is None or timed.axis is None or rate is None or shape is None:
        return Fraction(0)
    return Fraction(cost(node).multiplications, shape[timed.axis]) * rate


def _unread(graph: Graph, plan: Sequence[Timed | None], number: int, end: Sequence[Count], size: int) -> Unread | None:
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


def _outputs(
    graph: Graph, plan: Sequence[Timed | None], held: Sequence[int], stride: int, outputs: int, pieces: int
) -> tuple[int, int] | None:
    """The fewest and the most outputs of chunks of `pieces` samples, if `stride` samples give `outputs`."""
    different = stride // gcd(stride, pieces)
    if different == 1:
        return outputs * pieces // stride, outputs * pieces // stride
    if different * len(plan) > MAX_COUNTED:
        return None
    given = [counts(graph, plan, held, n * pieces)[graph.output].ready for n in range(different + 1)]
    found = [after - before for before, after in pairwise(given)]
    return min(found), max(found)


def _latency(pieces: int, stride: int, until: int) -> int:
    """The most samples from the first of a smallest chunk to its outputs, if `pieces` arrive at a time.

    The outputs of smallest chunk j need j*stride + until samples. The last of these comes with a piece that ends up to
    pieces - gcd samples later, plus what `until` lacks to a multiple of the gcd.
    """
    common = gcd(pieces, stride)
    return max(0, until + pieces - common + -until % common)


def _valid_notes(stream: Stream) -> Iterator[str]:
    """What unpadded layers mean by late: their outputs are as late as one counts them."""
    if stream.look_ahead and not stream.left_context:
        yield (
            f"output 0 counts as that of sample 0; as that of sample {stream.look_ahead}, the last that it reads, it "
            "would look ahead at nothing"
        )


def _unread_notes(stream: Stream) -> Iterator[str]:
    """Which samples no window reads at the end, and the padding that reads all."""
    losing = [layer for layer in stream.layers if layer.unread]
    for layer in losing[:MAX_NAMED]:
        unread = layer.unread
        assert unread is not None
        of = f" of its {unread.of}" if unread.of else " of whole chunks"
        begin, end = unread.padding or (0, 0)
        remedy = f"; padding {begin}:{end} reads all" if unread.padding else ""
        yield f"{layer.name} ({layer.op}): never reads the last {unread.positions}{of}{remedy}"
    if len(losing) > MAX_NAMED:
        yield f"the same holds for {plural(len(losing) - MAX_NAMED, 'more layer')}"


def _chunk_notes(stream: Stream) -> Iterator[str]:
    """Which chunks always give the same number of outputs, if these do not."""
    pieces, smallest, outputs = stream.chunk.samples, stream.smallest_chunk, stream.chunk.outputs
    below = pieces // smallest * smallest
    if below == pieces:
        return
    given = "unequal numbers of outputs" if outputs is None else f"{outputs[0]} to {outputs[1]} outputs"
    works = f"{below} or {below + smallest}" if below else f"{smallest}"
    yield f"chunks of {pieces} give {given}, those of {works} always as many"


def _float(value: Fraction) -> float:
    if value > sys.float_info.max:
        raise ShapeError("latency: must fit a float in milliseconds, got one beyond 1e308; use smaller strides")
    return float(value)
