"""The layer of a row or a model that a message is about, computed by the shape rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

from convcalc.errors import plural
from convcalc.graph.following import Rules
from convcalc.graph.primitives import (
    Correlate,
    Linear,
    Normalize,
    Pool,
    TransposedCorrelate,
    Windowed,
    parameter_shapes,
    windows,
)
from convcalc.notation import Axes, show_size
from convcalc.questions.messages.idioms import CHANNELS_FIRST, channel_axis, linear
from convcalc.questions.messages.joins import join_of, stride_of
from convcalc.questions.messages.laid import Laid, Step, accepted, shown_size, taken
from convcalc.questions.messages.sides import Holds, first_input, sides_of
from convcalc.questions.messages.spot import Where, of_step
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import (
    Channels,
    Elements,
    Features,
    Fed,
    Sizes,
    TooSmall,
    Trouble,
    Weights,
)
from convcalc.readers.words import example_input

MAX_PLACES = 3
"""Layers that a message may be about, of which each is named."""


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
        case Weights():
            found = _weights(framework, trouble, laid)
        case _:
            found = None
    if found is None and laid.stop is not None:
        last = laid.steps[-1] if laid.steps else None
        return Where(None, laid.stop, None if last is None else last.shape[1:])
    if found is None and laid.size is None and isinstance(trouble, Features | Elements | TooSmall | Sizes):
        return Where(None, f"needs the size of the input before the layers, such as {example_input(laid.words)}")
    return found


def _channels(framework: str, trouble: Channels, laid: Laid) -> Where | None:
    for step in laid.steps:
        primitive = step.primitive
        if trouble.layer == "norm":
            if isinstance(primitive, Normalize) and step.input[1] in (trouble.got, trouble.expected):
                took = f"{step.label} gets {plural(step.input[1], 'channel')}"
                took += "" if laid.size is None else f", as {shown_size(step.input)}"
                return of_step(step, took)
        elif isinstance(primitive, Correlate | TransposedCorrelate) and _is_weight(framework, trouble, primitive):
            text = f"{step.label} has this weight and takes {taken(laid, step)}"
            if trouble.shape:
                axis = channel_axis(framework, trouble.shape)
                rest = trouble.shape[1:axis] + trouble.shape[axis + 1 :]
                text += f"; {plural(trouble.got, 'channel')} of {show_size([n or 1 for n in rest])} arrive"
            return of_step(step, text)
    for step in laid.steps:  # words are for the channels that arrive, which may be others than those of the code
        primitive = step.primitive
        if not isinstance(primitive, Correlate | TransposedCorrelate) or primitive.in_channels != trouble.got:
            continue
        of_code = primitive._replace(in_channels=trouble.expected)
        if trouble.expected % primitive.groups == 0 and trouble.weight and _is_weight(framework, trouble, of_code):
            weight = f"in the code its weight is for {plural(trouble.expected, 'channel')}"
            return of_step(step, f"{step.label} gets {taken(laid, step)}; {weight}")
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
    if laid.size is None:
        return _features_anywhere(framework, trouble, laid)
    layers = [step for step in laid.steps if isinstance(step.primitive, Linear)]
    for step in layers:
        assert isinstance(step.primitive, Linear)
        if step.primitive.in_features == got and out in (None, step.primitive.out_features):
            return of_step(step, f"before {step.label}: {_product(step.input)}", linear(framework, got, out))
    for step in reversed(laid.steps):
        if prod(step.shape[1:]) == got:
            return of_step(step, f"{step.label} gives {_product(step.shape)}", linear(framework, got, out))
    whole = [step for step in laid.steps if prod(step.shape[1:]) == expected and step.shape[-1] == got]
    if whole:
        return of_step(whole[-1], f"{whole[-1].label} gives {_product(whole[-1].shape)}, in rows of {got}")
    ahead = layers[0] if layers else laid.steps[-1] if laid.steps else None
    if ahead is None:
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
    return of_step(ahead, text, f"resize the image to {show_size(laid.size)}" if resized else None)


def _features_anywhere(framework: str, trouble: Features, laid: Laid) -> Where | None:
    """The layer of a row without a size before which this many features arrive for some square input, or the last."""
    layers = [step for step in laid.steps if isinstance(step.primitive, Linear)]
    ahead = layers[0] if layers else laid.steps[-1] if laid.steps else None
    size = None if ahead is None else _input_for(laid, ahead.number, trouble.got, at_input=bool(layers))
    if ahead is None or size is None:
        return None
    features = f"{trouble.got} features {'arrive before' if layers else 'leave'} {ahead.label}"
    fix = linear(framework, trouble.got, trouble.out)
    return Where(ahead.layer, f"{features} for an input of {show_size(size)}", None, None, fix)


def _product(shape: Axes) -> str:
    """A map as its features: 16x5x5 = 400 features."""
    return f"{shown_size(shape)} = {prod(shape[1:])} features" if len(shape) > 2 else f"{shape[-1]} features"


def _input_for(laid: Laid, number: int, features: int, *, at_input: bool) -> Axes | None:
    """The smallest input for which this many features arrive at a node, or leave it."""
    sides = sides_of(laid)
    if sides is None:
        return None
    node = sides.rules.graph.nodes[number].inputs[0] if at_input else number

    def holds(shapes: Any) -> Any:
        count: Any = 1
        for size in shapes[node][1:]:
            count = count * size
        return count == features

    return first_input(sides, number, holds)


def _elements(framework: str, trouble: Elements, laid: Laid) -> Where | None:
    if laid.size is None:
        return None
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
    return of_step(step, text, f"x = x.reshape(-1, {each}), then {linear(framework, each, None)}")


def _window(framework: str, trouble: TooSmall, laid: Laid) -> Where | None:
    answer = accepted(laid)
    smallest = None if answer is None or laid.size is None else answer.sizes.every.smallest
    more, fix = "", None
    if smallest is not None and laid.size is not None:
        least = show_size((laid.size[0], *(smallest,) * len(laid.size[1:])))
        more, fix = f"; the smallest input that all layers accept is {least}", f"an input of at least {least}"
    if laid.stop is not None:
        last = laid.steps[-1] if laid.steps else None
        text = laid.stop if "the smallest input that the whole chain" in laid.stop else f"{laid.stop}{more}"
        return Where(None, text, None if last is None else last.shape[1:], None, fix)
    sides = sides_of(laid)
    if sides is None:
        return None
    found: list[tuple[Step, Axes]] = []
    for step in _candidates(framework, trouble, laid):
        size = first_input(sides, step.number, _arrives(framework, trouble, step, sides.rules))
        if size is not None:
            found.append((step, size))
        if len(found) > MAX_PLACES:
            break
    if found:
        texts = [f"{step.label} for an input of {show_size(size)}" for step, size in found[:MAX_PLACES]]
        rest = ", or a later one" if len(found) > MAX_PLACES else ""
        place = of_step(found[0][0], f"this map arrives at {', or at '.join(texts)}{rest}{more}", fix)
        return place if laid.size is not None else replace(place, input=None, output=None)
    return None if laid.size is None else Where(None, f"all layers fit {show_size(laid.size)}{more}")


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


def _arrives(framework: str, trouble: TooSmall, step: Step, rules: Rules) -> Holds:
    """Whether the map of the message arrives at a window; PyTorch's convolutions state it with its padding."""
    primitive = step.primitive
    assert isinstance(primitive, Windowed)
    with_padding = framework == "PyTorch" and not trouble.pool
    pads = [w.before + w.after if with_padding else 0 for w in windows(primitive)]
    before = rules.graph.nodes[step.number].inputs[0]

    def holds(shapes: Any) -> Any:
        arrives: Any = True
        for size, pad, wanted in zip(shapes[before][2:], pads, trouble.sizes, strict=True):
            arrives = arrives & (size + pad == wanted)
        return arrives

    return holds


def _sizes(framework: str, trouble: Sizes, laid: Laid) -> Where | None:
    if trouble.axis == channel_axis(framework, trouble.shapes[0] if trouble.shapes else (None,) * 4):
        return None
    low, high = sorted((trouble.left, trouble.right))
    return join_of(laid, low, high) or stride_of(laid, low, high)


def _weights(framework: str, trouble: Weights, laid: Laid) -> Where | None:
    """The layer whose weight is that of the file or of the model, in the framework's order of axes."""
    for whose, shape in (("file", trouble.file), ("model", trouble.model)):
        for step in laid.steps:
            own = next((shape for role, shape in parameter_shapes(step.primitive) if role == "weight"), None)
            if own is not None and shape == (own if framework in CHANNELS_FIRST else (*own[2:], *own[1::-1])):
                return of_step(step, f"{step.label} has the weight of the {whose}, {show_size(own)}")
    return None


def _fed(trouble: Fed, laid: Laid) -> Where | None:
    if laid.subject is None or laid.subject.size is None:
        return None
    own = (1, *laid.subject.size)
    agrees = all(axis < len(own) and expected == own[axis] for axis, _, expected in trouble.differing if axis)
    if not agrees:
        return None
    return Where(None, f"the input {trouble.name} is {show_size(own[1:])}, channels first", own[1:])
