"""Layers found by `solve` as tables."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.errors import first_of, plural
from convcalc.notation import show_axes
from convcalc.questions.solve import Family, Layer, Solved, layer_word, padding_text
from convcalc.questions.solve_axis import ORDER
from convcalc.render.table import Cell, Table

ROWS = 12
"""Rows that a terminal shows."""
ALSO = 3
"""Other paddings that a row names."""


def solve_view(solved: Solved) -> Table:
    """Every layer a row; on a terminal the simplest, those that differ in their padding alone in one row."""
    if not solved.families:
        return _none(solved)
    shown = solved.families[:ROWS]
    transposed = solved.tasks[0].transposed
    title = f"{_sizes(solved)}  ({plural(solved.count, 'layer')})"
    left = solved.count - sum(family.count for family in shown)
    rows = tuple(_family_row(family, transposed) for family in shown)
    columns = ("layer", "also with padding", "extent", "input" if _which(solved) else "same output of", "never read")
    return Table(
        title,
        columns,
        rows,
        aside=(
            *([f"and {left:,} more (all when piped, with --json)"] if left else []),
            f"searched: {searched_text(solved)}",
            f"simplest first: {ORDER}",
        ),
        wrapped="also with padding",
    )


def full_view(solved: Solved) -> Table:
    """Every layer a row."""
    columns = (
        "layer", "kernel", "stride", "padding", "dilation", "output padding", "extent", "input", "output",
        "same output of", "never read",
    )  # fmt: skip
    rows = tuple(_row(layer, solved.tasks[0].transposed) for layer in solved.layers())
    return Table(_sizes(solved), columns, rows, aside=(f"searched: {searched_text(solved)}",))


def searched_text(solved: Solved) -> str:
    """The ranges that were searched, in words."""
    ranges = solved.searched.axes
    transposed = solved.tasks[0].transposed
    texts = [
        f"{name.replace('_', ' ')} {_of_axes([getattr(each, name) for each in ranges])}"
        for name in ("kernel", "stride", "dilation", *(["output_padding"] if transposed else []))
    ]
    return ", ".join([*texts, f"padding {_of_axes([padding_text(each.padding) for each in ranges])}"])


def _of_axes(values: Sequence[object]) -> str:
    return show_axes([str(value) for value in values])


def _none(solved: Solved) -> Table:
    lines = [f"none within {searched_text(solved)}"]
    for task, (below, above) in zip(solved.tasks, solved.nearest, strict=False):
        near = [f"{each:,}" for each in (below, above) if each is not None]
        if near:
            lines.append(f"the nearest outputs that these ranges reach from {task.inputs}: {' and '.join(near)}")
    return Table(_sizes(solved), ("layer",), (), verdict=lines[0], good=False, aside=tuple(lines[1:]))


def _which(solved: Solved) -> bool:
    return any(task.which_inputs for task in solved.tasks)


def _sizes(solved: Solved) -> str:
    transposed = "transposed  " * solved.tasks[0].transposed
    inputs, outputs = ([str(getattr(task, name)) for task in solved.tasks] for name in ("inputs", "target"))
    return f"{transposed}{'x'.join(inputs)} -> {'x'.join(outputs)}"


def _family_row(family: Family, transposed: bool) -> tuple[Cell, ...]:
    simplest = family.simplest
    own = tuple((solution.window.before, solution.window.after) for solution in simplest)
    others: list[str] = []
    if family.alike:
        for solution in family.groups[0].solutions():
            pair = solution.window.before, solution.window.after
            if pair != own[0]:
                others.append(f"{pair[0]}:{pair[1]}" if pair[0] != pair[1] else f"{pair[0]}")
            if len(others) > ALSO:
                break
    also = first_of(others, ALSO)
    if family.count - 1 > ALSO and family.alike:
        also = f"{', '.join(others[:ALSO])} and {family.count - 1 - ALSO:,} more"
    elif not family.alike and family.count > 1:
        also = plural(family.count - 1, "other")
    return (layer_word(simplest, transposed), also, *_facts(simplest))


def _facts(layer: Layer) -> tuple[Cell, ...]:
    which = layer[0].inputs if layer[0].inputs != layer[0].same_output and layer[0].inputs.size > 1 else None
    return (
        show_axes([solution.window.extent for solution in layer]),
        show_axes([str(which or solution.same_output) for solution in layer]),
        show_axes([_left(solution.never_read) for solution in layer]),
    )


def _left(borders: tuple[int, int]) -> str:
    return "0" if borders == (0, 0) else f"{borders[0]}:{borders[1]}"


def _row(layer: Layer, transposed: bool) -> tuple[Cell, ...]:
    windows = [solution.window for solution in layer]
    return (
        layer_word(layer, transposed),
        show_axes([window.kernel for window in windows]),
        show_axes([window.stride for window in windows]),
        show_axes([f"{window.before}:{window.after}" for window in windows]),
        show_axes([window.dilation for window in windows]),
        show_axes([solution.output_padding for solution in layer]),
        show_axes([window.extent for window in windows]),
        show_axes([str(solution.inputs) for solution in layer]),
        show_axes([str(solution.outputs) for solution in layer]),
        show_axes([str(solution.same_output) for solution in layer]),
        show_axes([f"{begin}:{end}" for begin, end in (solution.never_read for solution in layer)]),
    )
