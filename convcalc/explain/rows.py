"""One row of the working-out: a number with its formula, the numbers put into it, and its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from convcalc.axis.positions import Positions
from convcalc.formulas import Formula, Symbol
from convcalc.graph.shapes import AXIS_NAMES

MAX_TERMS = 12
"""Positions or taps written out one by one; longer lists are shortened."""


class Explanation(NamedTuple):
    """One number: where it belongs, what it is, and how it comes about."""

    where: str
    quantity: str
    formula: str
    numbers: str
    result: int | float | str | None
    source: str


def row_of(
    where: str, quantity: str, formula: Formula, result: int | float | str | None, **symbols: Symbol
) -> Explanation:
    """The explanation of `result`, with the symbols' numbers put into the formula."""
    return Explanation(where, quantity, formula.text, formula.with_numbers(**symbols), result, formula.source)


def named_axes(axes: Sequence[Sequence[Explanation]], names: Sequence[str] = ()) -> Iterator[Explanation]:
    """The rows of every axis, each named after its axis; axes that work out alike share one row.

    The names are those of the spatial axes unless others are given.

    >>> [row.quantity for row in named_axes([[Explanation("", "output", "5", "5", 5, "")]] * 2)]
    ['output height and width']
    """
    names = names or AXIS_NAMES[len(axes)]
    alike: dict[str, dict[Explanation, list[str]]] = {}
    for name, rows in zip(names, axes, strict=True):
        for row in rows:
            alike.setdefault(row.quantity, {}).setdefault(row, []).append(name)
    for quantity, found in alike.items():
        for row, labels in found.items():
            named = f"{quantity} {' and '.join(labels)}"
            yield Explanation(row.where, named, row.formula, row.numbers, row.result, row.source)


def listed(positions: Positions) -> str:
    """The positions one by one; long unbroken runs as first..last, and a long list shortened.

    >>> listed(Positions(-3, 2, ((0, 2), (5, 30))))
    '-3, -1, 1, 7..57 step 2'
    """
    shown = []
    for first, last in positions.runs[: MAX_TERMS + 1]:
        ends = positions.offset + positions.step * first, positions.offset + positions.step * last
        if last - first < MAX_TERMS:
            shown += [str(i) for i in range(ends[0], ends[1] + 1, positions.step)]
        else:
            step = "" if positions.step == 1 else f" step {positions.step}"
            shown.append(f"{ends[0]}..{ends[1]}{step}")
    if len(positions.runs) > MAX_TERMS or len(shown) > 2 * MAX_TERMS:
        return f"{', '.join(shown[:MAX_TERMS])}, ..., {positions.last}"
    return ", ".join(shown)
