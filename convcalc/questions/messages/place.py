"""The layer of a row or a model that a message is about, computed by the shape rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from convcalc.errors import ShapeError, first_of, plural
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Correlate, Linear, Normalize, Pool, TransposedCorrelate, Windowed, windows
from convcalc.notation import Axes, show_size
from convcalc.questions.messages.answer import confirm
from convcalc.questions.messages.idioms import CHANNELS_FIRST, channel_axis, linear
from convcalc.questions.messages.laid import Laid, Step, layer_words, shown_size, side_where
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import Channels, Elements, Features, Fed, Sizes, TooSmall, Trouble
from convcalc.questions.subject import subject_of

MULTIPLES = tuple(2**n for n in range(1, 9))
"""Multiples of which the nearest larger input is tried."""

MAX_PLACES = 3
"""Layers that a message may be about, of which each is named."""


@dataclass(frozen=True, slots=True)
class Where:
    """A layer, in a sentence; its input and output without the batch, and the fix there, if the layers give one."""

    layer: str | None
    text: str
    input: Axes | None = None
    output: Axes | None = None
    fix: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON of the place."""
        return {
            "layer": self.layer,
            "text": self.text,
            "input": None if self.input is None else list(self.input),
            "output": None if self.output is None else list(self.output),
            "fix": self.fix,
        }


def where(framework: str, trouble: Trouble, laid: Laid) -> Where | None:
    """The place that the message is about; None if none of the layers has its numbers."""
    match trouble:
        case Channels():
            found = _channels(framework, trouble, laid)
        case Features():
            found = _features(framework, trouble, laid)
        case Elements():
            found = _elements(framework, trouble, laid)
        case TooSmall():
            found = _window(framework, trouble, laid)
        case Sizes():
            found = _sizes(framework, trouble, laid)
        case Fed():
            found = _fed(trouble, laid)
        case _:
            found = None
    if found is None and laid.stop is not None:
        last = laid.steps[-1] if laid.steps else None
        return Where(None, laid.stop, None if last is None else last.shape[1:])
    return found


def _of(step: Step, text: str, fix: str | None = None) -> Where:
    return Where(step.layer, text, step.input[1:], step.shape[1:], fix)


def _channels(framework: str, trouble: Channels, laid: Laid) -> Where | None:
    for step in laid.steps:
        primitive = step.primitive
        if trouble.layer == "norm":
            if isinstance(primitive, Normalize) and step.input[1] in (trouble.got, trouble.expected):
                took = f"{step.label} gets {step.input[1]} channels, as {shown_size(step.input)}"
                return _of(step, took)
        elif isinstance(primitive, Correlate | TransposedCorrelate) and _is_weight(framework, trouble, primitive):
            text = f"{step.label} has this weight and takes {shown_size(step.input)}"
            if trouble.shape:
                axis = channel_axis(framework, trouble.shape)
                rest = trouble.shape[1:axis] + trouble.shape[axis + 1 :]
                text += f"; {plural(trouble.got, 'channel')} of {show_size([n or 1 for n in rest])} arrive"
            return _of(step, text)
    return None


def _is_weight(framework: str, trouble: Channels, primitive: Correlate | TransposedCorrelate) -> bool:
    if not trouble.weight:
        return primitive.in_channels == trouble.expected
    own: Shape = primitive.weight_shape
    if framework not in CHANNELS_FIRST:
        own = (*own[2:], own[1], own[0])
    return own == trouble.weight


def _features(framework: str, trouble: Features, laid: Laid) -> Where | None:
    got, expected, out = trouble.got, trouble.expected, trouble.out
    layers = [step for step in laid.steps if isinstance(step.primitive, Linear)]
    for step in layers:
        assert isinstance(step.primitive, Linear)
        if step.primitive.in_features == got and out in (None, step.primitive.out_features):
            return _of(step, f"before {step.label}: {_product(step.input)}", linear(framework, got, out))
    for step in reversed(laid.steps):
        if prod(step.shape[1:]) == got:
            return _of(step, f"{step.label} gives {_product(step.shape)}", linear(framework, got, out))
    whole = [step for step in laid.steps if prod(step.shape[1:]) == expected and step.shape[-1] == got]
    if whole:
        return _of(whole[-1], f"{whole[-1].label} gives {_product(whole[-1].shape)}, in rows of {got}")
    ahead = layers[0] if layers else laid.steps[-1] if laid.steps else None
    if ahead is None or laid.size is None:
        return None
    before = ahead.input if layers else ahead.shape
    text = f"on {show_size(laid.size)} {_product(before)} arrive before {ahead.label}"
    if not layers:
        text = f"on {show_size(laid.size)} {ahead.label} gives {_product(before)}"
    other = _input_for(laid, ahead.number, got, at_input=bool(layers))
    if other is not None:
        text += f"; {got} for an input of {show_size(other)}"
    elif prod(before[1:]) != expected:
        return None
    resized = other is not None and prod(before[1:]) == expected
    return _of(ahead, text, f"resize the image to {show_size(laid.size)}" if resized else None)


def _product(shape: Axes) -> str:
    """A map as its features: 16x5x5 = 400 features."""
    return f"{shown_size(shape)} = {prod(shape[1:])} features" if len(shape) > 2 else f"{shape[-1]} features"


def _input_for(laid: Laid, number: int, features: int, *, at_input: bool) -> Axes | None:
    """The smallest input for which this many features arrive at a node, or leave it."""

    def count(graph: Graph) -> int:
        node = graph.nodes[number]
        shape = node.input_shapes[0] if at_input else node.shape
        return 0 if shape is None else prod(shape[1:])

    size = side_where(laid, lambda graph: count(graph) >= features)
    if size is None or laid.subject is None or count(laid.subject.at(size)) != features:
        return None
    return size


def _elements(framework: str, trouble: Elements, laid: Laid) -> Where | None:
    elements = trouble.elements
    batch = trouble.target[0] if trouble.target and (trouble.target[0] or 0) > 0 else None
    maps = [step for step in laid.steps if len(step.shape) > 2 and elements % prod(step.shape[1:]) == 0]
    if batch is not None:
        maps = [step for step in maps if elements == batch * prod(step.shape[1:])]
    if not maps:
        return None
    step = maps[-1]
    each = prod(step.shape[1:])
    text = f"{step.label} gives {_product(step.shape)}: {elements} = {elements // each} · {each}"
    return _of(step, text, f"x = x.reshape(-1, {each}), then {linear(framework, each, None)}")


def _spatial(step: Step) -> Axes:
    return step.input[2:]


def _padded(primitive: Windowed, spatial: Axes) -> Axes:
    return tuple(size + w.before + w.after for size, w in zip(spatial, windows(primitive), strict=True))


def _window(framework: str, trouble: TooSmall, laid: Laid) -> Where | None:
    smallest = _smallest(laid)
    more = "" if smallest is None else f"; the smallest input that all layers accept is {show_size(smallest)}"
    fix = None if smallest is None else f"an input of at least {show_size(smallest)}"
    if laid.stop is not None:
        last = laid.steps[-1] if laid.steps else None
        return Where(None, laid.stop, None if last is None else last.shape[1:], None, fix)
    found = [
        (step, f"{step.label} gets this map if the input is {show_size(size)}")
        for step in _candidates(framework, trouble, laid)
        if (size := _input_with(framework, trouble, laid, step)) is not None
    ]
    if found:
        return _of(found[0][0], first_of([text for _, text in found], MAX_PLACES, ", or ") + more, fix)
    return Where(None, f"all layers fit {show_size(laid.size)}{more}", None, None, fix) if laid.size else None


def _candidates(framework: str, trouble: TooSmall, laid: Laid) -> Iterator[Step]:
    """The layers whose window is the message's, or any, if it does not say."""
    for step in laid.steps:
        primitive = step.primitive
        if not isinstance(primitive, Windowed) or isinstance(primitive, TransposedCorrelate):
            continue
        if trouble.pool != isinstance(primitive, Pool) or len(primitive.kernel) != len(trouble.sizes):
            continue
        extents = tuple(w.extent for w in windows(primitive))
        channels = trouble.shape[channel_axis(framework, trouble.shape)] if trouble.shape else None
        if (not trouble.extents or extents == trouble.extents) and channels in (None, step.input[1]):
            yield step


def _input_with(framework: str, trouble: TooSmall, laid: Laid, step: Step) -> Axes | None:
    """The smallest input for which the layers before a step give it the sizes of the message."""
    subject = laid.subject
    if subject is None or not subject.words or laid.size is None:
        return None
    position = int(step.layer) - 1
    if position == 0:
        primitive = step.primitive
        assert isinstance(primitive, Windowed)
        pads = [(w.before + w.after if framework == "PyTorch" and not trouble.pool else 0) for w in windows(primitive)]
        own = tuple((n or 0) - pad for n, pad in zip(trouble.sizes, pads, strict=True))
        return (laid.size[0], *own) if min(own) > 0 else None
    before = subject_of(layer_words(subject.words)[:position], laid.size)
    output = before.graph.output

    def sizes(graph: Graph) -> Axes:
        spatial = (graph.nodes[output].shape or ())[2:]
        primitive = step.primitive
        assert isinstance(primitive, Windowed)
        return _padded(primitive, spatial) if framework == "PyTorch" and not trouble.pool else spatial

    wanted = tuple(n or 0 for n in trouble.sizes)
    part = laid._replace(subject=before)
    found = side_where(part, lambda graph: all(a >= b for a, b in zip(sizes(graph), wanted, strict=True)))
    return found if found is not None and sizes(before.at(found)) == wanted else None


def _smallest(laid: Laid) -> Axes | None:
    """The smallest input that every layer accepts, found for chains of words, where every larger one is accepted."""
    if laid.subject is None or not laid.subject.words or laid.stop is not None:
        return None
    return side_where(laid, lambda _: True)


def _sizes(framework: str, trouble: Sizes, laid: Laid) -> Where | None:
    low, high = sorted((trouble.left, trouble.right))
    if laid.stop is not None and laid.size is not None:
        fits = _next_that_fits(laid)
        more = "" if fits is None else f"; the nearest larger input that fits is {show_size(fits)}"
        fix = None if fits is None else f"pad or resize the image to {show_size(fits)}"
        return Where(None, f"{laid.stop}{more}", laid.size, None, fix)
    if trouble.axis == channel_axis(framework, trouble.shapes[0] if trouble.shapes else (None,) * 4):
        return None
    for step in laid.steps:
        if not isinstance(step.primitive, Windowed) or isinstance(step.primitive, TransposedCorrelate):
            continue
        for axis, window in enumerate(windows(step.primitive)):
            size, gives = step.input[2 + axis], step.shape[2 + axis]
            if window.stride > 1 and gives * window.stride != size and {size, gives * window.stride} & {low, high}:
                return _of(step, f"{step.label} makes {gives} of {size}: back by {window.stride} they are "
                           f"{gives * window.stride}", None)  # fmt: skip
    first, second = (next((step for step in laid.steps if size in step.shape[2:]), None) for size in (high, low))
    if first is not None and second is not None:
        return _of(second, f"{first.label} gives {shown_size(first.shape)}, {second.label} {shown_size(second.shape)}")
    return None


def _next_that_fits(laid: Laid) -> Axes | None:
    """The nearest larger input whose sides are multiples of a power of two, if the layers accept it."""
    subject, size = laid.subject, laid.size
    if subject is None or size is None:
        return None
    for multiple in MULTIPLES:
        larger = (size[0], *(-(-n // multiple) * multiple for n in size[1:]))
        if larger == size:
            continue
        try:
            graph = subject.at(larger)
        except ShapeError:
            continue
        confirm(graph.nodes[graph.output].shape is not None, f"{show_size(larger)} fits")
        return larger
    return None


def _fed(trouble: Fed, laid: Laid) -> Where | None:
    if laid.subject is None or laid.subject.size is None:
        return None
    own = (1, *laid.subject.size)
    agrees = all(axis < len(own) and expected == own[axis] for axis, _, expected in trouble.differing if axis)
    if not agrees:
        return None
    return Where(None, f"the input {trouble.name} is {show_size(own[1:])}, channels first", own[1:])
