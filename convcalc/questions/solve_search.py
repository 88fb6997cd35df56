"""The search of `solve` along one axis: which windows have a padding at all, found by arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from convcalc.axis.inverse import first_true
from convcalc.axis.window import Window, max_output_padding
from convcalc.errors import NotationError
from convcalc.notation.spans import Sides, Span
from convcalc.questions.solve_axis import (
    AxisTask,
    Group,
    Ranges,
    Solution,
    begins_for,
    made_of,
    sides_for,
    total_paddings,
)

MAX_STEPS = 10_000
"""Most combinations of kernel, stride, dilation and output padding that are looked at, about a second's worth."""
NARROW = 10
"""Numbers in a range that is narrow enough, whatever the others are."""


def axis_groups(task: AxisTask) -> list[Group]:
    """All groups that have a layer, in no order. Raises NotationError if there is too much to look at."""
    _check_target(task)
    ranges, steps, found = task.ranges, 0, list[Group]()
    strides = strides_with_layers(task)
    if strides.size > MAX_STEPS:
        raise too_many(ranges)
    for stride in range(strides.first, strides.last + 1):
        most = max(stride, ranges.dilation.last) - 1
        for output_padding in range(ranges.output_padding.first, min(ranges.output_padding.last, most) + 1):
            steps += 1
            for kernel, dilation in _windows(_extents(task, stride, output_padding), ranges):
                steps += 1
                if steps > MAX_STEPS:
                    raise too_many(ranges)
                if group := _group(task, Window(kernel, stride, dilation), output_padding):
                    found.append(group)
        if steps > MAX_STEPS:
            raise too_many(ranges)
    return found


def too_many(ranges: Ranges) -> NotationError:
    """The error for ranges that have too many layers in them, with narrower ones."""
    spans = {"kernel": ranges.kernel, "stride": ranges.stride, "dilation": ranges.dilation}
    spans["output-padding"] = ranges.output_padding
    if isinstance(ranges.padding, Sides):
        spans["padding"] = max(ranges.padding.begin, ranges.padding.end, key=lambda span: span.size)
    wide = {name: span for name, span in spans.items() if span.size > NARROW} or spans
    widest = max(wide, key=lambda name: wide[name].size)
    narrower = (f"--{name} {Span(span.first, min(span.last, span.first + NARROW - 1))}" for name, span in wide.items())
    return NotationError(
        f"solve: these ranges have too many layers in them, the widest is --{widest} {wide[widest]}; "
        f"narrow them, such as {' '.join(narrower)}"
    )


def _group(task: AxisTask, window: Window, output_padding: int) -> Group | None:
    sides, output_padding = sides_for(task, window, output_padding)
    if output_padding > max_output_padding(window):
        return None
    allowed = Span(sides.begin.first + sides.end.first, sides.begin.last + sides.end.last)
    totals = total_paddings(task, window, output_padding)
    step = totals.step
    first = totals.start if totals.start >= allowed.first else allowed.first + (totals.start - allowed.first) % step
    totals = range(first, min(totals.stop - 1, allowed.last) + 1, step)
    return Group(task, window, output_padding, totals, sides) if totals else None


def layers_within(task: AxisTask) -> Iterator[Solution]:
    """Every layer within the ranges on the first of the inputs, whatever it makes of it.

    Raises NotationError if there is too much to look at.
    """
    ranges, size = task.ranges, task.inputs.first
    spans = (ranges.stride, ranges.output_padding, ranges.kernel, ranges.dilation)
    if prod(span.size for span in spans) > MAX_STEPS:
        raise too_many(ranges)
    steps = 0
    for stride, longer, kernel, dilation in product(*(range(span.first, span.last + 1) for span in spans)):
        window = Window(kernel, stride, dilation)
        sides, output_padding = sides_for(task, window, longer)
        if output_padding > max_output_padding(window):
            continue
        for total in range(sides.begin.first + sides.end.first, sides.begin.last + sides.end.last + 1):
            begins = begins_for(total, sides)
            steps += 1 + begins.size
            if steps > MAX_STEPS:
                raise too_many(ranges)
            for before in range(begins.first, begins.last + 1):
                padded = window._replace(before=before, after=total - before)
                output = made_of(size, padded, output_padding, transposed=task.transposed)
                if output is not None:
                    yield Solution(padded, output_padding, Span(size, size), Span(output, output), task.transposed)


def _offsets(task: AxisTask, stride: int, output_padding: int) -> Span:
    """The least and the greatest total padding beyond the extent."""
    totals = total_paddings(task, Window(1, stride), output_padding)
    return Span(totals.start - 1, totals.stop - 2)


def strides_with_layers(task: AxisTask) -> Span:
    """The strides for which a kernel may be found: both offsets grow with the stride, so bisection finds the ends."""
    ranges = task.ranges
    largest = ranges.dilation.last * (ranges.kernel.last - 1) + 1
    sides = ranges.padding
    least, most = 0, largest - 2
    if isinstance(sides, Sides):
        least, most = sides.begin.first + sides.end.first, sides.begin.last + sides.end.last - 1
    if sides in ("same", "same-lower"):
        return ranges.stride
    paddings_of = ranges.output_padding
    first = first_true(
        ranges.stride.first,
        ranges.stride.last + 1,
        lambda stride: _offsets(task, stride, paddings_of.last).last >= least - largest,
    )
    beyond = first_true(
        first, ranges.stride.last + 1, lambda stride: _offsets(task, stride, paddings_of.first).first > most
    )
    return Span(first, beyond - 1)


def _extents(task: AxisTask, stride: int, output_padding: int) -> Span:
    """The extents among which are all that have a padding."""
    ranges = task.ranges
    largest = ranges.dilation.last * (ranges.kernel.last - 1) + 1
    low, high = _offsets(task, stride, output_padding)
    match ranges.padding:
        case None:
            return Span(max(1, -high, low + 2), largest)
        case Sides(begin, end):
            return Span(max(1, begin.first + end.first - high), min(largest, begin.last + end.last - low))
        case _:
            return Span(1, largest)


def _windows(extents: Span, ranges: Ranges) -> Iterator[tuple[int, int]]:
    """The (kernel, dilation) pairs with these extents; the shorter range is walked, the other one solved for.

    Raises NotationError if both are too long to walk.
    """
    low, high = max(0, extents.first - 1), extents.last - 1
    kernels, dilations = ranges.kernel, ranges.dilation
    if low > high:
        return
    kernels = kernels.within(Span(-(-low // dilations.last) + 1, high // dilations.first + 1))
    if not kernels:
        return
    if kernels.first > 1:  # kernel 1 has extent 1 whatever its dilation
        dilations = dilations.within(Span(-(-low // (kernels.last - 1)), high // (kernels.first - 1)))
    if min(kernels.size, dilations.size) > MAX_STEPS:
        raise too_many(ranges)

    def walked(fitting: Span) -> range:
        if fitting.size > MAX_STEPS:
            raise too_many(ranges)
        return range(fitting.first, fitting.last + 1)

    if kernels.size <= dilations.size:
        for kernel in range(kernels.first, kernels.last + 1):
            fitting = dilations
            if kernel > 1:
                fitting = Span(-(-low // (kernel - 1)), high // (kernel - 1)).within(dilations)
            yield from ((kernel, dilation) for dilation in walked(fitting))
    else:
        for dilation in range(dilations.first, dilations.last + 1):
            fitting = Span(-(-low // dilation) + 1, high // dilation + 1).within(kernels)
            yield from ((kernel, dilation) for kernel in walked(fitting))


def _check_target(task: AxisTask) -> None:
    least = task.target.of(task.inputs.first)
    if least < 1:
        fits = task.target.number
        raise NotationError(
            f"output: must be at least 1, got {task.target} = {least} for input {task.inputs.first}; "
            f"use --input {Span(fits, max(fits, task.inputs.last))}"
        )


def nearest_outputs(task: AxisTask) -> tuple[int | None, int | None]:
    """The outputs nearest below and above the one wanted that the ranges do reach; None for none, or too many ranges.

    With one window, the outputs from the least total padding to the greatest follow one another without a gap.
    """
    ranges, wanted, steps = task.ranges, task.target.of(task.inputs.last), 0
    found = set[int]()
    for stride in range(ranges.stride.first, ranges.stride.last + 1):
        for output_padding in range(ranges.output_padding.first, ranges.output_padding.last + 1):
            for kernel, dilation in _windows(Span(1, ranges.dilation.last * ranges.kernel.last), ranges):
                steps += 1
                if steps > MAX_STEPS // 2:
                    return None, None
                found |= _reached(task, Window(kernel, stride, dilation), output_padding)
    below = max((output for output in found if output < wanted), default=None)
    return below, min((output for output in found if output > wanted), default=None)


def _reached(task: AxisTask, window: Window, output_padding: int) -> set[int]:
    """The outputs at the ends of the paddings, of the inputs that come nearest."""
    sides, output_padding = sides_for(task, window, output_padding)
    if output_padding > max_output_padding(window):
        return set()
    wanted, found = task.target.of(task.inputs.last), set[int]()
    for total in (sides.begin.first + sides.end.first, sides.begin.last + sides.end.last):
        cut = window._replace(after=total)
        if task.transposed:
            steps = (wanted + total - window.extent - output_padding) // window.stride
            sizes = {min(max(size, task.inputs.first), task.inputs.last) for size in (steps, steps + 1, steps + 2)}
        else:
            sizes = {*task.inputs, max(task.inputs.first, window.extent - total)}
        for size in sizes:
            output = made_of(size, cut, output_padding, transposed=task.transposed)
            if output is not None and output >= 1 and size in range(task.inputs.first, task.inputs.last + 1):
                found.add(output)
    return found
