"""The layers that make one size of another along one axis: found by arithmetic, counted without being listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import NamedTuple

from convcalc.axis.inverse import (
    crops,
    first_true,
    inputs_for,
    never_read,
    never_used,
    paddings,
    transposed_inputs_for,
)
from convcalc.axis.padding import cropped, padded
from convcalc.axis.window import Window, max_output_padding, output_size, outputs_reached, transposed_size
from convcalc.errors import NotationError, ShapeError
from convcalc.notation import Sides, Span, Target

MAX_STEPS = 30_000
"""Most combinations of kernel, stride, dilation and output padding that are looked at, about a second's worth."""
NARROW = 10
"""Numbers in a range that is narrow enough, whatever the others are."""


class Ranges(NamedTuple):
    """What is searched along one axis. Paddings are numbers, one of the words, or None for 0..extent-1."""

    kernel: Span
    stride: Span
    dilation: Span
    padding: Sides | str | None
    output_padding: Span


class AxisTask(NamedTuple):
    """What is asked of one axis.

    Several inputs with a fixed output ask which of them give it; with an output such as 5n, all must give theirs.
    """

    inputs: Span
    target: Target
    transposed: bool
    ranges: Ranges

    @property
    def which_inputs(self) -> bool:
        """Whether the inputs are among the unknowns."""
        return self.target.kind == "size" and self.inputs.size > 1


class Solution(NamedTuple):
    """One layer along one axis, and the inputs of which it makes what was asked for."""

    window: Window
    output_padding: int
    inputs: Span
    outputs: Span
    transposed: bool

    @property
    def same_output(self) -> Span:
        """The input sizes that give the same output as the largest of the inputs."""
        if self.transposed:
            return transposed_inputs_for(self.outputs.last, self.window, self.output_padding)
        return inputs_for(self.outputs.last, self.window)

    @property
    def never_read(self) -> tuple[int, int]:
        """How many pixels at the begin and at the end of the largest input no output depends on."""
        size, output = self.inputs.last, self.outputs.last
        if not self.transposed:
            return never_read(size, output, self.window)
        return never_used(size, output, self.window)

    @property
    def holes(self) -> int:
        """Input pixels between the borders that are never read; transposed: outputs that no input reaches."""
        size, output = self.inputs.last, self.outputs.last
        if self.window.dilation == 1 and self.window.stride <= self.window.kernel:  # nothing between two windows
            return max(0, self.output_padding - self.window.after) if self.transposed else 0
        if self.transposed:
            return output - outputs_reached(size, output, self.window)
        return size - outputs_reached(output, size, self.window) - sum(self.never_read)


@dataclass(frozen=True, slots=True)
class Group:
    """The layers that have all but their padding in common: every total in `totals`, cut into begin and end."""

    task: AxisTask
    window: Window
    output_padding: int
    totals: range
    sides: Sides

    @property
    def count(self) -> int:
        """How many layers these are."""
        if not self.totals:
            return 0
        if not self.sides.free:  # an even total has one pair, an odd total two
            first, last, step = self.totals[0], self.totals[-1], self.totals.step
            number = (last - first) // step + 1
            odd = number * (first % 2) if step % 2 == 0 else (number + first % 2) // 2
            return number + odd
        return sum(_begins(total, self.sides).size for total in self.totals)

    def solutions(self) -> Iterator[Solution]:
        """All of them, in the order of their total padding."""
        for total in self.totals:
            begins = _begins(total, self.sides)
            for before in range(begins.first, begins.last + 1):
                yield self._solution(before, total - before)

    @property
    def simplest(self) -> Solution:
        """The layer that comes first in order of simplicity; among very many paddings, one of the smallest."""
        # The smallest padding reads the most. Only gaps between taps, or sides far apart, may favour a larger one.
        plain = self.window.dilation == 1 and not self.sides.free
        found = [
            self._solution(before, total - before)
            for total in self.totals[: 2 if plain else 16]
            for before in _near_half(total, _begins(total, self.sides))
        ]
        return min(found, key=simplicity)

    def _solution(self, before: int, after: int) -> Solution:
        window = self.window._replace(before=before, after=after)
        inputs = self.task.inputs
        if self.task.which_inputs:
            output = self.task.target.number
            giving = (
                transposed_inputs_for(output, window, self.output_padding)
                if self.task.transposed
                else inputs_for(output, window)
            )
            inputs = giving.within(inputs)
        outputs = Span(self.task.target.of(inputs.first), self.task.target.of(inputs.last))
        found = Solution(window, self.output_padding, inputs, outputs, self.task.transposed)
        _confirm(found, self.task)
        return found


def simplicity(solution: Solution) -> tuple[int, ...]:
    """The order of answers, as text in ORDER."""
    window = solution.window
    uneven = window.before - window.after
    return (
        int(solution.holes > 0 or any(solution.never_read)),
        abs(uneven),
        int(uneven > 0),
        solution.output_padding,
        window.dilation,
        window.kernel,
        window.stride,
        window.before,
    )


ORDER = "every pixel used, equal padding, small output padding, dilation, kernel, stride"


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
    wide = {name: span for name, span in spans.items() if span.size > NARROW} or spans
    widest = max(wide, key=lambda name: wide[name].size)
    narrower = (f"--{name} {Span(span.first, min(span.last, span.first + NARROW - 1))}" for name, span in wide.items())
    return NotationError(
        f"solve: these ranges have too many layers in them, the widest is --{widest} {wide[widest]}; "
        f"narrow them, such as {' '.join(narrower)}"
    )


def _group(task: AxisTask, window: Window, output_padding: int) -> Group | None:
    sides, output_padding = _sides(task, window, output_padding)
    if output_padding > max_output_padding(window):
        return None
    allowed = Span(sides.begin.first + sides.end.first, sides.begin.last + sides.end.last)
    totals = _totals(task, window, output_padding)
    step = totals.step
    first = totals.start if totals.start >= allowed.first else allowed.first + (totals.start - allowed.first) % step
    totals = range(first, min(totals.stop - 1, allowed.last) + 1, step)
    return Group(task, window, output_padding, totals, sides) if totals else None


def _sides(task: AxisTask, window: Window, output_padding: int) -> tuple[Sides, int]:
    """The paddings allowed for a window, and its output padding, to which a word may add."""
    padding = task.ranges.padding
    if padding is None:
        reach = Span(0, window.extent - 1)
        return Sides(reach, reach, free=False), output_padding
    if isinstance(padding, Sides):
        return padding, output_padding
    if task.transposed:
        before, after, longer = cropped(padding, window)
        output_padding += longer
    else:
        size = task.inputs.first if task.inputs.size == 1 else None
        before, after = padded(padding, size, window)
    return Sides(Span(before, before), Span(after, after), free=True), output_padding


def layers_within(task: AxisTask) -> Iterator[Solution]:
    """Every layer within the ranges on the first of the inputs, whatever it makes of it.

    Raises NotationError if there is too much to look at.
    """
    ranges, size = task.ranges, task.inputs.first
    spans = (ranges.stride, ranges.output_padding, ranges.kernel, ranges.dilation)
    if prod(span.size for span in spans) > MAX_STEPS:
        raise too_many(ranges)
    for stride, longer, kernel, dilation in product(*(range(span.first, span.last + 1) for span in spans)):
        window = Window(kernel, stride, dilation)
        sides, output_padding = _sides(task, window, longer)
        if output_padding > max_output_padding(window):
            continue
        for total in range(sides.begin.first + sides.end.first, sides.begin.last + sides.end.last + 1):
            begins = _begins(total, sides)
            for before in range(begins.first, begins.last + 1):
                padded = window._replace(before=before, after=total - before)
                output = made_of(size, padded, output_padding, transposed=task.transposed)
                if output is not None:
                    yield Solution(padded, output_padding, Span(size, size), Span(output, output), task.transposed)


def _totals(task: AxisTask, window: Window, output_padding: int) -> range:
    """The total paddings with which a window makes what is asked for; they may be negative or too large."""
    if not task.which_inputs:
        pairs = [(size, task.target.of(size)) for size in _turning_points(task.inputs, task.target)]
        span = crops(pairs, window, output_padding) if task.transposed else paddings(pairs, window)
        return range(span.first, span.last + 1)
    low, high = ((size, task.target.number) for size in task.inputs)
    if task.transposed:
        first, last = (crops([pair], window, output_padding).first for pair in (low, high))
        return range(first, last + 1, window.stride)
    return range(paddings([high], window).first, paddings([low], window).last + 1)


def _turning_points(inputs: Span, target: Target) -> Sequence[int]:
    """Inputs among which both ends of every bound are found: those that have it, all have it.

    The bounds are linear in the input for a multiple of it; for a part rounded up or down, linear over the first
    inputs of the runs that share an output, and over the last ones.
    """
    if inputs.first == inputs.last:
        return inputs[:1]
    ends = {*inputs}
    if target.kind in ("up", "down"):
        step, shift = target.number, 1 if target.kind == "up" else 0
        for end in inputs:
            start = (end - shift) // step * step + shift  # the first input of the run of `end`
            ends |= {start - 1, start, start + step - 1, start + step, start - step, start + 2 * step - 1}
    return sorted(size for size in ends if inputs.first <= size <= inputs.last)


def _offsets(task: AxisTask, stride: int, output_padding: int) -> Span:
    """The least and the greatest total padding beyond the extent."""
    totals = _totals(task, Window(1, stride), output_padding)
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


def _begins(total: int, sides: Sides) -> Span:
    """The paddings at the begin that go with a total."""
    span = Span(max(sides.begin.first, total - sides.end.last), min(sides.begin.last, total - sides.end.first))
    return span if sides.free else span.within(Span(total // 2, total - total // 2))


def _near_half(total: int, begins: Span) -> Iterator[int]:
    """The paddings at the begin that are nearest to half of the total."""
    for half in {total // 2, total - total // 2}:
        nearest = min(max(half, begins.first), begins.last)
        if begins:
            yield nearest


def _check_target(task: AxisTask) -> None:
    least = task.target.of(task.inputs.first)
    if least < 1:
        fits = task.target.number
        raise NotationError(
            f"output: must be at least 1, got {task.target} = {least} for input {task.inputs.first}; "
            f"use --input {Span(fits, max(fits, task.inputs.last))}"
        )


def _confirm(solution: Solution, task: AxisTask) -> None:
    """Raises RuntimeError unless the forward rule gives what was solved for, and other sizes just outside."""

    def forward(size: int) -> int | None:
        return made_of(size, solution.window, solution.output_padding, transposed=solution.transposed)

    for size in _turning_points(solution.inputs, task.target):
        if forward(size) != task.target.of(size):
            raise RuntimeError(f"solve: {solution} does not give {task.target.of(size)} of {size}")
    same = solution.same_output
    for size, alike in ((same.first - 1, False), (same.first, True), (same.last, True), (same.last + 1, False)):
        if size > 0 and (forward(size) == solution.outputs.last) != alike:
            raise RuntimeError(f"solve: {solution} gives {solution.outputs.last} of other sizes than {same}")


def made_of(size: int, window: Window, output_padding: int, *, transposed: bool) -> int | None:
    """The output size by the rule of the layer; None if the layer does not fit."""
    try:
        return transposed_size(size, window, output_padding) if transposed else output_size(size, window)
    except ShapeError:
        return None


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
                if steps > MAX_STEPS // 10:
                    return None, None
                found |= _reached(task, Window(kernel, stride, dilation), output_padding)
    below = max((output for output in found if output < wanted), default=None)
    return below, min((output for output in found if output > wanted), default=None)


def _reached(task: AxisTask, window: Window, output_padding: int) -> set[int]:
    """The outputs at the ends of the paddings, of the inputs that come nearest."""
    sides, output_padding = _sides(task, window, output_padding)
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
