"""The transposed convolution seen in two ways, step by step with the same result: values spread, and zeros inserted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from math import prod

from convcalc.axis.window import Window
from convcalc.graph.graph import Node
from convcalc.graph.primitives import TransposedCorrelate, windows
from convcalc.notation import Axes, show_size
from convcalc.scenes.plane import Plane, plane
from convcalc.scenes.scene import Cell, Grid, Mark, Role, Scene, Step
from convcalc.scenes.sums import Sums
from convcalc.scenes.taps import meets
from convcalc.scenes.view import View, chosen, position_text, spread_steps
from convcalc.scenes.words import described, map_title

LEGEND = {
    Role.INPUT: "input",
    Role.TAP: "met by the kernel",
    Role.HOLE: "skipped by the dilation",
    Role.INSERTED: "inserted zero",
    Role.PADDING: "zero around it",
    Role.OUTPUT: "output, with how many inputs it sums",
    Role.CROPPED: "cut off",
    Role.MADE: "this output",
}
SPREAD_INPUT, SPREAD_OUTPUT, WIDENED, SLID_OUTPUT = range(4)


def transposed_scene(node: Node, view: View, sums: Sums | None = None) -> Scene:
    """Both ways to see a transposed convolution.

    Above, every input value is multiplied by the kernel and added to the outputs that this covers. Below, zeros are
    inserted between the inputs and the flipped kernel slides over them with stride 1.
    """
    assert isinstance(node.primitive, TransposedCorrelate)
    assert node.shape is not None
    assert node.input_shapes[0] is not None
    axes = windows(node.primitive)
    sizes, outputs = node.input_shapes[0][2:], node.shape[2:]
    at = chosen(view, outputs, tuple(size // 2 for size in outputs), node.name)
    met = [[source for source, _ in meets(*each, True)] for each in zip(axes, sizes, at, strict=True)]
    around = [range(found[-1], found[0] + 1) if found else range(1) for found in met]
    inputs = plane([range(size) for size in sizes], view, around)
    here = [range(place, place + 1) for place in at]
    full = plane([_full(*each) for each in zip(axes, sizes, outputs, strict=True)], view, here)
    widened = plane(
        [_widened(*each) for each in zip(axes, sizes, outputs, strict=True)],
        view,
        [_slid(axis, place) for axis, place in zip(axes, at, strict=True)],
    )
    made = plane([range(count) for count in outputs], view, here)
    places, note = [at], ""
    if view.every:
        shown = [p for p in made.positions() if p in full and all(tap in widened for tap in _under(axes, p))]
        places, note = spread_steps(shown or [at])
    flat = len(sizes) != 2
    grids = (
        Grid(
            f"input {show_size(sizes)}, every value spread{inputs.depths}",
            tuple(Cell(Role.INPUT, *inputs.place(p), sums.input_text(p) if sums else "") for p in inputs.positions()),
            inputs.row_labels, inputs.column_labels, 0, inputs.left_out,
        ),
        Grid(
            f"output {show_size(outputs)}{_cut_text(axes, sizes, outputs)}{full.depths}",
            tuple(_spread_cells(axes, sizes, outputs, full)),
            full.row_labels, full.column_labels, 1 if flat else 0, full.left_out,
        ),
        Grid(
            f"zeros inserted, kernel flipped, stride 1{widened.depths}",
            tuple(_widened_cells(axes, sizes, widened, sums)),
            widened.row_labels, widened.column_labels, 2 if flat else 1, widened.left_out,
        ),
        Grid(
            f"output {show_size(outputs)}{made.depths}",
            tuple(Cell(Role.OUTPUT, *made.place(p), sums.output_text(p) if sums else "") for p in made.positions()),
            made.row_labels, made.column_labels, 3 if flat else 1, made.left_out,
        ),
    )  # fmt: skip
    planes = (inputs, full, widened, made)
    steps = tuple(_step(axes, sizes, place, planes, sums) for place in places)
    seen = {cell.role for grid in grids for cell in grid.cells} | {mark.role for step in steps for mark in step.marks}
    return Scene(
        map_title(node),
        f"transposed, {described(node.primitive)}",
        grids,
        steps,
        tuple((role, text) for role, text in LEGEND.items() if role in seen),
        shown=places.index(at) if at in places else 0,
        notes=tuple(text for text in (note, _overlap_text(axes)) if text),
    )


def _full(axis: Window, size: int, outputs: int) -> range:
    """The outputs before anything is cut off, lengthened by the output padding."""
    end = (size - 1) * axis.stride + axis.extent - axis.before
    return range(min(0, -axis.before), max(end, outputs))


def _slid(axis: Window, at: int) -> range:
    """The positions of the widened input under the flipped kernel, of which input i is at i*stride."""
    return range(at + axis.before - axis.extent + 1, at + axis.before + 1)


def _widened(axis: Window, size: int, outputs: int) -> range:
    first, last = _slid(axis, 0)[0], _slid(axis, outputs - 1)[-1]
    return range(min(0, first), max((size - 1) * axis.stride, last) + 1)


def _under(axes: tuple[Window, ...], place: Axes) -> Iterator[Axes]:
    return product(*(_slid(axis, at)[:: axis.dilation] for axis, at in zip(axes, place, strict=True)))


def _spread_cells(axes: tuple[Window, ...], sizes: Axes, outputs: Axes, full: Plane) -> Iterator[Cell]:
    for place in full.positions():
        kept = all(0 <= at < count for at, count in zip(place, outputs, strict=True))
        summed = prod(len(meets(*each, True)) for each in zip(axes, sizes, place, strict=True))
        yield Cell(Role.OUTPUT if kept else Role.CROPPED, *full.place(place), str(summed) if kept else "")


def _widened_cells(axes: tuple[Window, ...], sizes: Axes, widened: Plane, sums: Sums | None) -> Iterator[Cell]:
    ends = [(size - 1) * axis.stride for axis, size in zip(axes, sizes, strict=True)]
    for place in widened.positions():
        if not all(0 <= at <= end for at, end in zip(place, ends, strict=True)):
            yield Cell(Role.PADDING, *widened.place(place), "0" if sums else "")
        elif all(at % axis.stride == 0 for at, axis in zip(place, axes, strict=True)):
            source = tuple(at // axis.stride for at, axis in zip(place, axes, strict=True))
            yield Cell(Role.INPUT, *widened.place(place), sums.input_text(source) if sums else "")
        else:
            yield Cell(Role.INSERTED, *widened.place(place), "0")


def _step(axes: tuple[Window, ...], sizes: Axes, place: Axes, planes: tuple[Plane, ...], sums: Sums | None) -> Step:
    inputs, full, widened, made = planes
    met = list(
        product(*([source for source, _ in meets(*each, True)] for each in zip(axes, sizes, place, strict=True)))
    )
    taps = set(_under(axes, place))
    window = product(*(_slid(axis, at) for axis, at in zip(axes, place, strict=True)))
    marks = [Mark(SPREAD_INPUT, *inputs.place(source), Role.TAP) for source in met if source in inputs]
    marks += [Mark(SPREAD_OUTPUT, *full.place(place), Role.MADE)] if place in full else []
    marks += [
        Mark(WIDENED, *widened.place(under), Role.TAP if under in taps else Role.HOLE)
        for under in window
        if under in widened
    ]
    marks.append(Mark(SLID_OUTPUT, *made.place(place), Role.MADE))
    many = f"{len(met)} input values are" if len(met) != 1 else "1 input value is"
    zeros = len(taps) - len(met)
    lines = (
        f"output {position_text(place)}: {many} spread onto it; "
        f"with zeros inserted, {zeros} of {len(taps)} taps meet a zero",
    )
    return Step(f"output {position_text(place)}", tuple(marks), (*lines, *(sums.lines(place) if sums else ())))


def _cut_text(axes: tuple[Window, ...], sizes: Axes, outputs: Axes) -> str:
    full = tuple((size - 1) * axis.stride + axis.extent for axis, size in zip(axes, sizes, strict=True))
    longer = any(count + axis.before > end for axis, count, end in zip(axes, outputs, full, strict=True))
    if full == outputs:
        return ""
    return f", cut from {show_size(full)}" + (" and lengthened at the end" if longer else "")


def _overlap_text(axes: tuple[Window, ...]) -> str:
    """Whether neighbouring outputs sum unequal numbers of values, which shows as a checkerboard."""
    for axis in axes:
        phases = Counter(tap * axis.dilation % axis.stride for tap in range(axis.kernel))
        if len(phases) != axis.stride or len({*phases.values()}) > 1:
            return "the outputs do not all sum as many values, which shows as a checkerboard"
    return ""
