"""Small arrays as rows of numbers, map by map."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def _place(number: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    place = []
    for length in reversed(shape):
        number, at = divmod(number, length)
        place.append(at)
    return tuple(reversed(place))
