"""`stream --check`: layers run in chunks with kept state against the whole, in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from convcalc.errors import ConvcalcError, ShapeError, plural
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import (
    AdaptivePool,
    Correlate,
    Elementwise,
    Merge,
    Normalize,
    Pad,
    Pool,
    Reduce,
    Resize,
    Softmax,
    WithConstant,
    windows,
)  # fmt: skip
from convcalc.notation import Axes, show_size
from convcalc.proof.arrays import Arrays, array_shapes
from convcalc.proof.executed import Check, agree, equal
from convcalc.proof.streamed import EXACT, Streamed
from convcalc.proof.walk import executed
from convcalc.questions.stream import Stream
from convcalc.questions.subject import Subject
from convcalc.questions.timeline import Move, Spread
from convcalc.storage.memory import check_memory

MODULUS = 251
"""Outputs are taken modulo this prime, so that they stay small and every input still matters."""
WHOLE_KINDS = ("add", "subtract", "multiply", "maximum", "minimum")
MIN_PIECES, MAX_PIECES, MAX_STEPS = 8, 64, 2000
"""Fewest and most pieces of a run, and steps of all nodes together; the first piece is longer if they do not reach."""
MAX_ELEMENTS = 1 << 27
"""Most values of all layers together: more take minutes."""
MAX_SINGLE = 256
"""Longest look-ahead that is measured sample by sample."""
TRIES = 16
"""Random inputs to try before it counts as unseen that one of them matters."""


@dataclass(frozen=True, slots=True)
class StreamRun:
    """The checks of a stream that was run on `size` samples."""

    size: int
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return agree(self.checks)

    def to_dict(self) -> dict[str, Any]:
        """What a check adds to the answer, as plain JSON values."""
        return {"checks": [check.to_dict() for check in self.checks], "ok": self.ok}


def check_stream(stream: Stream, subject: Subject) -> StreamRun:
    """The layers run in chunks of several sizes with kept state, and as a whole, on random whole numbers.

    Raises ConvcalcError for layers that do not fit another length, or not in memory.
    """
    warm = -(-(stream.left_context + stream.look_ahead) // stream.smallest_chunk) + 2
    least = (warm + 2) * stream.smallest_chunk + stream.look_ahead + stream.smallest_chunk // 2 + 1
    graph = _placed(stream, subject, max(least, 2 * stream.chunk.samples + 1))
    elements = sum(node.elements for node in graph.nodes)
    if elements > MAX_ELEMENTS:
        raise ShapeError(
            f"check: may take {MAX_ELEMENTS} values, got {elements}; use smaller strides, kernels or inputs"
        )
    check_memory(8 * elements, "the layers on so long a stream")
    graph = replace(graph, nodes=tuple(map(in_whole_numbers, graph.nodes)))
    runs = _Runs(stream, graph, drawn_whole(graph), warm * stream.smallest_chunk)
    return StreamRun(runs.size, (*_state_checks(runs), *_time_checks(runs), _context_check(runs), *_value_checks(runs)))


def _placed(stream: Stream, subject: Subject, least: int) -> Graph:
    """The layers on an input of about `least` samples that ends in a chunk as their own does; else on their own."""
    shape = stream.graph.inputs[0].shape or ()
    own = shape[stream.axis]
    length = least if stream.size is None else least + (own - least) % stream.smallest_chunk
    try:
        return subject.at((*shape[1 : stream.axis], length, *shape[stream.axis + 1 :]))
    except ConvcalcError as error:
        if stream.size is not None and own >= least:
            return stream.graph
        raise ShapeError(f"check: needs {length} samples, got {own}; on {length}: {error}") from None


def in_whole_numbers(node: Node) -> Node:
    """A node that reads the same positions and stays in whole numbers: functions pass values on, averages are sums."""
    primitive = node.primitive
    match primitive:
        case Elementwise() | Normalize() | Softmax():
            return node._replace(primitive=Elementwise("identity"))
        case Pool() if primitive.kind != "max":
            return node._replace(primitive=_summing(node, primitive))
        case Merge() | WithConstant():
            kind = primitive.kind if primitive.kind in WHOLE_KINDS else "add"
            return node._replace(primitive=primitive._replace(kind=kind))
        case Reduce():
            return node._replace(primitive=primitive._replace(kind="sum"))
        case AdaptivePool():
            return node._replace(primitive=primitive._replace(kind="max"))
        case Resize():
            return node._replace(primitive=primitive._replace(mode="nearest"))
        case Pad():
            return node._replace(primitive=primitive._replace(value=float(round(primitive.value))))
        case _:
            return node


def _summing(node: Node, pool: Pool) -> Correlate:
    """A depthwise convolution over the windows of a pool; those that run past the end get more padding there."""
    pairs = []
    along = zip((node.input_shapes[0] or ())[2:], (node.shape or ())[2:], windows(pool), strict=True)
    for size, outputs, window in along:
        reached = (outputs - 1) * window.stride + window.extent - size - window.before
        pairs.append((window.before, max(0, reached) if pool.ceil_mode else window.after))
    channels = (node.shape or ())[1]
    return Correlate(channels, channels, pool.kernel, pool.stride, tuple(pairs), pool.dilation, channels)


def drawn_whole(graph: Graph, seed: int = 0) -> dict[str, tuple[np.ndarray, ...]]:
    """Random whole numbers for every array of every node, none of them 0, so that every tap counts."""
    random = np.random.default_rng(seed)
    return {
        node.name: tuple([_nonzero(random, shape, 3) for _, shape in shapes])
        for node in graph.nodes
        if (shapes := array_shapes(node))
    }


def _nonzero(random: np.random.Generator, shape: Axes, most: int) -> np.ndarray:
    signs: np.ndarray = random.integers(0, 2, shape) * 2.0 - 1
    return signs * random.integers(1, most + 1, shape)


def small(out: np.ndarray) -> np.ndarray:
    """Whole numbers modulo MODULUS, around 0."""
    with np.errstate(invalid="ignore"):
        rest: np.ndarray = np.mod(out, MODULUS) - MODULUS // 2
    return rest


class _Runs:
    """The graph on random inputs, as a whole and as a stream; from sample `warm` on, every layer runs steadily."""

    def __init__(self, stream: Stream, graph: Graph, arrays: Arrays, warm: int) -> None:
        self.stream, self.graph, self.arrays, self.warm = stream, graph, arrays, warm
        self.inputs = self.drawn(0)
        self.size = self.inputs[0].shape[stream.axis]
        timed = stream.plan[graph.output]
        assert timed is not None
        assert timed.axis is not None
        self.out_axis: int = timed.axis

    def drawn(self, seed: int) -> list[np.ndarray]:
        random = np.random.default_rng(seed)
        return [_nonzero(random, node.shape or (), 99) for node in self.graph.inputs]

    def whole(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The output of the whole input at once."""
        out = inputs[0]
        for run in executed(
            self.graph, inputs, self.arrays, algorithm=EXACT, until=self.graph.output, change=lambda run: small(run.out)
        ):
            out = run.out
        return out

    def streamed(self, *, exactly: bool = False) -> Streamed:
        return Streamed(self.graph, self.stream, self.arrays, small, exactly=exactly)

    def part(self, first: int, end: int) -> list[np.ndarray]:
        """The samples from first up to, but not including, end."""
        return [x[(slice(None),) * self.stream.axis + (slice(first, end),)] for x in self.inputs]

    def length(self, out: np.ndarray) -> int:
        length: int = out.shape[self.out_axis]
        return length


def _state_checks(runs: _Runs) -> Iterator[Check]:
    """What is really kept after whole chunks, in all and layer by layer."""
    running = runs.streamed()
    running.push(runs.part(0, runs.warm))
    kept = {layer.name: running.states[layer.number].kept() for layer in runs.stream.layers}
    values = runs.inputs[0].shape[0] * sum(prod(shape) for shapes in kept.values() for shape in shapes)
    how = f"sizes of the arrays that are there after {plural(runs.warm, 'sample')}"
    yield equal("state_values", runs.stream.state_values, values, how)
    for layer in runs.stream.layers:
        predicted = _shapes([held.shape for held in layer.state])
        measured = _shapes(kept[layer.name])
        if predicted or measured:
            yield equal("state", predicted, measured, "shapes of the arrays that are there", layer.name)


def _shapes(shapes: Sequence[Axes]) -> str:
    return " and ".join(show_size(shape) for shape in sorted(shapes))


def _time_checks(runs: _Runs) -> Iterator[Check]:
    """After how many samples the outputs of a chunk are there, and how many there are."""
    stream, running = runs.stream, runs.streamed()
    given = runs.length(running.push(runs.part(0, runs.warm)))
    at = runs.warm + stream.smallest_chunk
    out = running.push(runs.part(runs.warm, at))
    yield equal("outputs_per_chunk", stream.outputs_per_chunk, runs.length(out), "outputs of one more chunk")
    given += runs.length(out)
    wanted = at // stream.smallest_chunk * stream.outputs_per_chunk
    if stream.look_ahead > MAX_SINGLE:  # most of the way at once
        given += runs.length(running.push(runs.part(at, at + stream.look_ahead - 1)))
        at += stream.look_ahead - 1
    while given < wanted and at + 1 < runs.size:
        given += runs.length(running.push(runs.part(at, at + 1)))
        at += 1
    how = "samples of a chunk, and after it until all its outputs were there"
    yield equal("latency_samples", stream.latency, at - runs.warm, how)


def _context_check(runs: _Runs) -> Check:
    """How far before a chunk a sample may be that changes its outputs."""
    stream, first = runs.stream, runs.warm // runs.stream.smallest_chunk * runs.stream.outputs_per_chunk
    whole = runs.whole(runs.inputs)

    def chunk_of(out: np.ndarray) -> np.ndarray:
        return out[(slice(None),) * runs.out_axis + (slice(first, first + stream.outputs_per_chunk),)]

    def matters(distance: int) -> bool:
        """Whether the chunk's outputs change with the samples at least so far before it."""
        for seed in range(1, TRIES + 1):
            changed = [x.copy() for x in runs.inputs]
            for x, other in zip(changed, runs.drawn(seed), strict=True):
                older = (slice(None),) * stream.axis + (slice(0, runs.warm - distance + 1),)
                x[older] = other[older]
            if not np.array_equal(chunk_of(runs.whole(changed)), chunk_of(whole), equal_nan=True):
                return True
        return False

    measured = stream.left_context
    if matters(measured + 1) or (measured and not matters(measured)):
        low, high = 0, runs.warm  # the furthest that matters is between them
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if matters(middle) else (low, middle - 1)
        measured = low
    rough = any(timed is not None and _has_gaps(timed.move) for timed in stream.plan)
    how = "samples before a chunk that change its outputs"
    if rough and measured < stream.left_context:
        how = f"{how}; a transposed layer with gaps makes the prediction an upper bound"
        return Check("left_context", stream.left_context, measured, True, how)
    return equal("left_context", stream.left_context, measured, how)


def _has_gaps(move: Move) -> bool:
    return isinstance(move, Spread) and (move.window.dilation > 1 or move.window.extent < move.window.stride)


def _value_checks(runs: _Runs) -> Iterator[Check]:
    """The outputs in chunks against those of the whole, all of them, the end included."""
    whole = runs.whole(runs.inputs)
    stream, random = runs.stream, np.random.default_rng(0)
    count = max(MIN_PIECES, min(MAX_PIECES, MAX_STEPS // len(stream.plan)))
    uneven = [int(n) for n in random.integers(1, 3 * stream.smallest_chunk + 2, count)]
    ways = [(f"chunks of {stream.smallest_chunk}", [stream.smallest_chunk] * count)]
    if stream.chunk.samples != stream.smallest_chunk:
        ways.append((f"chunks of {stream.chunk.samples}", [stream.chunk.samples] * count))
    for name, sizes in (*ways, ("uneven chunks", uneven)):
        running, outs = runs.streamed(exactly=True), []
        for first, end in _pieces(runs.size, sizes):
            outs.append(running.push(runs.part(first, end), last=end == runs.size))
        out = np.concatenate(outs, runs.out_axis)
        same = out.shape == whole.shape and np.array_equal(out, whole, equal_nan=True)
        measured = "equal" if same else _difference(out, whole)
        yield equal(
            f"values, {name}", "equal", measured, f"all {plural(whole.size, 'value')} of the output, in whole numbers"
        )


def _pieces(size: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pieces of these sizes up to the end; the first is longer if they do not reach."""
    first = 0
    for number, length in enumerate((max(0, size - sum(sizes)) + sizes[0], *sizes[1:])):
        end = min(size, first + length)
        yield first, size if number == len(sizes) - 1 else end
        if end == size:
            return
        first = end


def _difference(out: np.ndarray, whole: np.ndarray) -> str:
    if out.shape != whole.shape:
        return f"shape {out.shape} instead of {whole.shape}"
    return f"{np.count_nonzero(out != whole)} of {whole.size} differ"
