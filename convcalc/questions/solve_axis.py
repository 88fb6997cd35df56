"""One axis of `solve`: what is asked, a layer that answers it, and groups of them that are counted without a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from convcalc.axis.inverse import (
    crops,
    inputs_for,
    never_read,
    never_used,
    paddings,
    transposed_inputs_for,
)
from convcalc.axis.padding import cropped, padded
from convcalc.axis.window import Window, output_size, outputs_reached, transposed_size
from convcalc.errors import ShapeError
from convcalc.notation.spans import Sides, Span, Target


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
        return sum(begins_for(total, self.sides).size for total in self.totals)

    def solutions(self) -> Iterator[Solution]:
        """All of them, in the order of their total padding."""
        for total in self.totals:
            begins = begins_for(total, self.sides)
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
            for before in _near_half(total, begins_for(total, self.sides))
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


def sides_for(task: AxisTask, window: Window, output_padding: int) -> tuple[Sides, int]:
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


def total_paddings(task: AxisTask, window: Window, output_padding: int) -> range:
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


def begins_for(total: int, sides: Sides) -> Span:
    """The paddings at the begin that go with a total."""
    span = Span(max(sides.begin.first, total - sides.end.last), min(sides.begin.last, total - sides.end.first))
    return span if sides.free else span.within(Span(total // 2, total - total // 2))


def _near_half(total: int, begins: Span) -> Iterator[int]:
    """The paddings at the begin that are nearest to half of the total."""
    for half in {total // 2, total - total // 2}:
        nearest = min(max(half, begins.first), begins.last)
        if begins:
            yield nearest


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
