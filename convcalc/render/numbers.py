"""Small arrays as rows of numbers, map by map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.proof.statistics import is_small

if TYPE_CHECKING:
    import numpy as np


def number_lines(out: np.ndarray) -> tuple[str, ...]:
    """The numbers of a small output in columns, each map under its place if there are several."""
    cells = [f"{value:.6g}" if out.dtype.kind in "fc" else str(value) for value in out.ravel().tolist()]
    width, columns = max(map(len, cells)), out.shape[-1]
    rows = [
        " ".join(cell.rjust(width) for cell in cells[at : at + columns]).rstrip()
        for at in range(0, len(cells), columns)
    ]
    height = out.shape[-2] if out.ndim > 1 else 1
    if len(rows) == height:
        return tuple(rows)
    lines = []
    for number, at in enumerate(range(0, len(rows), height)):
        place = ",".join(str(n) for n in _place(number, out.shape[:-2]))
        lines += [f"[{place}]", *rows[at : at + height]]
    return tuple(lines)


def beside_lines(ours: np.ndarray, theirs: np.ndarray, wrong: np.ndarray, width: int) -> tuple[str, ...]:
    """Two small outputs of one shape side by side, the cells of the second that differ marked with *.

    Nothing if they are not small, or wider than `width`.
    """
    if not is_small(theirs):
        return ()
    left = number_lines(ours)
    cells = [f"{value:.6g}" if theirs.dtype.kind in "fc" else str(value) for value in theirs.ravel().tolist()]
    marked = [f"{cell}*" if odd else f"{cell} " for cell, odd in zip(cells, wrong.ravel().tolist(), strict=True)]
    size, columns = max(map(len, marked)), theirs.shape[-1] if theirs.ndim else 1
    rows = [" ".join(cell.rjust(size) for cell in marked[at : at + columns]) for at in range(0, len(marked), columns)]
    first = max(4, *map(len, left))
    lines, right = [f"{'here':<{first}}   y"], iter(rows)
    lines += [line if line.startswith("[") else f"{line:<{first}}   {next(right)}".rstrip() for line in left]
    return tuple(lines) if max(map(len, lines)) <= width else ()


def _place(number: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    place = []
    for length in reversed(shape):
        number, at = divmod(number, length)
        place.append(at)
    return tuple(reversed(place))
