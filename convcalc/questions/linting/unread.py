"""Pixels that a stride never reads: at the end of an axis, or everywhere between the windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd, prod

from convcalc.axis.window import Window
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import Correlate, Pool, windows
from convcalc.notation import Axes, show_axes, show_size
from convcalc.questions.linting.problem import (
    Change,
    Inspected,
    Problem,
    axes_in_words,
    changed,
    replaced_node,
    spatial,
    windowed,
)

MAX_WIDER = 64
"""By how much more than the stride a kernel is widened."""
MAX_TRIED = 20
"""Layers of a network for which a change is looked for: each is tried in the whole network."""


def unread_border(inspected: Inspected) -> Iterator[Problem]:
    """Pixels at the end that no window reaches because a stride steps past them; padding left unread does not count."""
    tried = 0
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
        chosen = _best(inspected, number, primitive, border) if tried < MAX_TRIED else None
        tried += 1
        if chosen is None:
            yield Problem((number,), text)
            continue
        own, after = chosen
        effect = "" if after == outputs else f"output {show_size(after)} instead of {show_size(outputs)}"
        yield Problem((number,), text, (Change(number, (own,)),), effect=effect)


def _best(
    inspected: Inspected, number: int, primitive: Correlate | Pool, border: Sequence[int]
) -> tuple[Correlate | Pool, Axes] | None:
    """The first change with which the layer reads all and no later one reads less, else the first, and its output."""
    graph, first = inspected.graph, None
    node = graph.nodes[number]
    for candidate in _reaching(primitive, border):
        other = replaced_node(node, candidate)
        if other is None or any(_border(other)) or not _is_allowed(candidate):
            continue
        found = candidate, spatial(other)[1]
        if other.shape == node.shape:
            return found
        whole = changed(graph, [Change(number, (candidate,))])
        if whole is not None and _unread_in(whole) < _unread_in(graph):
            return found
        first = first or (None if whole is None else found)
    return first


def _unread_in(graph: Graph) -> int:
    """How many layers leave pixels at their border unread."""
    return sum(any(_border(node)) for _, node in windowed(Inspected(graph)))


def _is_allowed(primitive: Correlate | Pool) -> bool:
    """Whether the padding of a pool is at most half its kernel, as PyTorch demands."""
    pools = isinstance(primitive, Pool)
    return not pools or all(max(w.before, w.after) <= w.kernel // 2 for w in windows(primitive))


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
        change = _averaged(number, node, primitive, axes) or _widened(inspected, number, primitive, axes)
        after = spatial(replaced_node(node, change.stages[0]) or node)[1] if change and not change.own else outputs
        effect = (
            "" if after == outputs or not inspected.sized else f"output {show_size(after)}, not {show_size(outputs)}"
        )
        yield Problem((number,), text, (change,) if change else (), effect=effect)


def _residues(window: Window) -> int:
    """How many of `stride` neighbouring pixels the windows read, away from the ends."""
    return min(window.kernel, window.stride // gcd(window.stride, window.dilation))


def _skips(window: Window, outputs: int) -> bool:
    return outputs > 1 and _residues(window) < window.stride


def _border(node: Node) -> list[int]:
    """Per axis, the pixels that a stride leaves after the last window; 0 if it leaves out pixels everywhere."""
    if not isinstance(node.primitive, Correlate | Pool):
        return []
    each = zip(*spatial(node), windows(node.primitive), strict=True)
    return [
        0 if w.stride == 1 or _skips(w, outputs) else max(0, size + w.before - (outputs - 1) * w.stride - w.extent)
        for size, outputs, w in each
    ]


def _reaching(primitive: Correlate | Pool, border: Sequence[int]) -> Iterator[Correlate | Pool]:
    """Changes that may let the last window reach the end, the most usual first.

    One more window: rounding up, padding on both sides, padding at the end. As many windows: a larger kernel.
    """
    pairs = [(w.before, w.after) for w in windows(primitive)]
    if isinstance(primitive, Pool):
        yield primitive._replace(ceil_mode=True)
    more = [-(-_lacking(w, u) // 2) for u, w in zip(border, windows(primitive), strict=True)]
    wider = tuple((b + m, a + m) for (b, a), m in zip(pairs, more, strict=True))
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


def _widened(inspected: Inspected, number: int, primitive: Correlate | Pool, axes: Sequence[int]) -> Change | None:
    """A kernel at least as wide as the stride, without dilation: of as many windows, else of more."""
    node = inspected.graph.nodes[number]
    for keeps in (True, False):
        for more in range(min(max(primitive.stride), MAX_WIDER)):
            own = _wide(node, primitive, axes, more, keeps)
            other = replaced_node(node, own)
            if other is None or (keeps and other.shape != node.shape) or not _is_allowed(own):
                continue
            if any(_border(other)[a] for a in axes) or any(_skips(w, 2) for w in windows(own)):
                continue
            if other.shape == node.shape or changed(inspected.graph, [Change(number, (own,))]) is not None:
                return Change(number, (own,))
    return None


def _wide(node: Node, primitive: Correlate | Pool, axes: Sequence[int], more: int, keeps: bool) -> Correlate | Pool:
    """The layer with a kernel of the stride and `more` on some axes; `keeps` pads the end for as many windows."""
    kernel, dilation = list(primitive.kernel), list(primitive.dilation)
    pairs = [(w.before, w.after) for w in windows(primitive)]
    for a in axes:
        kernel[a], dilation[a] = max(kernel[a], primitive.stride[a]) + more, 1
        size, outputs = (sizes[a] for sizes in spatial(node))
        end = (outputs - 1) * primitive.stride[a] + kernel[a] - size - pairs[a][0]
        if isinstance(primitive, Correlate) and keeps:
            pairs[a] = (pairs[a][0], max(0, end))
    own = primitive._replace(kernel=tuple(kernel), padding=tuple(pairs), dilation=tuple(dilation))
    other = replaced_node(node, own)
    if isinstance(own, Pool) and other is not None and (other.shape != node.shape or any(_border(other))):
        return own._replace(ceil_mode=True)
    return own
