"""A scene as lines of text: two characters a cell, or its value; colours where the terminal has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import NamedTuple

from convcalc.scenes.scene import Cell, Grid, Role, Scene, Step

GAP = 4
"""Columns between grids side by side."""
EVERY = 5
"""Columns of two characters have room for every fifth label."""


class Signs(NamedTuple):
    """The sign of every role, and of a cell that nothing reads."""

    roles: dict[Role, str]
    unread: str


ASCII = Signs(
    {
        Role.INPUT: "o", Role.PADDING: ".", Role.INSERTED: "0", Role.OUTPUT: "o", Role.CROPPED: ":",
        Role.WEIGHT: "#", Role.NOTHING: ".", Role.TAP: "#", Role.HOLE: "x", Role.MADE: "@",
    },
    "-",
)  # fmt: skip
# Only characters that are one column wide in every terminal: Braille patterns and ░ are, blocks and lines are not.
UNICODE = Signs(
    {
        Role.INPUT: "⠶", Role.PADDING: "░", Role.INSERTED: "0", Role.OUTPUT: "⠶", Role.CROPPED: "╎",
        Role.WEIGHT: "⣿", Role.NOTHING: "⠂", Role.TAP: "⣿", Role.HOLE: "⠭", Role.MADE: "⠿",
    },
    "⠤",
)  # fmt: skip
AROUND = {Role.TAP: "[]", Role.HOLE: "()", Role.MADE: "<>"}
"""What stands around a value, so that its role shows without colour."""
STYLES = {
    Role.INPUT: "#111111 on #9ccbf2", Role.PADDING: "#111111 on #cccccc", Role.INSERTED: "#111111 on #ffffff",
    Role.OUTPUT: "#111111 on #f0b429", Role.CROPPED: "#111111 on #cccccc", Role.WEIGHT: "#ffffff on #0072b2",
    Role.NOTHING: "", Role.TAP: "bold #ffffff on #0072b2", Role.HOLE: "#111111 on #9ccbf2",
    Role.MADE: "bold #ffffff on #d55e00",
}  # fmt: skip

COLOURS = {Role.TAP: "#0072b2", Role.OUTPUT: "#f0b429", Role.MADE: "#d55e00", Role.INPUT: "#9ccbf2"}
"""Of bars, whose signs have no ground."""

Piece = tuple[str, str]
"""Text and its style."""
Line = list[Piece]
Sources = dict[tuple[int, int], str]
Block = tuple[list[Line], int]
"""A grid as lines, and how many columns they need."""


def scene_lines(scene: Scene, step: int, width: int, signs: Signs) -> Iterator[Line]:
    """The whole picture at one step: title, grids, what the step says, and the legend."""
    if len(scene.title) + 2 + len(scene.description) <= width:
        yield [(scene.title, "bold"), (f"  {scene.description}", "")]
    else:
        yield from ([(line, "bold")] for line in wrap(scene.title, width))
        yield from ([(line, "")] for line in wrap(scene.description, width))
    now = scene.steps[step]
    sources = _sources(scene)
    for line in sorted({grid.line for grid in scene.grids}):
        blocks = [
            (_block(number, grid, now, signs, sources), _width(number, grid, sources))
            for number, grid in enumerate(scene.grids)
            if grid.line == line
        ]
        for group in _fitting(blocks, width):
            yield from _side_by_side(group)
            yield []
    yield from _block_lines(scene, width, signs)
    yield from _bar_lines(scene, width, signs)
    for text in (*now.lines, *scene.notes):
        yield from ([(line, "")] for line in wrap(text, width) or [""])
    yield from _legend(scene, signs, width)


def _fitting(blocks: Sequence[Block], width: int) -> Iterator[list[Block]]:
    """The blocks in order, as many side by side as there is room for."""
    group: list[Block] = []
    for block in blocks:
        if group and sum(wide + GAP for _, wide in group) + block[1] > width:
            yield group
            group = []
        group.append(block)
    yield group


def _block_lines(scene: Scene, width: int, signs: Signs) -> Iterator[Line]:
    """A line per block: its name, its text, a bar as long as it is dark, and which earlier blocks lead to it."""
    if not scene.blocks:
        return
    label, text = (max(map(len, texts)) for texts in zip(*((b.label, b.text) for b in scene.blocks), strict=True))
    darkest = max(block.shade for block in scene.blocks) or 1
    room = max(8, min(24, width - label - text - 28))
    for number, block in enumerate(scene.blocks):
        length = max(int(block.shade > 0), round(block.shade / darkest * room))
        arcs = [scene.blocks[source].label for source, target in scene.arcs if target == number]
        skip = f"  <- {', '.join(arcs)}" if arcs else ""
        bar = signs.roles[Role.TAP] * length
        yield [
            (f"{block.label:<{label}}  {block.text:>{text}}  ", ""),
            (bar, COLOURS[Role.TAP]),
            (skip, "dim"),
        ]
    yield []


def _bar_lines(scene: Scene, width: int, signs: Signs) -> Iterator[Line]:
    """The bars below one another; one that is not nothing has at least one sign."""
    if not scene.bars:
        return
    label, text = (max(map(len, texts)) for texts in zip(*((bar.label, bar.text) for bar in scene.bars), strict=True))
    room = max(10, width - label - text - 4)
    for bar in scene.bars:
        first = round(bar.begin * room)
        length = max(int(bar.end > bar.begin), round(bar.end * room) - first)
        drawn = (signs.roles[bar.role] * length, COLOURS[bar.role])
        yield [
            (f"{bar.label:<{label}}  " + " " * first, ""),
            drawn,
            (f"{bar.text:>{room - first - length + text + 2}}", ""),
        ]
    yield []


def _sources(scene: Scene) -> Sources:
    """For every row of a grid that lines lead to from another grid: the cells that they come from, in words."""
    texts = [{(cell.row, cell.column): cell.text for cell in grid.cells} for grid in scene.grids]
    found: dict[tuple[int, int], list[str]] = {}
    for (grid, row, column), target in scene.links:
        if grid != target[0]:
            found.setdefault(target[:2], []).append(texts[grid][row, column])
    return {place: f" <- {' '.join(labels)}" for place, labels in found.items()}


def _side_by_side(blocks: Sequence[Block]) -> Iterator[Line]:
    for row in zip_longest(*(lines for lines, _ in blocks), fillvalue=[]):
        line: Line = []
        for number, (pieces, (_, wide)) in enumerate(zip(row, blocks, strict=True)):
            line += pieces
            if number + 1 < len(blocks):
                line.append((" " * (wide + GAP - sum(len(text) for text, _ in pieces)), ""))
        yield line


def _block(number: int, grid: Grid, step: Step, signs: Signs, sources: Sources) -> list[Line]:
    """The lines of one grid: its title, the labels of its columns, and its rows with what leads to them."""
    marked = {(mark.row, mark.column): mark.role for mark in step.marks if mark.grid == number}
    size, gutter = _cell_width(grid), _gutter(grid)
    rows: list[list[Piece]] = [[(" " * size, "")] * len(grid.column_labels) for _ in grid.row_labels]
    for cell in grid.cells:
        role = marked.get((cell.row, cell.column), cell.role)
        rows[cell.row][cell.column] = (_cell_text(cell, role, size, signs), STYLES[role])
    labels = " " * gutter + _column_labels(grid.column_labels, size)
    remark = _on_title_line(grid)
    lines: list[Line] = [[(grid.title, "bold"), (remark, "dim")]] if grid.title else []
    if any(grid.column_labels):
        lines.append([(labels.rstrip(), "dim")])
    for i, (label, row) in enumerate(zip(grid.row_labels, rows, strict=True)):
        lines.append(
            [(f"{label:>{gutter - 1}} " if gutter else "", "dim"), *row, (sources.get((number, i), ""), "dim")]
        )
    if grid.left_out and not remark:
        lines.append([(grid.left_out, "dim")])
    return lines


def _on_title_line(grid: Grid) -> str:
    """What is left out, if that makes the grid no wider."""
    remark = f"; {grid.left_out}"
    return remark if grid.title and grid.left_out and len(grid.title + remark) <= _cells_width(grid) else ""


def _cell_text(cell: Cell, role: Role, size: int, signs: Signs) -> str:
    if not cell.text:
        sign = signs.unread if cell.unread and role == cell.role else signs.roles[role]
        return f"{sign:^{size}}" if size > 2 else f"{sign} "
    around = AROUND.get(role, "--" if cell.unread else "  ")
    return f"{around[0]}{cell.text:>{size - 2}}{around[1]}"


def _cell_width(grid: Grid) -> int:
    """Columns of a cell: a sign and a space, or the longest value with a character on either side."""
    longest = max((len(cell.text) for cell in grid.cells), default=0)
    return longest + 2 if longest else 2


def _column_labels(labels: Sequence[str], size: int) -> str:
    """The labels above their columns: all that are short enough, or else every so many."""
    every = 1 if size > max(2, *map(len, labels)) else EVERY
    line = ""
    for number, label in enumerate(labels):
        if label and int(label) % every == 0:
            start = number * size + (size - 1 - len(label) if every == 1 else 0)
            line += " " * (start - len(line)) + label
    return line


def _gutter(grid: Grid) -> int:
    longest = max(map(len, grid.row_labels))
    return longest + 1 if longest else 0


def _cells_width(grid: Grid) -> int:
    return _gutter(grid) + _cell_width(grid) * len(grid.column_labels)


def _width(number: int, grid: Grid, sources: Sources) -> int:
    cells = _cells_width(grid) + max((len(text) for (own, _), text in sources.items() if own == number), default=0)
    return max(cells, len(grid.title), len(grid.left_out))


def _legend(scene: Scene, signs: Signs, width: int) -> Iterator[Line]:
    """A sign and words for every role, as many a line as fit."""
    valued = any(cell.text for grid in scene.grids for cell in grid.cells)
    entries = [
        (" ".join(AROUND[role]) if valued and role in AROUND else signs.roles[role], STYLES[role], text)
        for role, text in scene.legend
    ]
    if any(cell.unread for grid in scene.grids for cell in grid.cells):
        entries.append((signs.unread, "", "never read"))
    line: Line = []
    used = 0
    for sign, style, text in entries:
        wide = len(sign) + len(text) + 4
        if line and used + wide > width:
            yield line
            line, used = [], 0
        line += [(f" {sign} ", style), (f" {text} ", "")]
        used += wide
    yield line
