"""A picture as data: cells at their places, what each step marks, and the words that go with it."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple


class Role(Enum):
    """What a cell stands for. The value is its name in a picture's markup."""

    INPUT = "input"
    PADDING = "padding"
    INSERTED = "inserted"
    OUTPUT = "output"
    CROPPED = "cropped"
    WEIGHT = "weight"
    NOTHING = "nothing"
    TAP = "tap"
    HOLE = "hole"
    MADE = "made"


class Cell(NamedTuple):
    """A square of a grid. `text` is its value, if there is one; `unread` says that no output reads it."""

    role: Role
    row: int
    column: int
    text: str = ""
    unread: bool = False


class Grid(NamedTuple):
    """Cells in rows and columns, which are labelled by their positions; an empty label marks a gap.

    Grids on the same `line` of the picture stand side by side. `left_out` says what is not shown, if anything.
    """

    title: str
    cells: tuple[Cell, ...]
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    line: int = 0
    left_out: str = ""


class Mark(NamedTuple):
    """A cell of grid number `grid` that looks otherwise during a step."""

    grid: int
    row: int
    column: int
    role: Role


class Step(NamedTuple):
    """One moment of the picture: what is marked, and what there is to say."""

    title: str
    marks: tuple[Mark, ...]
    lines: tuple[str, ...] = ()


class Link(NamedTuple):
    """A line from a cell of one grid to a cell of a later one, each (grid, row, column)."""

    source: tuple[int, int, int]
    target: tuple[int, int, int]


class Bar(NamedTuple):
    """A bar from `begin` to `end`, shares of the width, and its value; without a label it belongs to the bar above."""

    label: str
    begin: float
    end: float
    text: str
    role: Role


class Block(NamedTuple):
    """A block in a row of blocks: its width in any unit; its height, and how dark it is, as shares of 1."""

    label: str
    width: float
    height: float
    shade: float
    text: str


class Scene(NamedTuple):
    """A whole picture. `shown` is the step of a still picture; `legend` says what each role in it means.

    `scale` says what the measures of blocks stand for; in a terminal blocks are bars, which have none of them.
    `arcs` lead from one block to a later one. `notes` are remarks for the reader, such as steps that were left out.
    """

    title: str
    description: str
    grids: tuple[Grid, ...]
    steps: tuple[Step, ...]
    legend: tuple[tuple[Role, str], ...]
    shown: int = 0
    links: tuple[Link, ...] = ()
    bars: tuple[Bar, ...] = ()
    blocks: tuple[Block, ...] = ()
    arcs: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()
    scale: str = ""

    @property
    def described(self) -> str:
        """The description of a picture to scale."""
        return f"{self.description}; {self.scale}" if self.scale else self.description


def scene_dict(scene: Scene) -> dict[str, Any]:
    """The picture as plain JSON values."""
    return {
        "title": scene.title,
        "description": scene.described,
        "grids": [
            {
                "title": grid.title,
                "rows": list(grid.row_labels),
                "columns": list(grid.column_labels),
                "left_out": grid.left_out,
                "cells": [
                    {"role": cell.role.value, "row": cell.row, "column": cell.column, "text": cell.text,
                     "unread": cell.unread}
                    for cell in grid.cells
                ],
            }
            for grid in scene.grids
        ],
        "steps": [
            {
                "title": step.title,
                "marks": [mark._asdict() | {"role": mark.role.value} for mark in step.marks],
                "lines": list(step.lines),
            }
            for step in scene.steps
        ],
        "links": [{"source": list(link.source), "target": list(link.target)} for link in scene.links],
        "bars": [bar._asdict() | {"role": bar.role.value} for bar in scene.bars],
        "blocks": [block._asdict() for block in scene.blocks],
        "arcs": [list(arc) for arc in scene.arcs],
        "legend": {role.value: text for role, text in scene.legend},
        "shown": scene.shown,
        "notes": list(scene.notes),
    }  # fmt: skip
