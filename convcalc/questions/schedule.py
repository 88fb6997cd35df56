"""When the positions of every node are ready, while samples arrive.

Time is counted in samples of the input. A node has given all positions whose inputs have arrived; the padding after
the last sample gives the others at the end. Counts are those of a stream that has run for long, relative to whole
chunks: a chunk of the total stride adds a whole number of positions to every node, so that 0 is any number of chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple, TypeAlias, assert_never

from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from convcalc.graph.graph import Graph
from convcalc.questions.timeline import Arrive, Join, Pointwise, Repeat, Shift, Slide, Spread, Still, Timed

Plan: TypeAlias = Sequence[Timed | None]
MAX_BITS = 256
"""Longest total stride, in bits."""
MAX_COUNTED = 1 << 19
"""Most counts, of nodes times samples of a chunk, that are looked at one by one."""


class Count(NamedTuple):
    """Positions of one node: those that it has given, and those that there are if the stream ends now."""

    ready: int
    final: int


class Needed(NamedTuple):
    """The first and the last position of a node that some outputs need."""

    first: int
    last: int


def rates(graph: Graph, plan: Plan) -> tuple[Fraction | None, ...]:
    """Positions of every node for each sample of the input, None for what has no time."""
    found: list[Fraction | None] = []
    for node, timed in zip(graph.nodes, plan, strict=True):
        if timed is None or timed.axis is None:
            found.append(None)
            continue
        before = {rate: i for i in node.inputs if (rate := found[i]) is not None} or {Fraction(1): -1}
        if len(before) > 1:
            received = ", ".join(f"{rate} for each sample from {graph.labels[i]}" for rate, i in before.items())
            raise ShapeError(f"{node.name}: branches must have one rate, got {received}; give them equal strides")
        [rate] = before
        match timed.move:
            case Slide(window, _):
                rate /= window.stride
            case Spread(window, _):
                rate *= window.stride
            case Repeat(factor):
                rate *= factor
            case Arrive() | Still() | Pointwise() | Shift() | Join():
                pass
            case _:
                assert_never(timed.move)
        found.append(rate)
        if max(rate.numerator, rate.denominator).bit_length() > MAX_BITS:
            raise ShapeError(f"{node.name}: the product of strides must be below 2^{MAX_BITS}; use smaller strides")
    return tuple(found)


def total_stride(found: Sequence[Fraction | None]) -> int:
    """The fewest samples for which every node gives a whole number of positions. Raises ShapeError for absurd ones."""
    stride = 1
    for rate in {*found}:
        stride = lcm(stride, 1 if rate is None else rate.denominator)
        if stride.bit_length() > MAX_BITS:
            raise ShapeError(f"the total stride must be below 2^{MAX_BITS}, got more; use smaller strides")
    return stride


def counts(graph: Graph, plan: Plan, held_back: Sequence[int], arrived: int) -> list[Count]:
    """The positions of every node after `arrived` samples; the start of the stream is not looked at."""
    found: list[Count] = []
    for node, timed, back in zip(graph.nodes, plan, held_back, strict=True):
        before = [found[i] for i in node.inputs if (other := plan[i]) is not None and other.axis is not None]
        ready, final = _count(timed, before, arrived)
        found.append(Count(ready - back, final))
    return found


def _count(timed: Timed | None, before: Sequence[Count], arrived: int) -> Count:
    if timed is None:
        return Count(0, 0)
    match timed.move:
        case Arrive():
            return Count(arrived, arrived)
        case Still():
            return Count(0, 0)
        case Pointwise():
            return before[0]
        case Slide(window, ceil_mode):
            ready = (before[0].ready + window.before - window.extent) // window.stride + 1
            return Count(ready, _positions(before[0].final, window, ceil_mode))
        case Spread(window, longer):
            full = (before[0].final - 1) * window.stride + window.extent + longer
            return Count(before[0].ready * window.stride - window.before, full - window.before - window.after)
        case Shift(first, last):
            return Count(before[0].ready + first, before[0].final + first + last)
        case Repeat(factor):
            return Count(before[0].ready * factor, before[0].final * factor)
        case Join():
            return Count(min(each.ready for each in before), min(each.final for each in before))
        case _:
            assert_never(timed.move)


def _positions(size: int, window: Window, ceil_mode: bool) -> int:
    """Windows on an input that ends after `size`, by the rules of `axis.window`; here counts may be negative."""
    room = size + window.before + window.after - window.extent
    if not ceil_mode:
        return room // window.stride + 1
    positions = -(-room // window.stride) + 1
    return positions - ((positions - 1) * window.stride >= size + window.before)


def held_back(graph: Graph, plan: Plan, stride: int) -> tuple[int, ...]:
    """Positions that every node must hold back, because they are cut off if the stream ends there.

    Only crops at the end do so, and only if they cut off more than padding before them adds: a convolution padded on
    both sides, whose end is then cut off, holds back nothing. Raises ShapeError if there is too much to look at.
    """
    cropping = [i for i, timed in enumerate(plan) if timed is not None and _may_hold(timed)]
    held = [0] * len(plan)
    if not cropping:
        return tuple(held)
    last = cropping[-1] + 1
    if stride * last > MAX_COUNTED:
        raise ShapeError(
            f"{graph.labels[cropping[0]]}: cuts off the end of chunks of {stride} samples, which takes {stride * last} "
            f"counts, more than {MAX_COUNTED}; cut off the beginning instead"
        )
    found: list[list[Count]] = []
    for number, timed in enumerate(plan[:last]):
        inputs = [i for i in graph.nodes[number].inputs if (other := plan[i]) is not None and other.axis is not None]
        each = [_count(timed, [found[i][phase] for i in inputs], phase) for phase in range(stride)]
        held[number] = max(0, max(count.ready - count.final for count in each))
        found.append([count._replace(ready=count.ready - held[number]) for count in each] if held[number] else each)
    return tuple(held)


def _may_hold(timed: Timed) -> bool:
    match timed.move:
        case Spread(window, longer):
            return window.extent + longer - window.after < window.stride
        case Shift(_, last):
            return last < 0
        case Arrive() | Still() | Pointwise() | Slide() | Repeat() | Join():
            return False
        case _:
            assert_never(timed.move)


def needed(graph: Graph, plan: Plan, held: Sequence[int], outputs: Needed) -> tuple[Needed | None, ...]:
    """The positions of every node that these outputs need, None if they need none.

    Every layer is taken to read all from its first to its last input, as it does when it runs piece by piece.
    """
    wanted: list[Needed | None] = [None] * len(plan)
    wanted[graph.output] = outputs
    for number in range(graph.output, -1, -1):
        timed, want = plan[number], wanted[number]
        if timed is None or want is None or timed.axis is None:
            continue
        read = read_by(timed, Needed(want.first, want.last + held[number]))
        for i in graph.nodes[number].inputs:
            known = wanted[i]
            wanted[i] = read if known is None else Needed(min(known.first, read.first), max(known.last, read.last))
    return tuple(wanted)


def read_by(timed: Timed, want: Needed) -> Needed:
    """The first and last input of one node that positions need."""
    match timed.move:
        case Slide(window, _):
            start = want.last * window.stride - window.before
            return Needed(want.first * window.stride - window.before, start + window.extent - 1)
        case Spread(window, _):
            earliest = want.first + window.before - window.extent + 1
            return Needed(-(-earliest // window.stride), (want.last + window.before) // window.stride)
        case Shift(first, _):
            return Needed(want.first - first, want.last - first)
        case Repeat(factor):
            return Needed(want.first // factor, want.last // factor)
        case Arrive() | Still() | Pointwise() | Join():
            return want
        case _:
            assert_never(timed.move)
