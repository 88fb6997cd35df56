"""Pixels that a stride never reads: at the end of an axis, or everywhere between the windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd, prod

from convcalc.axis.inverse import never_read
from convcalc.axis.window import Window
from convcalc.graph.graph import Node
from convcalc.graph.primitives import Correlate, Pool, windows
from convcalc.notation import show_axes, show_size
from convcalc.questions.linting.problem import (
    Change,
    Inspected,
    Problem,
    axes_in_words,
    replaced_node,
    spatial,
    windowed,
)


def unread_border(inspected: Inspected) -> Iterator[Problem]:
    """Pixels at the end that no window reaches because a stride steps past them; padding left unread does not count."""
    for number, node in windowed(inspected):
        border = _border(node)
        primitive = node.primitive
        if not any(border) or not isinstance(primitive, Correlate | Pool):
            continue
        sizes, outputs = spatial(node)
        axes = [a for a, unread in enumerate(border) if unread]
        count = show_axes([border[a] for a in axes])
        text = (
            f"kernel {show_axes(primitive.kernel)}, stride {show_axes(primitive.stride)} on {show_size(sizes)}: "
            f"the last {'pixel is' if count == '1' else f'{count} pixels are'} never read "
            f"{axes_in_words(axes, len(sizes))}"
        )
        for candidate in _reaching(primitive, border):
            other = replaced_node(node, candidate)
            if other is not None and not any(_border(other)):
                after = spatial(other)[1]
                effect = "" if after == outputs else f"output {show_size(after)} instead of {show_size(outputs)}"
                yield Problem((number,), text, (Change(number, (candidate,)),), effect=effect)
                break
        else:
            yield Problem((number,), text)


def skipped_pixels(inspected: Inspected) -> Iterator[Problem]:
    """Pixels between the windows that a stride larger than the kernel steps over.

    The remedy for a kernel of 1 averages before it subsamples: He et al. 2019, Bag of Tricks, ResNet-D.
    """
    for number, node in windowed(inspected):
        primitive = node.primitive
        if not isinstance(primitive, Correlate | Pool):
            continue
        outputs = spatial(node)[1]
        axes = [a for a, w in enumerate(windows(primitive)) if _skips(w, outputs[a] if inspected.sized else 2)]
        if not axes:
            continue
        share = prod((Fraction(_residues(windows(primitive)[a]), primitive.stride[a]) for a in axes), start=Fraction(1))
        text = (
            f"kernel {show_axes(primitive.kernel)}, stride {show_axes(primitive.stride)} reads {share.numerator} of "
            f"every {share.denominator} pixels; {_others(inspected, number)}"
        )
        change = _averaged(number, node, primitive, axes) or _widened(number, node, primitive, axes)
        yield Problem((number,), text, (change,) if change else ())


def _residues(window: Window) -> int:
    """How many of `stride` neighbouring pixels the windows read, away from the ends."""
    return min(window.kernel, window.stride // gcd(window.stride, window.dilation))


def _skips(window: Window, outputs: int) -> bool:
    return outputs > 1 and _residues(window) < window.stride


def _border(node: Node) -> list[int]:
    """Per axis, the pixels after the last window; 0 if the windows leave out pixels everywhere."""
    if not isinstance(node.primitive, Correlate | Pool):
        return []
    each = zip(*spatial(node), windows(node.primitive), strict=True)
    return [0 if _skips(w, outputs) else never_read(size, outputs, w)[1] for size, outputs, w in each]


def _reaching(primitive: Correlate | Pool, border: Sequence[int]) -> Iterator[Correlate | Pool]:
    """Changes that may let the last window reach the end, the most usual first.

    One more window: rounding up, padding on both sides, padding at the end. As many windows: a larger kernel.
    """
    pairs = [(w.before, w.after) for w in windows(primitive)]
    if isinstance(primitive, Pool):
        yield primitive._replace(ceil_mode=True)
    for more in range(1, max(w.extent for w in windows(primitive))):
        if more > max(primitive.stride):
            break
        wider = tuple((b + more, a + more) if u else (b, a) for (b, a), u in zip(pairs, border, strict=True))
        if all(max(pair) < w.extent for pair, w in zip(wider, windows(primitive), strict=True)):
            yield primitive._replace(padding=wider)
    ends = zip(pairs, border, windows(primitive), strict=True)
    yield primitive._replace(padding=tuple((b, a + _lacking(w, u)) for (b, a), u, w in ends))
    if set(primitive.dilation) == {1}:
        kernel = tuple(k + u for k, u in zip(primitive.kernel, border, strict=True))
        yield primitive._replace(kernel=kernel, padding=tuple(pairs))


def _lacking(window: Window, unread: int) -> int:
    """Padding at the end with which one more window reads the `unread` pixels; none are after the padding now."""
    return window.stride - unread - window.after if unread else 0


def _others(inspected: Inspected, number: int) -> str:
    """Whether other layers read the pixels that this one skips."""
    graph = inspected.graph
    source = graph.nodes[number].inputs[0]
    for reader in inspected.readers[source]:
        primitive = graph.nodes[reader].primitive
        if reader != number and not (
            isinstance(primitive, Correlate | Pool) and any(_skips(w, 2) for w in windows(primitive))
        ):
            return "another branch reads the rest"
    return "no other layer reads the rest"


def _averaged(number: int, node: Node, primitive: Correlate | Pool, axes: Sequence[int]) -> Change | None:
    """An average over every step of the stride, and then the convolution without it; None unless its kernel is 1."""
    if isinstance(primitive, Pool) or set(primitive.kernel) != {1} or any(map(any, primitive.padding)):
        return None
    step = tuple(s if a in axes else 1 for a, s in enumerate(primitive.stride))
    rest = tuple(1 if a in axes else s for a, s in enumerate(primitive.stride))
    none = tuple((0, 0) for _ in step)
    up = any(size % s for size, s in zip(spatial(node)[0], step, strict=True))
    pool = Pool("avg", step, step, none, (1,) * len(step), up)
    averaged = replaced_node(node, pool)
    own = primitive._replace(stride=rest)
    last = None if averaged is None else replaced_node(node._replace(input_shapes=(averaged.shape,)), own)
    return Change(number, (pool, own), 1) if last is not None and last.shape == node.shape else None


def _widened(number: int, node: Node, primitive: Correlate | Pool, axes: Sequence[int]) -> Change | None:
    """A kernel as wide as the stride, of as many windows: what it lacks is padded at the end."""
    for more in range(max(primitive.stride)):
        kernel, dilation = list(primitive.kernel), list(primitive.dilation)
        pairs = [(w.before, w.after) for w in windows(primitive)]
        for a in axes:
            kernel[a], dilation[a] = primitive.stride[a] + more, 1
            size, outputs = (sizes[a] for sizes in spatial(node))
            end = (outputs - 1) * primitive.stride[a] + kernel[a] - size - pairs[a][0]
            pairs[a] = (pairs[a][0], max(0, end))
        own = primitive._replace(kernel=tuple(kernel), padding=tuple(pairs), dilation=tuple(dilation))
        other = replaced_node(node, own)
        reads_all = not any(_skips(w, 2) for w in windows(own)) and other is not None and not any(_border(other))
        if other is not None and other.shape == node.shape and reads_all:
            return Change(number, (own,))
    return None
