"""A separable kernel as a column times a row, with the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcalc.scenes.scene import Cell, Grid, Role, Scene, Step
from convcalc.scenes.view import number_text

if TYPE_CHECKING:
    import numpy as np


def factors_scene(column: np.ndarray, row: np.ndarray) -> Scene:
    """The outer product of a column (k,) and a row (k,), beside them."""
    heights, widths = column.tolist(), row.tolist()
    return Scene(
        "the kernel is a column times a row",
        f"{len(heights)} + {len(widths)} numbers in place of {len(heights) * len(widths)}",
        (
            _grid("column", [[a] for a in heights], Role.INPUT),
            _grid("row", [widths], Role.INPUT),
            _grid("column times row", [[a * b for b in widths] for a in heights], Role.WEIGHT),
        ),
        (Step("factors", ()),),
        ((Role.INPUT, "factor"), (Role.WEIGHT, "kernel")),
    )


def _grid(title: str, values: Sequence[Sequence[complex]], role: Role) -> Grid:
    cells = tuple(Cell(role, r, c, number_text(value)) for r, row in enumerate(values) for c, value in enumerate(row))
    return Grid(title, cells, tuple(map(str, range(len(values)))), tuple(map(str, range(len(values[0])))))
