"""Transposed convolutions whose kernel is no multiple of the stride: neighbouring outputs sum different counts.

Source: Odena, Dumoulin & Olah 2016, Deconvolution and Checkerboard Artifacts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from math import gcd, prod
from typing import TypeVar

from convcalc.axis.window import Window
from convcalc.graph.graph import Node
from convcalc.graph.primitives import TransposedCorrelate, windows
from convcalc.notation import show_axes, show_size
from convcalc.questions.linting.problem import (
    Change,
    Inspected,
    Problem,
    axes_in_words,
    repadded,
    replaced_node,
    spatial,
    windowed,
)

V = TypeVar("V")
MAX_LISTED = 8
"""Strides up to which the sums are listed output by output; of larger ones they are counted."""


def checkerboard(inspected: Inspected) -> Iterator[Problem]:
    """Transposed convolutions whose outputs sum unequal numbers of inputs, in a pattern that repeats every stride."""
    for number, node in windowed(inspected):
        primitive = node.primitive
        if not isinstance(primitive, TransposedCorrelate):
            continue
        along = windows(primitive)
        axes = [a for a, w in enumerate(along) if _is_uneven(w) and (not inspected.sized or spatial(node)[0][a] > 1)]
        if not axes:
            continue
        alike = {(along[a].kernel, along[a].stride, along[a].dilation): a for a in axes}
        sums = "; ".join(
            f"{axes_in_words([b for b in axes if along[b][:3] == along[a][:3]], len(along))} outputs sum "
            f"{sums_in_words(along[a])}"
            for a in alike.values()
        )
        fewest, most = (prod(pick(phase_counts(w)) for w in along) for pick in (min, max))
        together = f", together {fewest} to {most}" if len(axes) > 1 else ""
        text = f"{_mismatch(primitive)}: {sums}{together}"
        found = _even(node, primitive, axes, inspected.model)
        if found is None:
            yield Problem((number,), text)
            continue
        own, other = found
        before, after = spatial(node)[1], spatial(other)[1]
        effect = (
            ""
            if after == before or not inspected.sized
            else f"output {show_size(after)} instead of {show_size(before)}"
        )
        yield Problem((number,), text, (Change(number, (own,)),), effect=effect)


def _mismatch(primitive: TransposedCorrelate) -> str:
    """Why the sums are unequal."""
    kernel, stride = show_axes(primitive.kernel), show_axes(primitive.stride)
    if any(_is_uneven(w._replace(dilation=1)) for w in windows(primitive)):
        return f"kernel {kernel} is no multiple of stride {stride}"
    return f"dilation {show_axes(primitive.dilation)} and stride {stride} have a common divisor"


def phase_counts(window: Window) -> tuple[int, int]:
    """How many inputs an output of a transposed convolution sums away from the ends: the fewest and the most.

    Tap t reaches the outputs t*dilation further on, so of `stride` neighbouring outputs those reached have
    kernel / (stride / gcd(stride, dilation)) taps, rounded down or up, and the others none.

    >>> phase_counts(Window(kernel=3, stride=2)), phase_counts(Window(kernel=2, stride=3))
    ((1, 2), (0, 1))
    """
    common = gcd(window.stride, window.dilation)
    taps, more = divmod(window.kernel, window.stride // common)
    return (0 if common > 1 else taps), taps + (more > 0)


def sums_in_words(window: Window) -> str:
    """`1, 2, 1, 2, ... inputs`, beginning where the pattern is least; for a large stride how many outputs sum what.

    >>> sums_in_words(Window(kernel=3, stride=2)), sums_in_words(Window(kernel=25, stride=16))
    ('1, 2, 1, 2, ... inputs', '1 or 2 inputs (7 and 9 of every 16)')
    """
    if window.stride <= MAX_LISTED:
        counts = [0] * window.stride
        for tap in range(window.kernel if window.kernel < 1 << 12 else 0):
            counts[tap * window.dilation % window.stride] += 1
        if any(counts):
            least = min(counts[i:] + counts[:i] for i in range(len(counts)))
            return f"{', '.join(map(str, islice(cycle(least), max(4, len(least)))))}, ... inputs"
    common = gcd(window.stride, window.dilation)
    taps, more = divmod(window.kernel, window.stride // common)
    by_count = {taps + 1: more, taps: window.stride // common - more}
    by_count[0] = by_count.get(0, 0) + window.stride - window.stride // common
    found = sorted((count, outputs) for count, outputs in by_count.items() if outputs)
    counts_text = " or ".join(f"{count:,}" for count, _ in found)
    return f"{counts_text} inputs ({' and '.join(f'{o:,}' for _, o in found)} of every {window.stride:,})"


def _is_uneven(window: Window) -> bool:
    fewest, most = phase_counts(window)
    return fewest != most


def _even(
    node: Node, primitive: TransposedCorrelate, axes: list[int], keep: bool
) -> tuple[TransposedCorrelate, Node] | None:
    """The primitive with the nearest kernel that is a multiple of the stride, the larger of two.

    It is cropped to the same output; if that need not be kept, by as much on both sides, to one pixel more. Output
    padding that no input reaches is none. The second is the node with it.
    """
    nearer_up = all(2 * (windows(primitive)[a].kernel % primitive.stride[a]) >= primitive.stride[a] for a in axes)
    ways = (_round_up, _round_down) if nearer_up else (_round_down, _round_up)
    for rounded in ways:
        own = primitive
        for a in axes:
            window = windows(primitive)[a]
            fits = gcd(window.stride, window.dilation) == 1
            kernel = rounded(window.kernel if fits else window.extent, window.stride)
            dilation = window.dilation if fits else 1
            even = window._replace(kernel=kernel, dilation=dilation)
            size, output = (sizes[a] for sizes in spatial(node))
            own = _cropped(own, a, even, size, output, keep)
        if any(own.output_padding) and not any(primitive.output_padding):
            continue  # outputs that sum nothing are no better than those that sum less
        own = repadded(node, own)
        other = replaced_node(node, own)
        if other is None or not isinstance(other.primitive, TransposedCorrelate):
            continue
        if (other.shape == node.shape or not keep) and not any(map(_is_uneven, windows(other.primitive))):
            return own, other
    return None


def _round_up(kernel: int, stride: int) -> int:
    return -(-kernel // stride) * stride


def _round_down(kernel: int, stride: int) -> int:
    return max(stride, kernel // stride * stride)


def _cropped(
    primitive: TransposedCorrelate, axis: int, window: Window, size: int, output: int, keep: bool
) -> TransposedCorrelate:
    """The primitive with this window on one axis, cropped to give as many outputs, or one more.

    If the window gives fewer, output padding makes up for that only if the outputs must `keep` their number.
    """
    crop = (size - 1) * window.stride + window.extent - output
    pair = (max(0, crop // 2), max(0, crop - crop // 2 if keep else crop // 2))
    assert not isinstance(primitive.padding, str)
    return primitive._replace(
        kernel=_put(primitive.kernel, axis, window.kernel),
        dilation=_put(primitive.dilation, axis, window.dilation),
        padding=_put(primitive.padding, axis, pair),
        output_padding=_put(primitive.output_padding, axis, max(0, -crop) if keep else 0),
    )


def _put(values: tuple[V, ...], axis: int, value: V) -> tuple[V, ...]:
    return (*values[:axis], value, *values[axis + 1 :])
