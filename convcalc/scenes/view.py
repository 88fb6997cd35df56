"""How a picture is asked for: which output, how much of it, with which numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.errors import ShapeError
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.notation import Axes, show_axes

MAX_STEPS = 64
"""Most steps of an animated picture."""
EXACT_DIGITS = 6
MAX_WHOLE = 1e6
"""Floats that are whole numbers below this are shown as such."""


class View(NamedTuple):
    """`at` is the output position to show, None for the first that reads no padding or else the first of all.

    `rows` and `columns` limit every grid. With `every`, there is a step for every shown output, else only one.
    """

    at: Axes | None
    rows: int
    columns: int
    every: bool = False
    mode: str = "zeros"

    def limits(self, lengths: Sequence[int]) -> Axes:
        """The most positions along each axis. A strip has a line to itself, and so have the sheets of a 3-D picture."""
        match lengths:
            case (_,):
                return (2 * self.columns,)
            case (_, _):
                return (self.rows, self.columns)
        wide = min(lengths[-1], max(7, self.columns // 2))
        return (max(1, (2 * self.columns + 1) // (wide + 1)), self.rows, wide)


def chosen(view: View, outputs: Axes, preferred: Axes, layer: str) -> Axes:
    """The output position to show. Raises ShapeError if it is not one of the layer's outputs."""
    if view.at is None:
        return preferred
    if len(view.at) != len(outputs):
        raise ShapeError(
            f"at: must have a number per axis of layer {layer}, got {len(view.at)} for {len(outputs)}; for example "
            f"--at {','.join('0' * len(outputs))}"
        )
    for at, size, name in zip(view.at, outputs, AXIS_NAMES[len(outputs)], strict=True):
        if at >= size:
            places = f"0 to {size - 1}" if size > 1 else "0"
            raise ShapeError(f"at: the {name} must be an output of layer {layer}, got {at}; use {places}")
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
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < MAX_WHOLE):
        return str(int(value))
    return f"{value:.3g}"


def factor_text(value: complex) -> str:
    """The same as the second factor of a product, where a sign needs parentheses."""
    text = number_text(value)
    return f"({text})" if text.startswith("-") or isinstance(value, complex) else text


def count_text(count: int) -> str:
    """A count in a cell: exact up to six digits, beyond them its first two.

    >>> count_text(1296), count_text(43046721)
    ('1296', '4.3e7')
    """
    digits = str(count)
    return digits if len(digits) <= EXACT_DIGITS else f"{digits[0]}.{digits[1]}e{len(digits) - 1}"


def position_text(position: Axes) -> str:
    return f"({', '.join(map(str, position))})" if len(position) > 1 else show_axes(position)
