"""A convolution as a sparse matrix: a row for every output, a column for every input, a weight where they meet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from string import ascii_letters

from convcalc.axis.window import Window, pairs_inside
from convcalc.graph.graph import Node
from convcalc.graph.primitives import Correlate, TransposedCorrelate, windows
from convcalc.notation import Axes, show_size
from convcalc.scenes.plane import flat, plane
from convcalc.scenes.scene import Cell, Grid, Mark, Role, Scene, Step
from convcalc.scenes.taps import meets
from convcalc.scenes.view import View, chosen, position_text
from convcalc.scenes.words import described, map_title


def matrix_scene(node: Node, view: View) -> Scene:
    """The matrix C of one channel, and its transpose, which is the transposed convolution with the same kernel."""
    assert isinstance(node.primitive, Correlate | TransposedCorrelate)
    assert node.shape is not None
    assert node.input_shapes[0] is not None
    axes, transposed = windows(node.primitive), isinstance(node.primitive, TransposedCorrelate)
    sizes, outputs = node.input_shapes[0][2:], node.shape[2:]
    at = chosen(view, outputs, tuple(0 for _ in outputs), node.name)
    rows, columns, weights = prod(outputs), prod(sizes), _weights(axes, sizes, outputs, transposed)
    taps = [*product(*(range(axis.kernel) for axis in axes))]
    names = dict(zip(taps, ascii_letters, strict=False)) if len(taps) <= len(ascii_letters) else {}
    row = flat(at, outputs)
    wide = view._replace(columns=2 * view.columns)
    first = flat(tuple(_first_met(*each, transposed) for each in zip(axes, sizes, at, strict=True)), sizes)
    around = range(row, row + 1), range(first, first + wide.columns)
    sheet = plane([range(rows), range(columns)], wide, around)
    turned = plane([range(columns), range(rows)], wide, around[::-1])
    here: dict[Axes, str] = {
        (row, column): names.get(tap, "")
        for shown in {sheet.shown, turned.shown[::-1]}
        for row, column, tap in _entries(axes, sizes, outputs, transposed, *shown)
    }
    forward = Grid(
        f"C, {show_size((rows, columns))} matrix: a row per output, a column per input",
        tuple(_cell(sheet.place(entry), here.get(entry)) for entry in sheet.positions()),
        sheet.row_labels,
        sheet.column_labels,
        left_out=sheet.left_out,
    )
    backward = Grid(
        f"C transposed, {show_size((columns, rows))}",
        tuple(_cell(turned.place(entry), here.get(entry[::-1])) for entry in turned.positions()),
        turned.row_labels,
        turned.column_labels,
        left_out=turned.left_out,
    )
    marks = tuple(Mark(0, *sheet.place((row, column)), Role.TAP) for column in sheet.shown[1] if (row, column) in here)
    taps_text = (f"{names[taps[0]]} to {names[taps[-1]]} are the taps, row by row",) if names and len(taps) > 1 else ()
    lines = (
        f"row {row} is output {position_text(at)}",
        f"{weights:,} of {rows * columns:,} entries are weights: the multiplications that meet data, for one channel "
        "and one filter",
        *taps_text,
    )
    legend = (
        (Role.WEIGHT, "a weight of the kernel"),
        (Role.NOTHING, "zero"),
        (Role.TAP, "the row of this output"),
    )
    return Scene(
        map_title(node),
        f"{'transposed, ' if transposed else ''}{described(node.primitive)}, as a matrix times the flat input",
        (forward, backward),
        (Step(f"row {row}", marks, lines),),
        legend if marks else legend[:2],
    )


def _cell(place: tuple[int, int], weight: str | None) -> Cell:
    """An entry of the matrix: its tap, or None for a zero."""
    return Cell(Role.NOTHING if weight is None else Role.WEIGHT, *place, weight or "")


def _weights(axes: tuple[Window, ...], sizes: Axes, outputs: Axes, transposed: bool) -> int:
    along = zip(axes, sizes, outputs, strict=True)
    return prod(pairs_inside(size, n, axis) if transposed else pairs_inside(n, size, axis) for axis, size, n in along)


def _entries(
    axes: tuple[Window, ...], sizes: Axes, outputs: Axes, transposed: bool, rows: range, columns: range
) -> Iterator[tuple[int, int, Axes]]:
    """(row, column, tap) of every weight in these rows and columns."""
    sources = [(column, _unflat(column, sizes)) for column in columns]
    for row in rows:
        along = zip(axes, sizes, _unflat(row, outputs), strict=True)
        met = [dict(meets(axis, size, at, transposed)) for axis, size, at in along]
        for column, source in sources:
            tap = tuple(taps[at] for taps, at in zip(met, source, strict=True) if at in taps)
            if len(tap) == len(met):
                yield row, column, tap


def _first_met(axis: Window, size: int, at: int, transposed: bool) -> int:
    """The first input position that an output reads, 0 if it reads none."""
    return min((source for source, _ in meets(axis, size, at, transposed)), default=0)


def _unflat(number: int, sizes: Axes) -> Axes:
    """The place of which `flat` makes this number."""
    place = []
    for size in reversed(sizes):
        number, at = divmod(number, size)
        place.append(at)
    return tuple(reversed(place))
