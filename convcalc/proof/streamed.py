"""Layers run over a stream: pieces in, pieces out, and between them nothing but the state that is kept.

How a node runs is read off its primitive. What it keeps is what is left over: inputs that a later window reads, sums
that a later input adds to, and branches that wait for others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np

from convcalc.axis.window import Window, ceiled_size, output_size, transposed_size
from convcalc.engine.primitive import run_primitive
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import (
    AdaptivePool,
    Correlate,
    Expand,
    Pad,
    Pool,
    Primitive,
    Reshape,
    Resize,
    Slice,
    TransposedCorrelate,
)  # fmt: skip
from convcalc.notation import Axes
from convcalc.proof.arrays import Arrays
from convcalc.questions.stream import Stream
from convcalc.questions.timeline import Arrive, Join, Pointwise, Repeat, Shift, Slide, Spread, Still

EXACT = "direct"
"""The algorithm that only multiplies and adds, so that whole numbers stay whole."""


@dataclass
class State:
    """What one node keeps between two pieces: inputs of every branch, sums that are not complete, outputs held back.

    `skip` positions of what comes next are dropped; `seen` inputs have come, `given` outputs have gone on.
    """

    inputs: list[np.ndarray] = field(default_factory=list)
    sums: np.ndarray | None = None
    held: np.ndarray | None = None
    skip: int = 0
    seen: int = 0
    given: int = 0

    def kept(self) -> list[Axes]:
        """The shapes of the inputs and sums, without the batch; empty ones do not count."""
        arrays = self.inputs if self.sums is None else [*self.inputs, self.sums]
        return [array.shape[1:] for array in arrays if array.size]


class Streamed:
    """A graph that runs over a stream as `stream` says; every node's output goes through `change`.

    If it is to end `exactly` as the whole, nodes hold back what may be cut off.
    """

    def __init__(
        self, graph: Graph, stream: Stream, arrays: Arrays, change: Callable[[np.ndarray], np.ndarray] = np.asarray,
        *, exactly: bool = True,
    ) -> None:  # fmt: skip
        self.graph, self.stream, self.arrays, self.change = graph, stream, arrays, change
        self.held_back = stream.held_back if exactly else (0,) * len(stream.plan)
        self.states = [State() for _ in graph.nodes]
        self.still: dict[int, np.ndarray] = {}

    def push(self, pieces: Sequence[np.ndarray], *, last: bool = False) -> np.ndarray:
        """The outputs that are ready now that these pieces, one for every input, have come; after the `last`, all."""
        arriving, live = iter(pieces), dict[int, np.ndarray]()
        for number, timed in enumerate(self.stream.plan):
            if timed is None:
                continue
            if isinstance(timed.move, Arrive):
                live[number] = next(arriving)
                continue
            if number in self.still:
                live[number] = self.still[number]
                continue
            out = self._advanced(number, [live[i] for i in self.graph.nodes[number].inputs], last)
            live[number] = self.change(out) if out.size else out
            if isinstance(timed.move, Still):
                self.still[number] = live[number]
        return live[self.graph.output]

    def _advanced(self, number: int, read: list[np.ndarray], last: bool) -> np.ndarray:
        """The outputs of one node that are ready now, its state brought up to date."""
        node, timed, state = self.graph.nodes[number], self.stream.plan[number], self.states[number]
        assert timed is not None
        arrays = self.arrays.get(node.name, ())
        at = timed.axis
        if at is None:
            return run_primitive(node.primitive, read, arrays, algorithm=EXACT)
        axes = [other.axis if (other := self.stream.plan[i]) is not None else None for i in node.inputs]
        source = next(axis for axis in axes if axis is not None)
        first = read[axes.index(source)]
        state.seen += first.shape[source]
        final: int | None = None
        match timed.move:
            case Pointwise():
                out = _run(node, at, read, arrays, first.shape[source])
            case Repeat(factor):
                out = _run(node, at, read, arrays, first.shape[source] * factor)
            case Join():
                ready = _waiting(state, read, axes)
                out = _run(node, at, ready, arrays, ready[axes.index(source)].shape[source])
            case Slide(window, ceil_mode):
                out = _slid(node, at, state, first, arrays, window, ceil_mode, last)
            case Spread(window, longer):
                final = transposed_size(state.seen, window, longer) if last else None
                out = _spread(node, at, state, first, arrays, window, final)
            case Shift(before, after):
                out = _shifted(node, at, state, first, arrays, before, after, last)
                final = state.seen + before + after if last else None
            case Arrive() | Still():
                raise AssertionError("their outputs are there already")
            case _:
                assert_never(timed.move)
        out = _held_back(state, at, out, self.held_back[number], final)
        state.given += out.shape[at]
        return out


def _run(node: Node, at: int, read: Sequence[np.ndarray], arrays: Sequence[np.ndarray], length: int) -> np.ndarray:
    """The node on pieces that give `length` positions."""
    if length == 0:
        return _nothing(node, at)
    return run_primitive(_for_piece(node, at, length), read, arrays, algorithm=EXACT)


def _for_piece(node: Node, at: int, length: int) -> Primitive:
    """The primitive for a piece that gives `length` positions: without padding in time, which the state has."""
    primitive = node.primitive
    match primitive:
        case Reshape():
            return Reshape(_with(primitive.shape, at, length))
        case Expand():
            there = at - len(node.shape or ()) + len(primitive.shape)
            return Expand(_with(primitive.shape, there, 1)) if there >= 0 else primitive
        case Resize() | AdaptivePool():
            there = at - len(node.shape or ()) + len(primitive.sizes)
            return primitive._replace(sizes=_with(primitive.sizes, there, length)) if there >= 0 else primitive
        case Pad():
            return primitive._replace(pairs=_with(primitive.pairs, at, (0, 0)))
        case TransposedCorrelate():
            assert not isinstance(primitive.padding, str)
            longer = _with(primitive.output_padding, at - 2, 0)
            return primitive._replace(padding=_with(primitive.padding, at - 2, (0, 0)), output_padding=longer)
        case Correlate() | Pool():
            assert not isinstance(primitive.padding, str)
            return primitive._replace(padding=_with(primitive.padding, at - 2, (0, 0)))
        case _:
            return primitive


def _waiting(state: State, read: Sequence[np.ndarray], axes: Sequence[int | None]) -> list[np.ndarray]:
    """What every branch has for the positions that all of them have; the rest waits."""
    waiting = [
        piece if axis is None else np.concatenate([kept, piece], axis) if state.inputs else piece
        for piece, axis, kept in zip(read, axes, state.inputs or read, strict=True)
    ]
    ready = min(x.shape[axis] for x, axis in zip(waiting, axes, strict=True) if axis is not None)
    parts = list(zip(waiting, axes, strict=True))
    state.inputs = [x[:0] if axis is None else _part(x, axis, ready) for x, axis in parts]
    return [x if axis is None else _part(x, axis, 0, ready) for x, axis in parts]


def _slid(
    node: Node, at: int, state: State, piece: np.ndarray, arrays: Sequence[np.ndarray], window: Window, ceil_mode: bool,
    last: bool,
) -> np.ndarray:  # fmt: skip
    """The windows that are complete; what a later one reads stays."""
    primitive = node.primitive
    fill = -np.inf if isinstance(primitive, Pool) and primitive.kind == "max" else 0
    if not state.inputs:
        state.inputs = [_filled(piece, at, max(0, window.before), fill)]
        state.skip = max(0, -window.before)
    x = np.concatenate([state.inputs[0], piece], at)
    if last:
        total = ceiled_size(state.seen, window) if ceil_mode else output_size(state.seen, window)
        missing = (total - state.given - 1) * window.stride + window.extent + state.skip - x.shape[at]
        x = np.concatenate([x, _filled(x, at, max(0, missing), fill)], at)
    dropped = min(state.skip, x.shape[at])
    x, state.skip = _part(x, at, dropped), state.skip - dropped
    ready = max(0, (x.shape[at] - window.extent) // window.stride + 1) if not state.skip else 0
    passed = min(ready * window.stride, x.shape[at])
    state.inputs, state.skip = [_part(x, at, passed)], state.skip + ready * window.stride - passed
    if not ready:
        return _nothing(node, at)
    x = _part(x, at, 0, (ready - 1) * window.stride + window.extent)
    if isinstance(primitive, Slice):
        return x[(slice(None),) * at + (slice(None, None, primitive.step),)]
    return run_primitive(_for_piece(node, at, ready), [x], arrays, algorithm=EXACT)


def _spread(
    node: Node, at: int, state: State, piece: np.ndarray, arrays: Sequence[np.ndarray], window: Window,
    final: int | None,
) -> np.ndarray:  # fmt: skip
    """The outputs to which no later input adds; the other sums stay. In the end there are `final` outputs."""
    primitive = node.primitive
    assert isinstance(primitive, TransposedCorrelate)
    pending = max(0, window.extent - window.stride)
    if state.sums is None:
        state.sums, state.skip = _filled(piece, at, pending, 0, node), window.before
    complete, inputs = _nothing(node, at), piece.shape[at]
    if inputs:
        alone = _for_piece(node, at, inputs)
        assert isinstance(alone, TransposedCorrelate)
        sums = run_primitive(alone._replace(bias=False), [piece], arrays[:1], algorithm=EXACT)
        sums = np.concatenate([sums, _filled(sums, at, max(0, window.stride - window.extent), 0)], at)
        sums[(slice(None),) * at + (slice(pending),)] += state.sums
        complete, state.sums = _part(sums, at, 0, inputs * window.stride), _part(sums, at, inputs * window.stride)
    if final is not None:
        complete, state.sums = np.concatenate([complete, state.sums], at), _part(state.sums, at, 0, 0)
    dropped = min(state.skip, complete.shape[at])
    complete, state.skip = _part(complete, at, dropped), state.skip - dropped
    if final is not None:
        gone = state.given + (0 if state.held is None else state.held.shape[at])
        missing = max(0, final - gone - complete.shape[at])
        complete = np.concatenate([complete, _filled(complete, at, missing, 0)], at)
    return complete + arrays[1].reshape(-1, *(1,) * (complete.ndim - 2)) if primitive.bias else complete


def _shifted(
    node: Node, at: int, state: State, piece: np.ndarray, arrays: Sequence[np.ndarray], before: int, after: int,
    last: bool,
) -> np.ndarray:  # fmt: skip
    """The positions with others in front of the first, and behind the last; or without the first ones."""
    value = node.primitive.value if isinstance(node.primitive, Pad) else 0
    out = _run(node, at, [piece], arrays, piece.shape[at]) if isinstance(node.primitive, Pad) else piece
    if state.sums is None:
        state.sums, state.skip = _part(out, at, 0, 0), max(0, -before)
        out = np.concatenate([_filled(out, at, max(0, before), value), out], at)
    if last:
        out = np.concatenate([out, _filled(out, at, max(0, after), value)], at)
    dropped = min(state.skip, out.shape[at])
    state.skip -= dropped
    return _part(out, at, dropped)


def _held_back(state: State, at: int, out: np.ndarray, back: int, final: int | None) -> np.ndarray:
    """The outputs without the last ones, which may yet be cut off; in the end, as many as there are."""
    if back:
        out = out if state.held is None else np.concatenate([state.held, out], at)
        given = out.shape[at] if final is not None else max(0, out.shape[at] - back)
        out, state.held = _part(out, at, 0, given), _part(out, at, given)
    return out if final is None else _part(out, at, 0, final - state.given)


def _with(values: tuple[Any, ...], at: int, value: Any) -> tuple[Any, ...]:
    return (*values[:at], value, *values[at + 1 :])


def _part(x: np.ndarray, at: int, first: int, end: int | None = None) -> np.ndarray:
    """The positions from first up to, but not including, end."""
    return x[(slice(None),) * at + (slice(first, end),)]


def _filled(like: np.ndarray, at: int, length: int, value: float, node: Node | None = None) -> np.ndarray:
    """An array of one value with the shape of another, or of a node's output, but `length` positions long."""
    shape = like.shape if node is None else node.shape or ()
    return np.full(_with(shape, at, length), value, like.dtype)


def _nothing(node: Node, at: int) -> np.ndarray:
    """No outputs."""
    return np.zeros(_with(node.shape or (), at, 0))
