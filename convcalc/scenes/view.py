"""How a picture is asked for: which output, how much of it, with which numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.errors import ShapeError
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.notation import Axes, show_axes

MAX_STEPS = 64
"""Most steps of an animated picture."""


class View(NamedTuple):
    """`at` is the output position to show, None for the first that reads no padding or else the first of all.

    `rows` and `columns` limit every grid. With `every`, there is a step for every shown output, else only one.
    """

    at: Axes | None
    rows: int
    columns: int
    every: bool = False
    mode: str = "zeros"

    def limits(self, dims: int) -> Axes:
        """The most positions along each axis; the sheets of a 3-D picture share the columns."""
        if dims == 3:
            return (max(1, self.columns // 8), self.rows, 7)
        return (self.rows, self.columns)[2 - dims :] if dims == 2 else (2 * self.columns,)


def chosen(view: View, outputs: Axes, preferred: Axes) -> Axes:
    """The output position to show. Raises ShapeError if it is not one of the outputs."""
    if view.at is None:
        return preferred
    if len(view.at) != len(outputs):
        raise ShapeError(
            f"at: must have a number per axis, got {len(view.at)} for {len(outputs)}; for example "
            f"--at {','.join('0' * len(outputs))}"
        )
    for at, size, name in zip(view.at, outputs, AXIS_NAMES[len(outputs)], strict=True):
        if at >= size:
            raise ShapeError(f"at: {name} must be below {size}, got {at}; use 0 to {size - 1}")
    return view.at


def spread_steps(positions: Sequence[Axes]) -> tuple[list[Axes], str]:
    """At most MAX_STEPS of the positions, beginning and end among them, and a note if some are left out."""
    if len(positions) <= MAX_STEPS:
        return list(positions), ""
    last = len(positions) - 1
    picked = [positions[number * last // (MAX_STEPS - 1)] for number in range(MAX_STEPS)]
    return picked, f"{MAX_STEPS} of {len(positions):,} steps are shown"


def number_text(value: complex) -> str:
    """A value of an array as a cell shows it."""
    return str(int(value)) if isinstance(value, int) else f"{value:.3g}"


def position_text(position: Axes) -> str:
    return f"({', '.join(map(str, position))})" if len(position) > 1 else show_axes(position)
