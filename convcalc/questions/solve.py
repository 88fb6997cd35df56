"""Which layers make one size of another: kernel, stride, padding, dilation and output padding searched together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any, NamedTuple, TypeAlias

from convcalc.errors import NotationError
from convcalc.notation import show_axes, show_padding
from convcalc.notation.spans import Sides, Span, Target, parse_sides, parse_spans, parse_targets
from convcalc.questions.schema import SCHEMA
from convcalc.questions.solve_axis import AxisTask, Group, Ranges, Solution, simplicity
from convcalc.questions.solve_search import MAX_STEPS, axis_groups, nearest_outputs, too_many

MAX_SOLUTIONS = 20_000
"""Most layers that are listed one by one."""
USUAL_KERNELS = 11
"""Kernels up to this are searched whatever the stride."""
Options: TypeAlias = Mapping[str, int | str | None]
Layer: TypeAlias = tuple[Solution, ...]
"""One layer: its solution along every axis."""


class Searched(NamedTuple):
    """What is searched, per axis, and which of it was asked for rather than chosen here."""

    axes: tuple[Ranges, ...]
    given: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ranges as [first, last], a list of them if there are several axes; paddings as text."""

        def each(values: Callable[[Ranges], Any]) -> Any:
            found = [values(ranges) for ranges in self.axes]
            return found[0] if len(found) == 1 else found

        return {
            **{
                name: each(lambda ranges, name=name: list(getattr(ranges, name)))  # type: ignore[misc]
                for name in ("kernel", "stride", "dilation", "output_padding")
            },
            "padding": each(lambda ranges: padding_text(ranges.padding)),
        }


@dataclass(frozen=True, slots=True)
class Family:
    """Layers that have all but their padding in common: a group for every axis.

    With `alike`, the padding is the same on all axes too; else every padding of one axis goes with all of another.
    """

    groups: tuple[Group, ...]
    alike: bool

    @property
    def count(self) -> int:
        """How many layers these are."""
        return self.groups[0].count if self.alike else prod(group.count for group in self.groups)

    @property
    def simplest(self) -> Layer:
        """The layer that comes first in order of simplicity."""
        return tuple(group.simplest for group in self.groups)

    def layers(self) -> Iterator[Layer]:
        """All of them."""
        each = [group.solutions() for group in self.groups]
        return zip(*each, strict=True) if self.alike else product(*each)


@dataclass(frozen=True, slots=True)
class Solved:
    """The layers that make one size of another, simplest first; if there are none, the nearest outputs of each axis."""

    tasks: tuple[AxisTask, ...]
    searched: Searched
    families: tuple[Family, ...]
    axes: tuple[tuple[Group, ...], ...]
    """Every layer of each axis alone."""
    nearest: tuple[tuple[int | None, int | None], ...]

    @property
    def count(self) -> int:
        """How many layers there are."""
        return sum(family.count for family in self.families)

    def narrower(self) -> str:
        """If there are more than MAX_SOLUTIONS, how to narrow the ranges: to the window of the simplest layer."""
        if max(self.count, sum(group.count for axis in self.axes for group in axis)) <= MAX_SOLUTIONS:
            return ""
        windows = [solution.window for solution in self.families[0].simplest]
        kernel, stride, dilation = (
            show_axes([getattr(window, name) for window in windows]) for name in ("kernel", "stride", "dilation")
        )
        padding = f" -p {show_padding([(window.before, window.after) for window in windows])}"
        many = self.families[0].count > MAX_SOLUTIONS // 4
        return f"narrow the ranges, such as -k {kernel} -s {stride} -d {dilation}{padding * many}"

    def layers(self) -> list[Layer]:
        """All layers, simplest first. Raises NotationError if there are more than MAX_SOLUTIONS."""
        if remedy := self.narrower():
            raise NotationError(f"solve: lists up to {MAX_SOLUTIONS:,} layers, got {self.count:,}; {remedy}")
        return sorted((layer for family in self.families for layer in family.layers()), key=layer_simplicity)

    def each_axis(self) -> list[list[Solution]]:
        """Every layer of each axis alone, if there are several axes; any of one goes with any of another."""
        if len(self.axes) == 1:
            return []
        return [sorted((one for group in axis for one in group.solutions()), key=simplicity) for axis in self.axes]

    def to_dict(self) -> dict[str, Any]:
        """All layers as plain JSON values; with several axes, every value is a list of one per axis."""
        task = self.tasks[0]
        return {
            "schema": SCHEMA,
            "input": each_axis([_ends(task.inputs) for task in self.tasks]),
            "output": each_axis(
                [task.target.number if task.target.kind == "size" else str(task.target) for task in self.tasks]
            ),
            "transposed": task.transposed,
            "layers": 1,
            "searched": self.searched.to_dict(),
            "solutions": [layer_dict(layer) for layer in self.layers()],
            "axes": [[_solution_dict(solution) for solution in axis] for axis in self.each_axis()],
            "nearest": [list(each) for each in self.nearest],
        }


def solve(
    input: int | str,
    output: int | str,
    options: Options,
    *,
    transposed: bool = False,
) -> Solved:
    """The layers that make an output size of an input size, in pixels along each spatial axis.

    The options are kernel, stride, padding, dilation and output_padding, each a number or a range, one for all axes or
    one per axis; one that is absent or None is searched over a range that the answer states.
    Raises NotationError for what cannot be read, and for ranges with too many layers in them.

    >>> found = solve(224, 112, {"kernel": 7, "stride": 2})
    >>> [(layer[0].window.before, layer[0].window.after) for layer in found.layers()]
    [(3, 3), (2, 3), (3, 2)]
    """
    tasks, searched = asked(input, output, options, transposed)
    groups = [axis_groups(task) for task in tasks]
    found = sorted(families(groups), key=lambda family: layer_simplicity(family.simplest))
    single = all(not task.inputs.size > 1 or task.which_inputs for task in tasks)
    nearest = () if found or not single else tuple(map(nearest_outputs, tasks))
    return Solved(tasks, searched, tuple(found), tuple(map(tuple, groups)), nearest)


def asked(
    input: int | str, output: int | str, options: Options, transposed: bool, *, chain: bool = False
) -> tuple[tuple[AxisTask, ...], Searched]:
    """What is asked of every axis, and what is searched. Raises NotationError for what cannot be read."""
    inputs, targets = parse_spans(input, "input"), parse_targets(output)
    dims = max(len(inputs), len(targets))
    inputs, targets = parse_spans(input, "input", dims), parse_targets(output, "output", dims)
    given = {name: value for name, value in options.items() if value is not None}
    spans = {name: (span,) * dims for name, span in usual_spans(inputs, targets, transposed, chain).items()}
    for name, value in given.items():
        if name != "padding":
            spans[name] = parse_spans(value, name.replace("_", "-"), dims, 0 if name == "output_padding" else 1)
    sides: Sequence[Sides | str | None] = [None] * dims
    if "padding" in given:
        found = parse_sides(given["padding"], "padding", dims)
        sides = [found] * dims if isinstance(found, str) else found
    if "output_padding" in given and not transposed:
        raise NotationError(
            f"output-padding: is for transposed layers, got {given['output_padding']}; add --transposed"
        )
    ranges = tuple(
        Ranges(
            spans["kernel"][axis],
            spans["stride"][axis],
            spans["dilation"][axis],
            sides[axis],
            spans["output_padding"][axis],
        )
        for axis in range(dims)
    )
    tasks = tuple(
        AxisTask(size, target, transposed, own) for size, target, own in zip(inputs, targets, ranges, strict=True)
    )
    for task in tasks:
        if isinstance(task.ranges.padding, str):
            _check_word(task, task.ranges.padding)
    return tasks, Searched(ranges, tuple(given))


def usual_spans(inputs: Sequence[Span], targets: Sequence[Target], transposed: bool, chain: bool) -> dict[str, Span]:
    """What is searched of options that were not given.

    Strides up to the larger size over the smaller, rounded up, kernels up to twice that, and at least 11.
    """
    strides, kernels = [1], [USUAL_KERNELS]
    for size, target in zip(inputs, targets, strict=True):
        small, large = sorted((size.last, max(1, target.of(size.last))))
        if target.kind == "size" and size.size > 1:
            strides.append(8)
        elif small == 1 and not chain:  # one window: its stride does not matter
            kernels.append(large)
        else:
            strides.append(-(-large // small) if (size.last < target.of(size.last)) == transposed else 1)
    stride = max(strides)
    return {
        "kernel": Span(1, max(*kernels, 2 * stride)),
        "stride": Span(1, stride),
        "dilation": Span(1, 1),
        "output_padding": Span(0, 1) if transposed else Span(0, 0),
    }


def padding_text(padding: Sides | str | None) -> str:
    """The paddings searched, in words."""
    return "0..extent-1, begin and end differ by at most 1" if padding is None else str(padding)


def layer_simplicity(layer: Layer) -> tuple[int, ...]:
    """The order of layers: that of their axes together; the same on all axes comes first."""
    alike = len({(solution.window, solution.output_padding) for solution in layer}) == 1
    return (int(not alike), *map(sum, zip(*map(simplicity, layer), strict=True)))


def layer_dict(layer: Layer) -> dict[str, Any]:
    """A layer as plain JSON values, lists of one per axis if there are several."""
    axes = [_solution_dict(solution) for solution in layer]
    return {name: each_axis([values[name] for values in axes]) for name in axes[0]}


def layer_word(layer: Layer) -> str:
    """A layer as a layer word, `t:k4s2p1`."""
    windows = [solution.window for solution in layer]
    paddings = [(window.before, window.after) for window in windows]
    word = f"k{show_axes([window.kernel for window in windows])}"
    for letter, values in (
        ("s", [window.stride for window in windows]),
        ("d", [window.dilation for window in windows]),
    ):
        word += f"{letter}{show_axes(values)}" if set(values) != {1} else ""
    word += f"p{show_padding(paddings)}" if any(map(any, paddings)) else ""
    longer = [solution.output_padding for solution in layer]
    return "t:" * layer[0].transposed + word + (f"a{show_axes(longer)}" if any(longer) else "")


def _solution_dict(solution: Solution) -> dict[str, Any]:
    window = solution.window
    return {
        "kernel": window.kernel,
        "stride": window.stride,
        "padding": [window.before, window.after],
        "dilation": window.dilation,
        "output_padding": solution.output_padding,
        "extent": window.extent,
        "input": _ends(solution.inputs),
        "output": _ends(solution.outputs),
        "never_read": list(solution.never_read),
        "holes": solution.holes,
        "same_output": list(solution.same_output),
    }


def _ends(span: Span) -> int | list[int]:
    return span.first if span.size == 1 else list(span)


def _wanted(target: Target) -> int | str:
    return target.number if target.kind == "size" else str(target)


def each_axis(values: list[Any]) -> Any:
    """A value of each axis as JSON has it: the value itself if there is one axis."""
    return values[0] if len(values) == 1 else values


def families(groups: Sequence[list[Group]]) -> Iterator[Family]:
    """The groups of the axes joined: alike on all axes; else, with a kernel and dilation in common; else, any."""
    if len(groups) == 1:
        yield from (Family((group,), True) for group in groups[0])
        return
    keyed = [{(group.window, group.output_padding): group for group in axis} for axis in groups]
    done = set[tuple[int, int]]()
    for key in keyed[0]:
        if family := _alike([axis.get(key) for axis in keyed]):
            done.add((key[0].kernel, key[0].dilation))
            yield family
    shared = [_by_kernel(axis) for axis in groups]
    common = set.intersection(*(set(axis) for axis in shared))
    combined = [[axis[key] for axis in shared] for key in sorted(common - done)]
    if not done and not combined:
        combined = [list(groups)]
    if sum(prod(map(len, each)) for each in combined) > MAX_STEPS // 4:
        raise too_many(groups[0][0].task.ranges)
    for each in combined:
        yield from (Family(family, False) for family in product(*each))


def _alike(groups: Sequence[Group | None]) -> Family | None:
    """The layers that all groups have in common, None if there are none."""
    first = groups[0]
    if first is None or any(group is None or group.sides != first.sides for group in groups):
        return None
    starts, step = [group.totals.start for group in groups if group is not None], first.totals.step
    if any((start - starts[0]) % step for start in starts):
        return None
    totals = range(max(starts), min(group.totals[-1] for group in groups if group is not None) + 1, step)
    if not totals:
        return None
    return Family(tuple(replace(group, totals=totals) for group in groups if group is not None), True)


def _by_kernel(groups: Sequence[Group]) -> dict[tuple[int, int], list[Group]]:
    found = dict[tuple[int, int], list[Group]]()
    for group in groups:
        found.setdefault((group.window.kernel, group.window.dilation), []).append(group)
    return found


def _check_word(task: AxisTask, word: str) -> None:
    """Raises NotationError for a padding word that gives each of several inputs another padding."""
    depends = word in ("same", "same-lower") and not task.transposed and task.ranges.stride.last > 1
    if task.inputs.size > 1 and depends:
        raise NotationError(
            f"padding: {word} with a stride gives every input its own padding, got --input {task.inputs}; "
            f"use -p 0..{task.ranges.kernel.last}, or one --input"
        )
