"""The window of a convolution or pool: the padded input, the taps of one output, and the output beside it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from convcalc.axis.modes import source, zones
from convcalc.axis.window import Window, outputs_reached
from convcalc.graph.graph import Node
from convcalc.graph.primitives import Correlate, Pool, windows
from convcalc.notation import Axes, show_size
from convcalc.scenes.plane import Plane, flat, plane
from convcalc.scenes.scene import Cell, Grid, Mark, Role, Scene, Step
from convcalc.scenes.sums import Sums
from convcalc.scenes.taps import read_by
from convcalc.scenes.view import View, chosen, position_text, spread_steps
from convcalc.scenes.words import described, map_title, reach_text

LEGEND = {
    Role.INPUT: "input",
    Role.PADDING: "padding",
    Role.TAP: "read by the kernel",
    Role.HOLE: "skipped by the dilation",
    Role.OUTPUT: "output",
    Role.MADE: "this output",
}


def window_scene(node: Node, view: View, sums: Sums | None = None) -> Scene:
    """How the outputs of a convolution or pool come from its input, along all its spatial axes.

    Every channel has the same window, so one sheet stands for all of them; with `sums`, it has that channel's numbers.
    """
    assert isinstance(node.primitive, Correlate | Pool)
    assert node.shape is not None
    assert node.input_shapes[0] is not None
    axes = windows(node.primitive)
    sizes, outputs = node.input_shapes[0][2:], node.shape[2:]
    at = chosen(view, outputs, tuple(map(_first_inside, axes, sizes, outputs)), node.name)
    sheet = plane(
        [range(-axis.before, _end(axis, size, count)) for axis, size, count in zip(axes, sizes, outputs, strict=True)],
        view,
        [_span(axis, place) for axis, place in zip(axes, at, strict=True)],
    )
    made = plane([range(count) for count in outputs], view, [range(place, place + 1) for place in at])
    places, note = [at], ""
    if view.every:
        whole = [place for place in made.positions() if all(tap in sheet for tap in taps(axes, place))]
        places, note = spread_steps(whole or [at])
    steps = tuple(_step(axes, sizes, place, sheet, made, sums) for place in places)
    input_grid = Grid(
        f"input {show_size(sizes)}{_padded_text(axes, sizes)}{sheet.depths}",
        tuple(_input_cells(axes, sizes, outputs, sheet, view.mode, sums)),
        sheet.row_labels,
        sheet.column_labels,
        left_out=sheet.left_out,
    )
    output_grid = Grid(
        f"output {show_size(outputs)}{made.depths}",
        tuple(
            Cell(Role.OUTPUT, *made.place(place), sums.output_text(place) if sums else "") for place in made.positions()
        ),
        made.row_labels,
        made.column_labels,
        line=int(len(sizes) != 2),
        left_out=made.left_out,
    )
    seen = {cell.role for cell in input_grid.cells} | {mark.role for step in steps for mark in step.marks}
    return Scene(
        map_title(node),
        described(node.primitive, view.mode),
        (input_grid, output_grid),
        steps,
        tuple((role, text) for role, text in LEGEND.items() if role in seen | {Role.OUTPUT}),
        shown=places.index(at) if at in places else 0,
        notes=tuple(text for text in (note, _unread_text(axes, sizes, outputs), _channels_text(node)) if text),
    )


def taps(axes: tuple[Window, ...], place: Axes) -> Iterator[Axes]:
    """The input positions under the taps of one output, the last axis fastest."""
    return product(*(read_by(axis, at) for axis, at in zip(axes, place, strict=True)))


def is_read(axis: Window, outputs: int, at: int) -> bool:
    """Whether any of the outputs reads a position of the padded input.

    >>> [at for at in range(9) if not is_read(Window(2, stride=3), 3, at)]
    [2, 5, 8]
    """
    places = (divmod(at + axis.before - tap * axis.dilation, axis.stride) for tap in range(axis.kernel))
    return any(rest == 0 and 0 <= place < outputs for place, rest in places)


def _end(axis: Window, size: int, outputs: int) -> int:
    """The end of the padded input; in a pool that rounds up, of its last window."""
    return max(size + axis.after, read_by(axis, outputs - 1)[-1] + 1)


def _span(axis: Window, at: int) -> range:
    reads = read_by(axis, at)
    return range(reads[0], reads[-1] + 1)


def _first_inside(axis: Window, size: int, outputs: int) -> int:
    """The first output that reads no padding, or else the first."""
    place = -(-axis.before // axis.stride)
    return place if place < outputs and read_by(axis, place)[-1] < size else 0


def _input_cells(
    axes: tuple[Window, ...], sizes: Axes, outputs: Axes, sheet: Plane, mode: str, sums: Sums | None
) -> Iterator[Cell]:
    along = list(zip(axes, sizes, outputs, sheet.shown, strict=True))
    read = [{at: is_read(axis, count, at) for at in shown} for axis, _, count, shown in along]
    padded = [{at: source(zones(size, axis, mode), at) for at in shown} for axis, size, _, shown in along]
    for place in sheet.positions():
        inside = all(0 <= at < size for at, size in zip(place, sizes, strict=True))
        found = [ats[at] for ats, at in zip(padded, place, strict=True)]
        origin = tuple(at for at in found if at is not None)
        text = ""
        if sums is not None:
            text = sums.input_text(origin) if len(origin) == len(sizes) else "0"
        elif mode != "zeros" and len(origin) == len(sizes):
            text = str(flat(origin, sizes))
        crossed = not all(ats[at] for ats, at in zip(read, place, strict=True))
        yield Cell(Role.INPUT if inside else Role.PADDING, *sheet.place(place), text, crossed)


def _step(axes: tuple[Window, ...], sizes: Axes, place: Axes, sheet: Plane, made: Plane, sums: Sums | None) -> Step:
    read = set(taps(axes, place))
    spans = product(*(_span(axis, at) for axis, at in zip(axes, place, strict=True)))
    marks = [
        Mark(0, *sheet.place(under), Role.TAP if under in read else Role.HOLE) for under in spans if under in sheet
    ]
    marks.append(Mark(1, *made.place(place), Role.MADE))
    outside = sum(not all(0 <= at < size for at, size in zip(under, sizes, strict=True)) for under in read)
    lines = [
        f"output {position_text(place)} reads {reach_text([read_by(*each) for each in zip(axes, place, strict=True)])}"
    ]
    if outside:
        lines.append(f"{outside} of its {len(read)} taps read padding")
    return Step(f"output {position_text(place)}", tuple(marks), (*lines, *(sums.lines(place) if sums else ())))


def _padded_text(axes: tuple[Window, ...], sizes: Axes) -> str:
    padded = tuple(axis.before + size + axis.after for axis, size in zip(axes, sizes, strict=True))
    return "" if padded == sizes else f", padded to {show_size(padded)}"


def _unread_text(axes: tuple[Window, ...], sizes: Axes, outputs: Axes) -> str:
    """How many input positions no output reads."""
    read = prod(outputs_reached(count, size, axis) for axis, size, count in zip(axes, sizes, outputs, strict=True))
    if read == prod(sizes):
        return ""
    return f"{prod(sizes) - read:,} of {prod(sizes):,} input pixels are never read"


def _channels_text(node: Node) -> str:
    assert node.input_shapes[0] is not None
    match node.primitive:
        case Correlate(in_channels=channels, out_channels=filters, groups=groups):
            if channels == groups:
                return f"each of the {filters} filters reads one input channel" if filters > 1 else ""
            return f"each of the {filters} filters sums {channels // groups} input channels, all with this window"
        case _:
            channels = node.input_shapes[0][1]
            return f"each of the {channels} channels has this window" if channels > 1 else ""
