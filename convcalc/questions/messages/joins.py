"""Branches that do not meet: the layer where they come together, and the stride that loses a pixel on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convcalc.graph.following import Rules
from convcalc.graph.primitives import Concat, Merge, TransposedCorrelate, Windowed, windows
from convcalc.notation import Axes, show_size
from convcalc.questions.messages.laid import Laid, accepted, shown_size
from convcalc.questions.messages.sides import Holds, first_input, sides_of
from convcalc.questions.messages.spot import Where, of_step


def join_of(laid: Laid, low: int, high: int) -> Where | None:
    """Where branches of these lengths come together, on the input that was asked for or on the smallest one."""
    answer = accepted(laid)
    asked = None if answer is None else answer.asked
    fits = [] if asked is None else [each for each in (asked.below, asked.above) if each is not None]
    more = f"; the nearest inputs that fit: {' and '.join(map(show_size, fits))}" if fits else ""
    fix = f"pad or resize the image to {show_size(fits[-1])}" if fits else None
    if asked is not None and asked.unmet:
        met = asked.unmet[0]
        parts = [f"{show_size(size)} from {name}" for size, name in zip(met.sizes, met.inputs, strict=True)]
        return Where(met.layer, f"{met.layer} gets {' and '.join(parts)}{more}", asked.input, None, fix)
    if laid.stop is not None:
        return Where(None, f"{laid.stop}{more}", laid.size, None, fix)
    sides = sides_of(laid)
    if sides is None:
        return None
    rules = sides.rules
    for number, inputs in _joins(rules):
        size = first_input(sides, number, _differing(inputs, low, high))
        if size is not None:
            modulus = None if answer is None else answer.sizes.every.modulus
            rule = f"; sizes that fit repeat every {modulus}" if modulus not in (None, 1) else ""
            names = " and ".join(rules.graph.labels[i] for i in inputs)
            label = rules.graph.labels[number]
            return Where(label, f"{label} gets {low} and {high} from {names} if the input is {show_size(size)}{rule}")
    return None


def _joins(rules: Rules) -> Iterator[tuple[int, Axes]]:
    """The nodes where maps come together, and the maps."""
    for number, node in enumerate(rules.graph.nodes):
        if isinstance(node.primitive, Concat | Merge):
            maps = tuple(i for i in node.inputs if len(rules.graph.nodes[i].shape or ()) > 2)
            if len(maps) > 1:
                yield number, maps


def _differing(inputs: Axes, low: int, high: int) -> Holds:
    """Whether the first of the maps has one of the lengths along some axis, and another map the other."""

    def holds(shapes: Any) -> Any:
        found: Any = False
        for other in inputs[1:]:
            for a, b in zip(shapes[inputs[0]][2:], shapes[other][2:], strict=True):
                found = found | ((a == low) & (b == high)) | ((a == high) & (b == low))
        return found

    return holds


def stride_of(laid: Laid, low: int, high: int) -> Where | None:
    """The stride that makes two lengths of one: 55 are halved to 27, which come back as 54."""
    for step in laid.steps:
        if not isinstance(step.primitive, Windowed) or isinstance(step.primitive, TransposedCorrelate):
            continue
        for axis, window in enumerate(windows(step.primitive)):
            size, gives = step.input[2 + axis], step.shape[2 + axis]
            back = gives * window.stride
            if window.stride > 1 and {size, back} == {low, high}:
                return of_step(step, f"{step.label} makes {gives} of {size}: back by {window.stride} they are {back}")
    first, second = (next((step for step in laid.steps if size in step.shape[2:]), None) for size in (high, low))
    if first is None or second is None:
        return None
    gives_both = f"{first.label} gives {shown_size(first.shape)}, {second.label} {shown_size(second.shape)}"
    return of_step(second, gives_both)
