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
from convcalc.scenes.scene import Cell, Grid, Mark, Role, Scene, Step
from convcalc.scenes.taps import meets
from convcalc.scenes.view import View, chosen, position_text
from convcalc.scenes.words import described


def matrix_scene(node: Node, view: View) -> Scene:
    """The matrix C of one channel, and its transpose, which is the transposed convolution with the same kernel."""
    assert isinstance(node.primitive, Correlate | TransposedCorrelate)
    assert node.shape is not None
    assert node.input_shapes[0] is not None
    axes, transposed = windows(node.primitive), isinstance(node.primitive, TransposedCorrelate)
    sizes, outputs = node.input_shapes[0][2:], node.shape[2:]
    at = chosen(view, outputs, tuple(0 for _ in outputs))
    rows, columns, weights = prod(outputs), prod(sizes), _weights(axes, sizes, outputs, transposed)
    shown_rows, shown_columns = min(rows, view.rows), min(columns, 2 * view.columns)
    taps = [*product(*(range(axis.kernel) for axis in axes))]
    names = dict(zip(taps, ascii_letters, strict=False)) if len(taps) <= len(ascii_letters) else {}
    here = {
        (row, column): names.get(tap, "")
        for row, column, tap in _entries(axes, sizes, outputs, transposed, shown_rows)
        if column < shown_columns
    }
    cut = (shown_rows, shown_columns) != (rows, columns)
    whole = f"{show_size((rows, columns))} matrix"
    left = f"shown are the first {shown_rows} rows and {shown_columns} columns" if cut else ""
    forward = Grid(
        f"C, {whole}: a row per output, a column per input",
        tuple(
            Cell(Role.WEIGHT if (row, column) in here else Role.NOTHING, row, column, here.get((row, column), ""))
            for row in range(shown_rows)
            for column in range(shown_columns)
        ),
        tuple(map(str, range(shown_rows))),
        tuple(map(str, range(shown_columns))),
        left_out=left,
    )
    backward = Grid(
        f"C transposed, {show_size((columns, rows))}",
        tuple(
            Cell(Role.WEIGHT if (row, column) in here else Role.NOTHING, column, row, here.get((row, column), ""))
            for column in range(min(shown_columns, view.rows))
            for row in range(shown_rows)
        ),
        tuple(map(str, range(min(shown_columns, view.rows)))),
        tuple(map(str, range(shown_rows))),
        line=1,
        left_out=left and f"shown are the first {min(shown_columns, view.rows)} rows and {shown_rows} columns",
    )
    row = _flat(at, outputs)
    marks = tuple(Mark(0, row, column, Role.TAP) for at_row, column in here if at_row == row)
    first, last = names.get(taps[0], ""), names.get(taps[-1], "")
    taps_text = (f"{first} to {last} are the taps, row by row",) if names and len(taps) > 1 else ()
    lines = (
        f"row {row} is output {position_text(at)}",
        f"{weights:,} of {rows * columns:,} entries are weights: the multiplications that meet data, for one channel "
        "and one filter",
        *taps_text,
    )
    legend = (
        (Role.WEIGHT, "a weight of the kernel"),
        (Role.NOTHING, "zero"),
        (Role.TAP, "the row of the output shown"),
    )
    return Scene(
        f"{node.name}: {show_size(node.input_shapes[0][1:])} -> {show_size(node.shape[1:])}",
        f"{'transposed, ' if transposed else ''}{described(node.primitive)}, as a matrix times the flat input",
        (forward, backward),
        (Step(f"row {row}", marks, lines),),
        legend if marks else legend[:2],
    )


def _weights(axes: tuple[Window, ...], sizes: Axes, outputs: Axes, transposed: bool) -> int:
    along = zip(axes, sizes, outputs, strict=True)
    return prod(pairs_inside(size, n, axis) if transposed else pairs_inside(n, size, axis) for axis, size, n in along)


def _entries(
    axes: tuple[Window, ...], sizes: Axes, outputs: Axes, transposed: bool, rows: int
) -> Iterator[tuple[int, int, Axes]]:
    """(row, column, tap) of every weight in the first rows."""
    for row, place in enumerate(product(*map(range, outputs))):
        if row == rows:
            return
        along = (meets(axis, size, at, transposed) for axis, size, at in zip(axes, sizes, place, strict=True))
        for met in product(*along):
            yield row, _flat(tuple(source for source, _ in met), sizes), tuple(tap for _, tap in met)


def _flat(place: Axes, sizes: Axes) -> int:
    number = 0
    for at, size in zip(place, sizes, strict=True):
        number = number * size + at
    return number
