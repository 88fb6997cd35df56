"""The receptive field: the set of input positions that an output depends on, per axis, exact.

An output's set is pulled back through the windows, last stage first. Sizes, jumps and starts are how the set is
shown; the usual recurrences over intervals are wrong where dilation leaves holes or transposed stages alternate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from convcalc.axis.positions import Positions, read_by, spread_from
from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from convcalc.graph.stages import Correlate, Pool, ShuffleChannels, Stage, TransposedCorrelate, windows

MOST_PHASES = 1 << 16


@dataclass(frozen=True, slots=True)
class Link:
    """One window of a chain along one axis, and whether it spreads (transposed) rather than reads."""

    window: Window
    transposed: bool


@dataclass(frozen=True, slots=True)
class AxisField:
    """The receptive field along one axis, in input pixels, as if the input had no border.

    size: the largest span that one output depends on, over all outputs; coverage: how many positions inside
    that span it really reads; jump: input pixels between neighbouring outputs; start: the first position that
    output 0 reads, negative inside the padding, None if no tap reaches it.
    """

    size: int
    jump: Fraction
    start: int | None
    coverage: int


def receptive_field(stages: Sequence[Stage], dims: int) -> tuple[AxisField, ...]:
    """The receptive field of the last stage's outputs on the first stage's input, per spatial axis.

    The stages must have numeric padding. Raises ShapeError where there are too many pieces to enumerate.
    Source: by definition; agrees with Araujo, Norris & Sim 2019 wherever all windows are contiguous.
    """
    known: dict[tuple[Link, ...], AxisField] = {}
    fields = []
    for axis in range(dims):
        links = axis_links(stages, axis)
        if links not in known:
            known[links] = _axis_field(links)
        fields.append(known[links])
    return tuple(fields)


def axis_links(stages: Sequence[Stage], axis: int) -> tuple[Link, ...]:
    """The windows of a chain along one axis, first stage first."""
    links = []
    for stage in stages:
        match stage:
            case Correlate() | Pool():
                links.append(Link(windows(stage)[axis], transposed=False))
            case TransposedCorrelate():
                links.append(Link(windows(stage)[axis], transposed=True))
            case ShuffleChannels():
                pass
            case _:
                assert_never(stage)
    return tuple(links)


def positions_seen(links: Sequence[Link], output: int) -> Positions:
    """Input positions that one output position depends on, borders ignored."""
    seen = Positions.single(output)
    for link in reversed(links):
        seen = (spread_from if link.transposed else read_by)(seen, link.window)
    return seen


def total_jump(links: Sequence[Link]) -> Fraction:
    """Input pixels between neighbouring outputs: the product of strides, transposed ones dividing."""
    jump = Fraction(1)
    for link in links:
        jump = jump / link.window.stride if link.transposed else jump * link.window.stride
    return jump


def phase_count(links: Sequence[Link]) -> int:
    """After how many outputs the pattern of positions repeats: 1 without transposed stages.

    A shift of the output by q moves the set by q times every convolution's stride, divided by every
    transposed one's; q is the least shift for which each division comes out even.
    """
    period, shift = 1, Fraction(1)
    for link in reversed(links):
        shift = shift / link.window.stride if link.transposed else shift * link.window.stride
        period *= (period * shift).denominator
    return period


def widest_seen(links: Sequence[Link]) -> Positions:
    """The positions seen by an output that sees furthest; among those, one that sees most.

    Raises ShapeError where there are too many phases to look at.
    """
    if links and links[-1].transposed:
        # Outputs that the first tap reaches meet as many inputs as any, whatever the stride.
        last = links[-1].window
        phases = phase_count(links[:-1])
        outputs = range(-last.before, phases * last.stride - last.before, last.stride)
    else:
        phases = phase_count(links)
        outputs = range(phases)
    if phases > MOST_PHASES:
        raise ShapeError(
            f"stride: a receptive field repeats only after {phases} outputs, more than {MOST_PHASES} are not "
            "enumerated; use smaller transposed strides"
        )
    return max((positions_seen(links, output) for output in outputs), key=lambda seen: (seen.span, seen.count))


def _axis_field(links: tuple[Link, ...]) -> AxisField:
    widest, first = widest_seen(links), positions_seen(links, 0)
    return AxisField(widest.span, total_jump(links), first.first if first.runs else None, widest.count)
