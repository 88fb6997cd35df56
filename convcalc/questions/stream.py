"""Layers that run over a stream, piece by piece: how late they are, and what every layer has to keep."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd, prod
from typing import Any, NamedTuple

from convcalc.errors import ShapeError, first_of, plural
from convcalc.graph.graph import Graph, ancestors
from convcalc.graph.primitives import Input
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.questions.schedule import Count, Needed, Plan, counts, held_back, needed, rates, total_stride
from convcalc.questions.schema import SCHEMA, number
from convcalc.questions.stream_layers import StreamedLayer, streamed_layers
from convcalc.questions.timeline import Arrive, Obstacle, Timed, timeline

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
    `plan` says node by node how it runs, `block` what it needs for the outputs of one chunk. The end is that of `size`
    samples, of whole chunks if None; to be exact there, nodes hold back outputs, which comes `end_delay` samples later.
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
    block: tuple[Needed | None, ...]
    held_back: tuple[int, ...]
    end_delay: int

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
        found = (note for note in self.graph.notes if note not in self.graph.remarks)
        return (*_valid_notes(self), *_end_notes(self), *_unread_notes(self), *_chunk_notes(self), *found)

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
            "end_delay": self.end_delay,
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
    held, none, outputs = held_back(graph, plan, stride), (0,) * len(plan), int(out * stride)
    size = (graph.inputs[0].shape or ())[axis]
    _confirm(graph, plan, counts(graph, plan, none, size))
    block = needed(graph, plan, none, Needed(0, outputs - 1))
    first, last = read_samples(plan, block)
    _, last_exactly = read_samples(plan, needed(graph, plan, held, Needed(0, outputs - 1)))
    left, ahead = max(0, -first), max(0, last + 1 - stride)
    pieces = stride if chunk is None else chunk
    return Stream(
        graph, axis, rate, size if sized else None, left, ahead, stride, outputs,
        streamed_layers(graph, plan, found, size if sized else None),
        Chunk(
            pieces, _outputs(graph, plan, stride, outputs, pieces), _latency(pieces, stride, last + 1),
            -(-left // stride) * stride + pieces + ahead,
        ),
        plan, block, held, max(0, last_exactly + 1 - stride) - ahead,
    )  # fmt: skip


def read_samples(plan: Plan, block: Sequence[Needed | None]) -> Needed:
    """The first and the last sample that the outputs of a chunk need, of what they need of every node."""
    samples = [
        want
        for want, timed in zip(block, plan, strict=True)
        if want is not None and timed is not None and isinstance(timed.move, Arrive)
    ]
    return Needed(min(want.first for want in samples), max(want.last for want in samples))


def axis_names(graph: Graph) -> tuple[str, ...]:
    """The names of the spatial axes of the input."""
    return AXIS_NAMES.get(len(graph.inputs[0].shape or ()) - 2, ())


def _confirm(graph: Graph, plan: Plan, found: Sequence[Count]) -> None:
    """Raises AssertionError unless all that every node has given in the end is its output as it was placed."""
    for node, timed, count in zip(graph.nodes, plan, found, strict=True):
        if timed is not None and timed.axis is not None and count.final != (node.shape or ())[timed.axis]:
            raise AssertionError(f"{node.name}: {count.final} positions in the end, but its shape is {node.shape}")


def _outputs(graph: Graph, plan: Plan, stride: int, outputs: int, pieces: int) -> tuple[int, int] | None:
    """The fewest and the most outputs of chunks of `pieces` samples, if `stride` samples give `outputs`."""
    different = stride // gcd(stride, pieces)
    if different == 1:
        return outputs * pieces // stride, outputs * pieces // stride
    if different * len(plan) > MAX_COUNTED:
        return None
    given = [counts(graph, plan, (0,) * len(plan), n * pieces)[graph.output].ready for n in range(different + 1)]
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


def _end_notes(stream: Stream) -> Iterator[str]:
    """Which layers give outputs that are cut off if the stream ends there."""
    for label, back in zip(stream.graph.labels, stream.held_back, strict=True):
        if back:
            later = f"takes {plural(stream.end_delay, 'sample')} more" if stream.end_delay else "takes no longer"
            yield f"{label}: cuts off the last {plural(back, 'output')} at the end; to hold these back {later}"


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
