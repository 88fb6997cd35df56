"""Receptive fields that are small or very large beside the input."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from convcalc.axis.strands import AxisField
from convcalc.graph.primitives import (
    AdaptivePool,
    Correlate,
    Elementwise,
    Input,
    Normalize,
    Primitive,
    Reduce,
    Windowed,
    windows,
)
from convcalc.notation import Axes, show_axes, show_size
from convcalc.questions.linting.problem import Change, Inspected, Problem, changed

MUCH_LARGER = 10
"""Inputs that a field spans before it is called large: more than the 9.2 of DenseNet-121 (2,071 pixels on 224), less
than the 17 of DenseNet-201 (3,863). Layers that already see the whole input add little: Richter et al. 2021, Should You
Go Deeper?"""
SHARE_OF_MAP = 4
"""If the output is a map, a pixel of it should see at least one part in so many of the input along each axis. The U-Net
of the paper sees 36 % of its tile. A causal network reads a stream, whose length says nothing."""
MAX_ADDED = 16
"""Layers that a remedy may add."""


def small_field(inspected: Inspected) -> Iterator[Problem]:
    """A last map whose positions see less than the input, before they are averaged; or of which nothing is averaged,
    less than one part in SHARE_OF_MAP.

    A flatten is no problem: the linear layer after it has its own weights for every position.
    """
    if not _short(inspected):
        return
    at = inspected.fields.mapped
    seen, sizes = _seen(inspected.fields.fields[at]), show_size(_input(inspected))
    text = f"an output of the last map sees {seen} of {sizes} pixels"
    text += ", and the mean over the map joins no more" if _pooled(inspected) else ""
    yield Problem((at,), text, _grown(inspected))


def large_field(inspected: Inspected) -> Iterator[Problem]:
    """A field of more than MUCH_LARGER inputs: most layers see the same whole input, and mostly padding."""
    at, sizes = inspected.fields.mapped, _input(inspected)
    fields = inspected.fields.fields[at]
    over = [f.size > MUCH_LARGER * size for f, size in zip(fields, sizes, strict=True)]
    if not any(over):
        return
    graph = inspected.graph
    seeing = next(
        i
        for i, row in enumerate(inspected.fields.fields)
        if isinstance(graph.nodes[i].primitive, Windowed)
        and all(f.size >= size for f, size in zip(row, sizes, strict=True))
    )
    text = (
        f"the last map's field is {_seen(fields)} pixels on an input of {show_size(sizes)}, {_times(fields, sizes)} "
        f"times as much; from {graph.labels[seeing]} on, every layer sees all of it"
    )
    least = tuple(
        max(size, -(-f.size // MUCH_LARGER)) if o else size for f, size, o in zip(fields, sizes, over, strict=True)
    )
    main = graph.inputs[0].shape
    assert main is not None
    remedy: Axes = ()
    if inspected.at is not None:
        larger = Inspected(inspected.at((main[1], *least)), True, inspected.model)
        remedy = () if any(large_field(larger)) else (main[1], *least)
    yield Problem((at,), text, input=remedy, effect="or less stride in the first layers")


def _input(inspected: Inspected) -> tuple[int, ...]:
    shape = inspected.graph.inputs[0].shape
    assert shape is not None
    return shape[2:]


def _seen(fields: tuple[AxisField, ...]) -> str:
    return show_size([f.size for f in fields])


def _times(fields: tuple[AxisField, ...], sizes: tuple[int, ...]) -> str:
    return show_axes([f"{f.size / size:.3g}" for f, size in zip(fields, sizes, strict=True)])


def _pooled(inspected: Inspected) -> bool:
    """Whether the last map is reduced to one value per channel."""
    at = inspected.fields.mapped
    if at == inspected.graph.output:
        return False
    readers = [inspected.graph.nodes[i].primitive for i in inspected.readers[at]]
    return any(isinstance(p, Reduce) or (isinstance(p, AdaptivePool) and set(p.sizes) == {1}) for p in readers)


def _short(inspected: Inspected) -> list[int]:
    """The axes on which the last map sees too little of the input."""
    graph, found = inspected.graph, inspected.fields
    fields = found.fields[found.mapped]
    before = [graph.nodes[i].primitive for i in inspected.ancestors(found.mapped)]
    wide = sum(isinstance(p, Windowed) and set(p.kernel) != {1} for p in before)
    if _pooled(inspected):
        parts = 1
    elif found.mapped == graph.output and len(graph.nodes[graph.output].shape or ()) > 2:
        parts = SHARE_OF_MAP
        if wide < 2 or _is_causal(inspected):
            return []
    else:
        return []
    if not wide:
        return []
    return [a for a, (f, size) in enumerate(zip(fields, _input(inspected), strict=True)) if f.size * parts < size]


def _grown(inspected: Inspected) -> tuple[Change, ...]:
    """Dilated convolutions after the last map, each as wide as leaves no holes, until the field is large enough."""
    graph, found = inspected.graph, inspected.fields
    at = _where_to_grow(inspected)
    node = graph.nodes[at]
    short = _short(inspected)
    if node.shape is None or len(node.shape) != len(_input(inspected)) + 2 or at == 0:
        return ()
    parts = 1 if _pooled(inspected) else SHARE_OF_MAP
    sizes = [f.size for f in found.fields[at]]
    jumps = [f.jump for f in found.fields[at]]
    causal = _is_causal(inspected)
    added: list[Primitive] = []
    while any(sizes[a] * parts < _input(inspected)[a] for a in short) and len(added) < MAX_ADDED:
        dilation = []
        for a in range(len(sizes)):
            lacking = max(0, -(-_input(inspected)[a] // parts) - sizes[a])
            step = min(int(sizes[a] / jumps[a]), ceil(lacking / (2 * jumps[a]))) if jumps[a] else 1
            dilation.append(max(1, step))
            sizes[a] += int(2 * dilation[a] * jumps[a])
        padding = tuple((2 * d, 0) if causal else (d, d) for d in dilation)
        ones = (1,) * len(dilation)
        added.append(Correlate(node.shape[1], node.shape[1], (3,) * len(ones), ones, padding, tuple(dilation)))
    change = Change(at, (node.primitive, *added))
    other = changed(graph, [change])
    if other is None or _short(Inspected(other, True, inspected.model)):
        return ()
    return (change,)


def _where_to_grow(inspected: Inspected) -> int:
    """The last layer before the last map that a wider one may follow: ahead of activations and pointwise layers."""
    graph, at = inspected.graph, inspected.fields.mapped
    best = at
    while len(graph.nodes[at].inputs) == 1 and _keeps_pixels(graph.nodes[at].primitive):
        [at] = graph.nodes[at].inputs
        if graph.groups[graph.group_of[at]].last == at and not isinstance(graph.nodes[at].primitive, Input):
            best = at
    return best


def _keeps_pixels(primitive: Primitive) -> bool:
    """Whether every pixel of a layer depends on that pixel of its input alone."""
    pointwise = isinstance(primitive, Correlate) and {*primitive.kernel, *primitive.stride} == {1}
    return pointwise or isinstance(primitive, Elementwise | Normalize)


def _is_causal(inspected: Inspected) -> bool:
    """Whether the last convolution before the last map looks back alone."""
    nodes = inspected.graph.nodes
    last = [nodes[i].primitive for i in inspected.ancestors(inspected.fields.mapped)]
    convolutions = [p for p in last if isinstance(p, Correlate) and set(p.kernel) != {1}]
    return bool(convolutions) and all(w.before > w.after == 0 for w in windows(convolutions[-1]))
